//! A request that passes through the layers of another client, and is repeated once if its token is refused.

use reqwest::{Request, Response};

use crate::client::BotClient;
use crate::client::requests::{Authorized, CheckedResponse};

/// One request, and its repeat.
pub(crate) struct Exchange<'a> {
    bot: &'a BotClient,
    /// The request to repeat, if it can be copied and was not repeated yet.
    repeat: Option<Request>,
    is_repeat: bool,
}

/// What follows a response.
pub(crate) enum Next {
    /// It is returned. If it is an error, its [`Error`](crate::Error) is among the extensions.
    Return(Response),
    /// This request is sent with a new token.
    Repeat(Request),
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(bot: &'a BotClient, request: &Request) -> Self {
        Self { bot, repeat: request.try_clone(), is_repeat: false }
    }

    /// Judges the response to the request, or to its repeat.
    pub(crate) async fn check(&mut self, response: Response, authorized: &Authorized) -> Next {
        let checked = self.bot.check_response(response, authorized).await;
        let CheckedResponse { mut response, error_body, refuses_token } = checked;
        if refuses_token && let Some(request) = self.repeat.take() {
            self.is_repeat = true;
            return Next::Repeat(request);
        }
        if let Some(error_body) = error_body {
            let error = self.bot.error_of(&response, &error_body, refuses_token, self.is_repeat);
            response.extensions_mut().insert(error);
        }
        Next::Return(response)
    }
}
