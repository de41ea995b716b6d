//! A request with the token, and its repeat with a new one if the service refuses the token.
//!
//! [`BotClient::send`] and the layers differ in what sends the request, and in what becomes of an error.

use std::future::Future;

use progenitor_client::ClientInfo;
use reqwest::{Request, Response};
use tracing::Instrument;

use crate::api::trace;
use crate::client::BotClient;
use crate::client::requests::CheckedResponse;
use crate::config::AccessToken;
use crate::error::Error;
use crate::session::runtime;

/// What came of a request.
pub(crate) struct Exchange {
    /// Its body can still be read.
    pub(crate) response: Response,
    /// What the response means, if it is an error.
    pub(crate) error: Option<Error>,
    /// The token of the last attempt.
    pub(crate) token: AccessToken,
}

/// What sends a request, once it has its token.
pub(crate) trait SendRequest {
    type Error;

    fn send(&mut self, request: Request) -> impl Future<Output = Result<Response, Self::Error>> + Send;

    /// The error of a request that was not sent.
    fn not_sent(error: Error) -> Self::Error;

    /// The type of an error of [`send`](Self::send), for the request's span.
    fn error_type(error: &Self::Error) -> &'static str;
}

impl BotClient {
    /// Sends a request, and once more with a new token, after `before_repeat`, if its token is refused.
    pub(crate) async fn exchange<S: SendRequest>(
        &self,
        mut sender: S,
        request: Request,
        before_repeat: impl Future<Output = ()>,
    ) -> Result<Exchange, S::Error> {
        let again = request.try_clone();
        let (mut checked, mut token) = self.attempt(&mut sender, request).await?;
        let mut is_repeat = false;
        if checked.refuses_token
            && let Some(again) = again
        {
            before_repeat.await;
            (checked, token) = self.attempt(&mut sender, again).await?;
            is_repeat = true;
        }
        let CheckedResponse { response, error_body, refuses_token } = checked;
        let error = error_body.map(|body| self.error_of(&response, &body, refuses_token, is_repeat));
        Ok(Exchange { response, error, token })
    }

    async fn attempt<S: SendRequest>(
        &self,
        sender: &mut S,
        mut request: Request,
    ) -> Result<(CheckedResponse, AccessToken), S::Error> {
        let authorized = self.attach_token(&mut request).await.map_err(S::not_sent)?;
        let span = self.0.registrar.api().inner().span(&request, &[authorized.token.expose_secret()]);
        let attempt = async {
            let sent = runtime::within(sender.send(request)).await.map_err(S::not_sent)?;
            trace::record(&span, sent.as_ref().map_err(S::error_type));
            Ok(self.check_response(sent?, &authorized).await)
        };
        let checked = attempt.instrument(span.clone()).await?;
        Ok((checked, authorized.token))
    }
}
