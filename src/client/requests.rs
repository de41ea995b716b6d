//! Requests to the rest of the API, sent as the bot.
//!
//! The token is sent to the client's base URL only. A token that the service refuses is replaced once. An error body
//! becomes an [`Error`]. Reads are refused while the daily quota is used up.
//!
//! This is done in two steps, [`BotClient::attach_token`] before a request and [`BotClient::check_response`] after it,
//! so that both the client and its layers can send the request in between.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use progenitor_client::ClientInfo;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, Request, Response, StatusCode};

use crate::api::trace;
use crate::api::types::ErrorBody;
use crate::client::exchange::{Exchange, SendRequest};
use crate::client::metrics::count;
use crate::client::quota::{DAILY_READS, Refusal, Sent};
use crate::client::{BotClient, failure};
use crate::config::AccessToken;
use crate::error::{Error, ErrorCode, ErrorKind, Limit};
use crate::session::clock::{Clock, Moment, SystemClock};
use crate::session::runtime;

/// A request's token, and what is needed to judge its response.
pub(crate) struct Authorized {
    pub(crate) token: AccessToken,
    sent: Sent,
    /// The number of codeless refusals when the request was sent.
    codeless_refusals: u64,
    is_read: bool,
}

/// A response, with its error body if it has an error status.
pub(crate) struct CheckedResponse {
    /// Its body can still be read.
    pub(crate) response: Response,
    pub(crate) error_body: Option<ErrorBody>,
    /// Whether the request should be repeated with a new token.
    pub(crate) refuses_token: bool,
}

/// Limits how often a token is replaced that was refused with 401 but without an error code. The reason may not be the
/// token (a gateway may require authentication of its own), and a registration is not free.
#[derive(Debug, Default)]
pub(crate) struct CodelessRefusals(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    last: Option<(AccessToken, Moment)>,
    /// The number of tokens replaced because of a codeless refusal.
    count: u64,
}

/// If the new token is refused without a code as well, it is kept for this long.
const CODELESS_PAUSE: Duration = Duration::from_secs(5 * 60);

impl CodelessRefusals {
    /// Whether a token that was refused without a code may be replaced. `count` is the value of [`count`](Self::count)
    /// when the request was sent.
    fn may_replace(&self, token: &AccessToken, count: u64, now: Moment) -> bool {
        let mut refused = self.lock();
        match &refused.last {
            // A concurrent request with the token that is being replaced. If a registration returns the same token
            // again, its requests have a higher count, and it is treated as a new one.
            Some((last, _)) if last == token && count < refused.count => true,
            Some((_, at)) if !now.has_reached(at.after(CODELESS_PAUSE)) => false,
            _ => {
                refused.last = Some((token.clone(), now));
                refused.count += 1;
                true
            }
        }
    }

    /// The number of tokens replaced because of a codeless refusal.
    fn count(&self) -> u64 {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's connections, for a request with this limit.
struct Connections<'a> {
    client: &'a reqwest::Client,
    limit: Limit,
}

impl SendRequest for Connections<'_> {
    type Error = Error;

    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        self.client.execute(request).await.map_err(|error| failure::connection(error, self.limit))
    }

    fn not_sent(error: Error) -> Error {
        error
    }

    fn error_type(error: &Error) -> &'static str {
        match error.kind() {
            ErrorKind::Timeout => trace::TIMEOUT,
            _ => trace::CONNECTION,
        }
    }
}

