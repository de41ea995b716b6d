//! The same as [`BotClient::send`], as a layer among others.
//!
//! What differs is the end: a layer around this one wants to see a response as a response, whatever its status,
//! so an error's status is no error here. What it means travels with the response.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error as LayerError, Middleware, Next};

use crate::client::requests::CheckedResponse;
use crate::client::{BotClient, failure};
use crate::session::runtime;

/// A layer that sends what passes with the token of the living [`session`](BotClient::session), as
/// [`send`](BotClient::send) does: to the client's own base URL and below only, with a token that the service refuses
/// replaced once, and without a request once the day's reads are used up.
///
/// - An error's status stays a response, with its body to be read from its beginning to its end, however long, so that
///   the layers around this one see it. The [`Error`](crate::Error) that `send` returns for it is among the response's
///   [extensions](Response::extensions), next to those that the layers within left there.
/// - Where nothing is sent, for want of a token or of reads, or because the request leads elsewhere,
///   the error is a [`Middleware`](LayerError::Middleware) that holds an [`Error`](crate::Error). Retry layers
///   take it for final, which is right: registrations were tried again already.
///
/// Layers added before this one see a request once and without its token, and the response to it that counts:
/// the place for retries and caches (an answer from the cache is no read). Layers added after it see each
/// request as it is sent, its token marked as sensitive.
///
/// This layer sets no timeout, so that it overrides none: the request's own counts, or else that of the
/// [`reqwest::Client`] it is sent with. The client's own connections, as in the example, have its
/// [`timeout`](crate::BotClientBuilder::timeout); those of another client have none unless it was built with one.
///
/// The client's own connections follow no redirects. Those of another [`reqwest::Client`]
/// follow them if it does; reqwest takes the token off when they lead to another host.
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use reqwest_middleware::ClientBuilder;
/// use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
/// use social_plus_bot::api::ClientInfo;
/// use social_plus_bot::{Error, ErrorCode};
///
/// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
/// # let bot = sandbox.client().build()?;
/// let retries = ExponentialBackoff::builder().build_with_max_retries(3);
/// let client = ClientBuilder::new(bot.api().client().clone())
///     .with(RetryTransientMiddleware::new_with_policy(retries))
///     .with(bot.clone())
///     .build();
///
/// let posts = client.get(format!("{}/api/v4/posts", bot.api().baseurl())).send().await?;
/// assert!(posts.status().is_success());
///
/// let refused = client.post(format!("{}/api/v4/posts", bot.api().baseurl())).send().await?;
/// let error = refused.extensions().get::<Error>().unwrap();
/// assert_eq!(error.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));
/// # Ok(())
/// # }
/// ```
#[async_trait::async_trait]
impl Middleware for BotClient {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let retry_request = request.try_clone();
        let mut checked = self.pass(request, extensions, next.clone()).await?;
        if checked.refuses_token
            && let Some(again) = retry_request
        {
            checked = self.pass(again, extensions, next).await?;
        }
        let CheckedResponse { mut response, error_body, .. } = checked;
        if let Some(error_body) = error_body {
            let error = failure::error_of_response(&response, &error_body);
            response.extensions_mut().insert(error);
        }
        Ok(response)
    }
}

impl BotClient {
    async fn pass(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<CheckedResponse> {
        let authorized = self.attach_token(&mut request).await.map_err(LayerError::middleware)?;
        let response =
            runtime::within(next.run(request, extensions)).await.map_err(LayerError::middleware)??;
        Ok(self.check_response(response, &authorized).await)
    }
}
