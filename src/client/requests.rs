//! Requests to the rest of the API, sent as the bot.
//!
//! What is common to them is little, and easy to get wrong: the token goes to the client's own base URL and
//! nowhere else; a token that the service refuses is replaced once; an error's body becomes an [`Error`]; reads
//! end when the day's are used up. It comes in two steps, [`BotClient::attach_token`] before and
//! [`BotClient::check_response`] after, so that whoever does the sending can stand between them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use progenitor_client::ClientInfo;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::api::types::ErrorBody;
use crate::client::quota::{DAILY_READS, Refusal, Sent};
use crate::client::{BotClient, failure};
use crate::config::AccessToken;
use crate::error::{Error, ErrorCode};
use crate::session::clock::{Clock, Moment, SystemClock};
use crate::session::runtime;

/// What a request was sent with.
pub(crate) struct Authorized {
    token: AccessToken,
    sent: Sent,
    /// How many tokens had been refused without a code by then.
    codeless_refusals: u64,
    is_read: bool,
}

/// A response, and what the service said in it if it is an error.
pub(crate) struct CheckedResponse {
    /// With its body still to be read.
    pub(crate) response: Response,
    pub(crate) error_body: Option<ErrorBody>,
    /// Whether another token may do better.
    pub(crate) refuses_token: bool,
}

/// The last token that was refused without a code. Something else than the token may be the reason, as where a gateway
/// wants to know who comes, and a registration is not free.
#[derive(Debug, Default)]
pub(crate) struct CodelessRefusals(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    last: Option<(AccessToken, Moment)>,
    /// How many there were.
    count: u64,
}

/// A new token that is refused without a code as well is not replaced before that.
const CODELESS_PAUSE: Duration = Duration::from_secs(5 * 60);

impl CodelessRefusals {
    /// Whether a token refused without a code may be replaced, which was sent after so many had been.
    fn may_replace(&self, token: &AccessToken, count: u64, now: Moment) -> bool {
        let mut refused = self.lock();
        match &refused.last {
            // It was sent several times at once. One that was given again, and refused again, is as good as a new one.
            Some((last, _)) if last == token && count < refused.count => true,
            Some((_, at)) if !now.has_reached(at.after(CODELESS_PAUSE)) => false,
            _ => {
                refused.last = Some((token.clone(), now));
                refused.count += 1;
                true
            }
        }
    }

    /// How many tokens were refused without a code.
    fn count(&self) -> u64 {
        self.lock().count
    }

    /// A request was answered, so its token is good.
    fn answered(&self) {
        self.lock().last = None;
    }