impl BotClient {
    /// Sends `request` with the token of the current [`session`](Self::session), and returns the response unless its
    /// status is 4xx or 5xx, or its body says that it is an error (JSON with `"status": "error"` and a code). Redirects are not followed, and are returned as responses.
    ///
    /// The token is sent to the client's base URL and below only. If the service refuses the token (401 with code
    /// 400100, or without a code, as in a response to a HEAD request or from a gateway), the session is
    /// [invalidated](Self::invalidate), the client registers again, and the request is repeated once with the new
    /// token. A request with a streaming body can't be repeated. If the new token is refused without a code as well,
    /// the reason may not be the token: it is kept, and refusals without a code do not replace it for 5 min.
    ///
    /// Nothing else is retried. A request without a timeout gets the client's, which includes reading the response
    /// body. The size of the response body is not limited.
    ///
    /// # Daily reads
    ///
    /// A bot has 100 reads a day (documented). Once the service says that they are used up (code 400323), further reads
    /// fail without being sent. They are sent again
    ///
    /// - after the service's `Retry-After`, if there is one, up to a day;
    /// - otherwise after 5 min, then after 10, 20 and 40 min and then hourly while the service refuses them, and at the
    ///   next 00:00 UTC in any case. The hour at which the service's day begins is not documented; this way, reads
    ///   resume within an hour of it.
    ///
    /// A refusal counts for the day on which the read was sent, by the service's clock. A 429 without a code, as in a
    /// response to a HEAD request, means that the reads are used up if the client has counted 100 reads that day.
    /// Otherwise it means too many requests at a time, and later reads are sent.
    ///
    /// # Errors
    ///
    /// - [`Origin`](crate::ErrorKind::Origin) if the URL is not the base URL or below it,
    /// - [`Rejected`](crate::ErrorKind::Rejected), [`RateLimited`](crate::ErrorKind::RateLimited) or
    ///   [`Unavailable`](crate::ErrorKind::Unavailable) if the service returns an error; its
    ///   [`code`](Error::code) says which, such as [`ErrorCode::BOT_PERMISSION_DENIED`],
    /// - [`RateLimited`](crate::ErrorKind::RateLimited) with [`ErrorCode::DAILY_QUOTA_EXCEEDED`] without sending the
    ///   request, while the daily reads are used up: for the time of [`retry_after`](Error::retry_after), or until
    ///   [`resume_reads_at`](Self::resume_reads_at),
    /// - [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if there is no
    ///   response,
    /// - [`Runtime`](crate::ErrorKind::Runtime) without a Tokio runtime,
    /// - the errors of [`session`](Self::session) if there is no token.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        Ok(self.send_with_token(request).await?.0)
    }

    /// As [`send`](Self::send), and returns the token of the last attempt as well.
    pub(crate) async fn send_with_token(&self, request: Request) -> Result<(Response, AccessToken), Error> {
        self.send_repeating(request, async {}).await
    }

    /// As [`send_with_token`](Self::send_with_token), and runs `before_repeat` before the request is repeated.
    pub(crate) async fn send_repeating(
        &self,
        request: Request,
        before_repeat: impl Future<Output = ()>,
    ) -> Result<(Response, AccessToken), Error> {
        let connections =
            Connections { client: self.0.registrar.api().client(), limit: self.limit_of(&request) };
        let Exchange { response, error, token } = self.exchange(connections, request, before_repeat).await?;
        match error {
            Some(error) => Err(error),
            None => Ok((response, token)),
        }
    }

    /// The error of a response. A token that was refused although it was new may have been ended by another client.
    pub(crate) fn error_of(
        &self,
        response: &Response,
        error_body: &ErrorBody,
        refuses_token: bool,
        is_repeat: bool,
    ) -> Error {
        let error = failure::error_of_response(response, error_body);
        match self.0.cache.refused_again(is_repeat) {
            Some(conflict) if refuses_token => conflict.with_response_of(&error),
            _ => error,
        }
    }

    /// The number of reads that this client and its clones have sent since 00:00 UTC, by this machine's clock, without those
    /// that were refused because the day's reads were used up. The
    /// service allows a bot 100 a day over all endpoints, and counts those of other clients for the same user as well.
    pub fn reads_today(&self) -> u32 {
        self.0.quota.reads(SystemClock.now())
    }

    /// Refuses reads until `at`, and sends them again afterwards, regardless of earlier responses about the daily
    /// quota. If `at` is in the past, reads resume now.
    pub fn resume_reads_at(&self, at: DateTime<Utc>) {
        let wait = (at - Utc::now()).to_std().unwrap_or_default();
        self.0.quota.resume_in(wait, SystemClock.now());
        #[cfg(feature = "read-cache")]
        if let Some(reads) = &self.1 {
            reads.resume_in(wait, SystemClock.now());
        }
    }

    /// The limit of a request, its response included.
    pub(crate) fn limit_of(&self, request: &Request) -> Limit {
        match request.timeout() {
            Some(timeout) => Limit::Request(*timeout),
            None => Limit::Client(self.0.registrar.timeout()),
        }
    }

    /// Checks that a request may be sent, and adds the token.
    pub(crate) async fn attach_token(&self, request: &mut Request) -> Result<Authorized, Error> {
        runtime::check()?;
        if !self.0.registrar.api().inner().covers(request.url()) {
            return Err(Error::origin("request", "the URL must be the client's base URL or below it"));
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_read {
            self.0.quota.check(SystemClock.now()).map_err(|wait| {
                count(&self.0.read_counts.refused);
                Error::quota_used_up(wait)
            })?;
        }
        // Read before the token, so that the count is never newer than the token.
        let codeless_refusals = self.0.codeless_refusals.count();
        let token = self.access_token().await?;
        request.headers_mut().insert(AUTHORIZATION, token.header()?);
        #[cfg(feature = "read-cache")]
        if is_read && let Some(reads) = &self.1 {
            reads.count().await?;
        }
        if is_read {
            count(&self.0.read_counts.sent);
        }
        let sent = self.0.quota.send(SystemClock.now(), is_read);
        Ok(Authorized { token, sent, codeless_refusals, is_read })
    }

    /// Updates the quota and the session from a response. Reads an error body, which can still be read afterwards.
    pub(crate) async fn check_response(
        &self,
        response: Response,
        authorized: &Authorized,
    ) -> CheckedResponse {
        let Authorized { token, sent, codeless_refusals, is_read } = authorized;
        let received = SystemClock.now();
        let api = self.0.registrar.api();
        let status = response.status();
        let (mut response, error_body) = match status.is_client_error() || status.is_server_error() {
            true => {
                let (response, error_body) = api.read_error(response, token.expose_secret()).await;
                (response, Some(error_body))
            }
            false => api.read_hidden_error(response, token.expose_secret()).await,
        };
        let Some(mut error_body) = error_body else {
            if *is_read {
                self.0.quota.answered(*sent);
            }
            self.0.cache.accepted(token);
            return CheckedResponse { response, error_body: None, refuses_token: false };
        };
        let is_codeless_429 = error_body.code.is_none() && status == StatusCode::TOO_MANY_REQUESTS;
        // A 429 without a code after as many reads as a day has is most likely the quota.
        if is_codeless_429 && *is_read && self.0.quota.reads(received) >= DAILY_READS {
            error_body.code = Some(ErrorCode::DAILY_QUOTA_EXCEEDED);
        }
        if error_body.code == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) {
            if *is_read {
                count(&self.0.read_counts.refused);
            }
            let headers = response.headers_mut();
            let retry_after = failure::requested_wait(headers);
            let date = failure::service_time(headers).map(DateTime::from);
            let wait = self.0.quota.used_up(*sent, Refusal { received, date, retry_after });
            if retry_after.is_none() {
                // Rounded up, so that a retry after it is not refused.
                headers.insert(
                    RETRY_AFTER,
                    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).into(),
                );
            }
        }
        let refuses_token = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::OK)
            && match error_body.code {
                Some(code) => code == ErrorCode::UNAUTHORIZED,
                None => self.0.codeless_refusals.may_replace(token, *codeless_refusals, received),
            };
        if refuses_token {
            self.invalidate(token);
        } else if error_body.code.is_some() && status != StatusCode::UNAUTHORIZED {
            // The service knows who asks.
            self.0.cache.accepted(token);
        }
        CheckedResponse { response, error_body: Some(error_body), refuses_token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codeless_refusals_replace_a_token_at_once_and_the_next_one_after_a_pause() {
        let at =
            |seconds| Moment { monotonic: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) };
        let [first, second, third] =
            ["first", "second", "third"].map(|token| AccessToken::from(token.to_owned()));
        let codeless_refusals = CodelessRefusals::default();
        assert!(codeless_refusals.may_replace(&first, 0, at(0)));
        assert!(codeless_refusals.may_replace(&first, 0, at(1)));
        assert_eq!(codeless_refusals.count(), 1);
        // A registration returned the same token again.
        assert!(!codeless_refusals.may_replace(&first, 1, at(2)));
        assert!(!codeless_refusals.may_replace(&second, 1, at(2)));
        assert!(!codeless_refusals.may_replace(&second, 1, at(299)));
        assert!(codeless_refusals.may_replace(&second, 1, at(300)));
        assert!(!codeless_refusals.may_replace(&third, 2, at(301)));
    }
}
