//! Requests to the rest of the API, sent as the bot.
//!
//! What is common to them is little, and easy to get wrong: the token goes to the client's own origin and
//! nowhere else; a token that the service refuses is replaced once; an error's body becomes an [`Error`]; reads
//! end when the day's are used up. It comes in two steps, [`BotClient::authorize`] before and
//! [`BotClient::examine`] after, so that whoever does the sending can stand between them.

use chrono::{DateTime, Utc};
use progenitor_client::ClientInfo;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::api::types::ErrorBody;
use crate::{AccessToken, BotClient, Error, ErrorCode, failure, runtime};

/// A response, and what the service said in it if it is an error.
pub(crate) struct Examined {
    /// With its body still to be read.
    pub(crate) response: Response,
    pub(crate) said: Option<ErrorBody>,
}

impl Examined {
    /// Whether another token may do better.
    pub(crate) fn refuses_token(&self) -> bool {
        let code = self.said.as_ref().and_then(|said| said.code);
        self.response.status() == StatusCode::UNAUTHORIZED && code == Some(ErrorCode::UNAUTHORIZED)
    }
}

impl BotClient {
    /// Reads `path`, which begins with `/` and may have a query, from the client's own address.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    ///
    #[cfg_attr(feature = "sandbox", doc = "```")]
    #[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
    /// # let bot = sandbox.client().build()?;
    /// let posts: serde_json::Value = bot.get("/api/v4/posts?targetType=community").await?.json().await?;
    /// println!("{posts}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get(&self, path: &str) -> Result<Response, Error> {
        if !path.starts_with('/') {
            return Err(Error::config("path", "must begin with a slash"));
        }
        let url = format!("{}{path}", self.0.registrar.api.baseurl());
        let url =
            Url::parse(&url).map_err(|error| Error::config("path", format!("makes no URL: {error}")))?;
        self.send(Request::new(Method::GET, url)).await
    }

    /// Sends `request` with the token of the living [`session`](Self::session), and returns the response
    /// if its status is no error's. Redirects are not followed, and come back as responses.
    ///
    /// The token goes to the origin of the client's own address only. If the service refuses the token (401
    /// with code 400100), the session is [invalidated](Self::invalidate), registered anew, and the request
    /// repeated, once, and only if its body can be repeated (one that is streamed can't).
    ///
    /// A request without a timeout of its own gets the client's, its response's body included; nothing else
    /// is tried again. The response's body has no limit.
    ///
    /// # Errors
    ///
    /// - [`Config`](crate::ErrorKind::Config) if the request leads to another origin,
    /// - [`Rejected`](crate::ErrorKind::Rejected), [`RateLimited`](crate::ErrorKind::RateLimited) or
    ///   [`Unavailable`](crate::ErrorKind::Unavailable) if the service answers with an error; its
    ///   [`code`](Error::code) says which, such as [`ErrorCode::BOT_PERMISSION_DENIED`],
    /// - [`RateLimited`](crate::ErrorKind::RateLimited) with [`ErrorCode::DAILY_QUOTA_EXCEEDED`] also without
    ///   asking the service, once that said so: until the next UTC day, or until
    ///   [`resume_reads_at`](Self::resume_reads_at),
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if there is
    ///   no answer,
    /// - those of [`session`](Self::session) if there is no token.
    pub async fn send(&self, mut request: Request) -> Result<Response, Error> {
        request.timeout_mut().get_or_insert(self.0.registrar.timeout);
        let spare = request.try_clone();
        let mut examined = self.exchange(request).await?;
        if examined.refuses_token()
            && let Some(again) = spare
        {
            examined = self.exchange(again).await?;
        }
        let Examined { response, said } = examined;
        match said {
            Some(said) => Err(failure::refused(&response, &said)),
            None => Ok(response),
        }
    }

    /// How many reads this client and its clones sent since the UTC day began. The service allows a bot 100
    /// a day over all endpoints, and counts those of other clients for the same user as well.
    pub fn reads_today(&self) -> u32 {
        self.0.quota.reads(Utc::now())
    }

    /// Refuses reads until `at`, and from then on sends them again, whatever the service said of the day's
    /// quota before. A moment that has passed resumes them now.
    pub fn resume_reads_at(&self, at: DateTime<Utc>) {
        self.0.quota.resume_at(at);
    }

    async fn exchange(&self, mut request: Request) -> Result<Examined, Error> {
        let token = self.authorize(&mut request).await?;
        let sent = self.0.registrar.api.client().execute(request);
        let response = runtime::within(sent).await?.map_err(Error::connection)?;
        Ok(self.examine(response, &token).await)
    }

    /// Gives a request that may be sent the token to send with it.
    pub(crate) async fn authorize(&self, request: &mut Request) -> Result<AccessToken, Error> {
        runtime::check()?;
        let own = Url::parse(self.0.registrar.api.baseurl()).map(|url| url.origin());
        if own.ok().as_ref() != Some(&request.url().origin()) {
            return Err(Error::config("request", "leads to another origin than the client's base URL"));
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads {
            self.0.quota.check(Utc::now()).map_err(Error::quota_used_up)?;
        }
        let token = self.access_token().await?;
        let header = token.header().ok_or_else(|| Error::config("token", "can't be sent as a header"))?;
        request.headers_mut().insert(AUTHORIZATION, header);
        if reads {
            self.0.quota.count(Utc::now());
        }
        Ok(token)
    }

    /// Draws the consequences from a response. Of an error the body is read, and stays to be read.
    pub(crate) async fn examine(&self, response: Response, token: &AccessToken) -> Examined {
        if !(response.status().is_client_error() || response.status().is_server_error()) {
            return Examined { response, said: None };
        }
        let (mut response, said) = self.0.registrar.api.read_error(response).await;
        if said.code == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) {
            let wait = self.0.quota.used_up(Utc::now());
            response.headers_mut().entry(RETRY_AFTER).or_insert(wait.as_secs().into());
        }
        let examined = Examined { response, said: Some(said) };
        if examined.refuses_token() {
            self.invalidate(token);
        }
        examined
    }
}