    fn lock(&self) -> MutexGuard<'_, Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BotClient {
    /// Reads `path`, which begins with `/` and may have a query, from the client's own address. It can't lead out of
    /// the base URL by `..`, however that is written.
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
        self.send(self.read_of(path)?).await
    }

    /// The request that [`get`](Self::get) sends.
    pub(crate) fn read_of(&self, path: &str) -> Result<Request, Error> {
        if !path.starts_with('/') {
            return Err(Error::config("path", "must begin with a slash"));
        }
        let url = format!("{}{path}", self.0.registrar.api().baseurl());
        let url =
            Url::parse(&url).map_err(|error| Error::config("path", format!("makes no URL: {error}")))?;
        if !self.api().inner().covers(&url) {
            return Err(Error::config("path", "leads out of the client's base URL"));
        }
        Ok(Request::new(Method::GET, url))
    }

    /// Sends `request` with the token of the living [`session`](Self::session), and returns the response
    /// if its status is no error's. Redirects are not followed, and come back as responses.
    ///
    /// The token goes to the client's own base URL and what is below it, nowhere else. If the service refuses the token
    /// (401 with code 400100, or with no code, as a HEAD request or a gateway has it), the session is
    /// [invalidated](Self::invalidate), registered anew, and the request repeated, once, and only if its body can be
    /// repeated (one that is streamed can't). Where a new token is refused without a code as well, something else may be
    /// the reason: it is kept, and not replaced for such a refusal within 5 min, unless a request was answered since.
    ///
    /// A request without a timeout of its own gets the client's, its response's body included; nothing else
    /// is tried again. The response's body has no limit.
    ///
    /// # The day's reads
    ///
    /// A bot has 100 reads a day (documented). Once the service says that they are used up (code 400323), further ones
    /// fail here without being sent, and are sent again
    ///
    /// - when the service's `Retry-After` is over, if it gives one, up to a day;
    /// - otherwise after 5 min, then after 10, 20 and 40 min and each hour, while it goes on refusing them; and at the
    ///   next 00:00 UTC in any case. The hour at which the service's day begins is not documented, so this finds it
    ///   within an hour.
    ///
    /// The day of a refusal is that on which the read was sent, by the service's clock. A 429 without a code, as to a
    /// HEAD request, is taken for this one if the client has counted 100 reads that day; otherwise it means too many
    /// requests at a time, and closes nothing.
    ///
    /// # Errors
    ///
    /// - [`Config`](crate::ErrorKind::Config) if the request does not lead to the base URL or below it,
    /// - [`Rejected`](crate::ErrorKind::Rejected), [`RateLimited`](crate::ErrorKind::RateLimited) or
    ///   [`Unavailable`](crate::ErrorKind::Unavailable) if the service answers with an error; its
    ///   [`code`](Error::code) says which, such as [`ErrorCode::BOT_PERMISSION_DENIED`],
    /// - [`RateLimited`](crate::ErrorKind::RateLimited) with [`ErrorCode::DAILY_QUOTA_EXCEEDED`] also without
    ///   asking the service, once that said so: for as long as [`retry_after`](Error::retry_after) says, or until
    ///   [`resume_reads_at`](Self::resume_reads_at),
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if there is
    ///   no answer,
    /// - those of [`session`](Self::session) if there is no token.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        Ok(self.send_with_token(request).await?.0)
    }

    /// The same, and the token that the request was sent with in the end.
    pub(crate) async fn send_with_token(&self, request: Request) -> Result<(Response, AccessToken), Error> {
        let retry_request = request.try_clone();
        let (mut checked, mut token) = self.send_once(request).await?;
        if checked.refuses_token
            && let Some(again) = retry_request
        {
            (checked, token) = self.send_once(again).await?;
        }
        let CheckedResponse { response, error_body, .. } = checked;
        match error_body {
            Some(error_body) => Err(failure::error_of_response(&response, &error_body)),
            None => Ok((response, token)),
        }
    }

    /// How many reads this client and its clones sent since the UTC day began, by this machine's clock. The service allows a bot 100
    /// a day over all endpoints, and counts those of other clients for the same user as well.
    pub fn reads_today(&self) -> u32 {
        self.0.quota.reads(SystemClock.now())
    }

    /// Refuses reads until `at`, and from then on sends them again, whatever the service said of the day's
    /// quota before. A moment that has passed resumes them now.
    pub fn resume_reads_at(&self, at: DateTime<Utc>) {
        let wait = (at - Utc::now()).to_std().unwrap_or_default();
        self.0.quota.resume_in(wait, SystemClock.now());
    }

    async fn send_once(&self, mut request: Request) -> Result<(CheckedResponse, AccessToken), Error> {
        let authorized = self.attach_token(&mut request).await?;
        let sent = self.0.registrar.api().client().execute(request);
        let response = runtime::within(sent).await?.map_err(Error::connection)?;
        Ok((self.check_response(response, &authorized).await, authorized.token))
    }

    /// Gives a request that may be sent the token to send with it.
    pub(crate) async fn attach_token(&self, request: &mut Request) -> Result<Authorized, Error> {
        runtime::check()?;
        if !self.api().inner().covers(request.url()) {
            return Err(Error::config("request", "does not lead to the client's base URL or below it"));
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_read {
            self.0.quota.check(SystemClock.now()).map_err(Error::quota_used_up)?;
        }
        // Before there is a token, so that none counts as sent later than it was refused.
        let codeless_refusals = self.0.codeless_refusals.count();
        let token = self.access_token().await?;
        let header = token.header().ok_or_else(|| Error::config("token", "can't be sent as a header"))?;
        request.headers_mut().insert(AUTHORIZATION, header);
        let sent = self.0.quota.send(SystemClock.now(), is_read);
        Ok(Authorized { token, sent, codeless_refusals, is_read })
    }

    /// Draws the consequences from a response. Of an error the body is read, and stays to be read.
    pub(crate) async fn check_response(&self, response: Response, authorized: &Authorized) -> CheckedResponse {
        let Authorized { token, sent, codeless_refusals, is_read } = authorized;
        if !(response.status().is_client_error() || response.status().is_server_error()) {
            if *is_read {
                self.0.quota.answered(*sent);
            }
            self.0.codeless_refusals.answered();
            return CheckedResponse { response, error_body: None, refuses_token: false };
        }
        let came = SystemClock.now();
        let (mut response, mut error_body) =
            self.0.registrar.api().read_error(response, token.expose_secret()).await;
        let silent = error_body.code.is_none() && response.status() == StatusCode::TOO_MANY_REQUESTS;
        if silent && *is_read && self.0.quota.reads(came) >= DAILY_READS {
            error_body.code = Some(ErrorCode::DAILY_QUOTA_EXCEEDED);
        }
        if error_body.code == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) {
            let headers = response.headers_mut();
            let retry_after = failure::wait_asked(headers);
            let date = failure::service_time(headers).map(DateTime::from);
            let wait = self.0.quota.used_up(*sent, Refusal { came, date, retry_after });
            if retry_after.is_none() {
                // Rounded up, so that nobody comes a moment too early.
                headers.insert(
                    RETRY_AFTER,
                    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).into(),
                );
            }
        }
        let refuses_token = response.status() == StatusCode::UNAUTHORIZED
            && match error_body.code {
                Some(code) => code == ErrorCode::UNAUTHORIZED,
                None => self.0.codeless_refusals.may_replace(token, *codeless_refusals, came),
            };
        if refuses_token {
            self.invalidate(token);
        }
        CheckedResponse { response, error_body: Some(error_body), refuses_token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_refused_without_a_code_is_replaced_at_once_and_its_successor_later() {
        let at =
            |seconds| Moment { monotonic: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) };
        let [first, second, third] =
            ["first", "second", "third"].map(|token| AccessToken::from(token.to_owned()));
        let codeless_refusals = CodelessRefusals::default();
        assert!(codeless_refusals.may_replace(&first, 0, at(0)));
        assert!(codeless_refusals.may_replace(&first, 0, at(1)));
        assert_eq!(codeless_refusals.count(), 1);
        // The same came again from a registration.
        assert!(!codeless_refusals.may_replace(&first, 1, at(2)));
        assert!(!codeless_refusals.may_replace(&second, 1, at(2)));
        assert!(!codeless_refusals.may_replace(&second, 1, at(299)));
        assert!(codeless_refusals.may_replace(&second, 1, at(300)));
        assert!(!codeless_refusals.may_replace(&third, 2, at(301)));
        codeless_refusals.answered();
        assert!(codeless_refusals.may_replace(&third, 2, at(302)));
    }
}
