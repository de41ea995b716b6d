//! Converts failures of the generated client into [`Error`]s.
//!
//! The generated client classes failures by the step that failed. A caller needs to know what to do, which depends on
//! the status, the error body, and the headers `Retry-After` and `Date`.

use std::time::{Duration, SystemTime};

use progenitor_client::Error as ApiError;
use reqwest::header::{AGE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};

use crate::api::types::{ErrorBody, ErrorDetail};
use crate::api::{Fault, Lenient, redact};
use crate::client::connections::CONNECT;
use crate::error::{Error, Limit, ServiceMessage, root_cause};

/// Converts an error of the generated client, with `secrets` redacted.
pub(crate) fn classify(mut error: ApiError<Lenient<ErrorBody>>, limit: Limit, secrets: &[&str]) -> Error {
    if let ApiError::UnexpectedResponse(response) = &mut error {
        match response.extensions_mut().remove::<Fault>() {
            Some(Fault::Error(body)) => return error_of_response(response, &body),
            Some(Fault::Late) => return Error::late(response.status(), limit),
            _ => {}
        }
    }
    match error {
        ApiError::ErrorResponse(response) => {
            Error::service(response.status(), message(&response), requested_wait(response.headers()))
        }
        ApiError::UnexpectedResponse(response) => {
            let status = response.status();
            let reason = match (status.is_redirection(), location(&response, secrets)) {
                _ if status == StatusCode::NOT_MODIFIED => {
                    "the response says that nothing was modified, which was not asked; check what is between this \
                     machine and the service, such as a cache"
                        .to_owned()
                }
                (true, Some(host)) => {
                    format!("the service redirects to {host}; redirects are not followed, check the base URL")
                }
                (true, None) => {
                    "the service redirects; redirects are not followed, check the base URL".to_owned()
                }
                (false, _) => "the response has an undocumented status".to_owned(),
            };
            Error::invalid_response(status, reason)
        }
        ApiError::CommunicationError(error) | ApiError::InvalidUpgrade(error) => connection(error, limit),
        // The hooks read only the body of a session in a way that can fail.
        ApiError::ResponseBodyError(error) => body(error, StatusCode::OK, limit),
        ApiError::InvalidRequest(rule) => Error::config("request", rule),
        ApiError::Custom(reason) => Error::invalid_response(StatusCode::OK, reason),
        // Its payload is the raw body, so it is dropped. The hooks decode the body before, so this does not occur.
        ApiError::InvalidResponsePayload(..) => {
            Error::invalid_response(StatusCode::OK, "the response can't be decoded")
        }
    }
}

/// The error of a request that was not completed.
pub(crate) fn connection(error: reqwest::Error, limit: Limit) -> Error {
    Error::connection(error, CONNECT, limit)
}

/// The error of a response whose body was not complete.
pub(crate) fn body(error: reqwest::Error, status: StatusCode, limit: Limit) -> Error {
    match error.is_timeout() {
        true => Error::late(status, limit),
        false => connection(error, limit).with_status(status),
    }
}

/// The error of reading the body of a response that [`BotClient::send`](crate::BotClient::send) returned, or of a request
/// that was sent with [`http_client`](crate::BotClient::http_client).
///
/// A response is that of reqwest, so reading it fails with an error of reqwest. With this conversion, `?` makes it one like
/// those of the calls before it:
///
/// | error of reqwest | kind |
/// |---|---|
/// | the body, or the response, was not complete in time | [`Timeout`](crate::ErrorKind::Timeout) |
/// | the connection was lost or can't be made, or the response is not HTTP | [`Unavailable`](crate::ErrorKind::Unavailable) |
/// | the body can't be decoded by [`json`](reqwest::Response::json) | [`InvalidResponse`](crate::ErrorKind::InvalidResponse) |
/// | an error status, by [`error_for_status`](reqwest::Response::error_for_status) | as the status says |
/// | the request can't be built | [`InvalidInput`](crate::ErrorKind::InvalidInput) |
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
/// use social_plus_bot::{BotClient, Error, ErrorKind};
///
/// async fn count(bot: &BotClient) -> Result<u64, Error> {
///     Ok(bot.get("/api/v4/posts").await?.json().await?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
/// # let bot = sandbox.client().build()?;
/// // The response is an object, not a number.
/// assert_eq!(count(&bot).await.unwrap_err().kind(), ErrorKind::InvalidResponse);
/// # Ok(())
/// # }
/// ```
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        if let Some(status) = error.status().filter(|_| error.is_status()) {
            return Self::service(status, ServiceMessage::default(), None);
        }
        if error.is_builder() {
            // The text can quote what it is about.
            let reason = redact::text(&root_cause(&error).to_string(), &[]);
            return Self::invalid_input("request", format!("can't be built: {reason}"));
        }
        if error.is_timeout() && !error.is_connect() {
            return Self::late(None, Limit::Unknown);
        }
        match json_error(&error) {
            Some(error) => Self::undecodable(None, error),
            None => connection(error, Limit::Unknown),
        }
    }
}

fn json_error(error: &reqwest::Error) -> Option<&serde_json::Error> {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref()).next()
}

/// The error for a response that is an error.
pub(crate) fn error_of_response(response: &reqwest::Response, error_body: &ErrorBody) -> Error {
    Error::service(response.status(), message(error_body), requested_wait(response.headers()))
}

fn message(body: &ErrorBody) -> ServiceMessage {
    let detail = body.data.as_ref().and_then(|data| data.detail.as_ref());
    ServiceMessage {
        code: body.code,
        text: body.message.clone(),
        details: detail.map(lines).unwrap_or_default(),
    }
}

fn lines(detail: &ErrorDetail) -> Vec<String> {
    match detail {
        ErrorDetail::List(list) => list.to_vec(),
        ErrorDetail::Object(members) => members
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) => redact::sentence(&format!("{name}: {text}")),
                None => redact::sentence(&format!("{name}: {value}")),
            })
            .collect(),
    }
}

/// The wait of `Retry-After`. A date counts by the service's clock, if the response has one.
pub(crate) fn requested_wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers, service_time(headers).unwrap_or_else(SystemTime::now))
}

/// The service's time now: when it sent the response, and how long that was kept in a cache.
pub(crate) fn service_time(headers: &HeaderMap) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let age = headers.get(AGE).and_then(|age| seconds(age.to_str().ok()?.trim()));
    date.checked_add(age.unwrap_or_default().min(LONGEST_AGE)).or(Some(date))
}

/// A cache writes at most this. A longer one would also lead beyond the dates that can be represented.
const LONGEST_AGE: Duration = Duration::from_secs(1 << 31);

/// The host of a redirect. The rest of the URL may contain secrets.
fn location(response: &reqwest::Response, secrets: &[&str]) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let url = response.url().join(location).ok()?;
    Some(redact::text(Url::host_str(&url)?, secrets))
}

/// `Retry-After` as a wait from `now`: it is a number of seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(wait) = seconds(value) {
        return Some(wait);
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

/// A number of seconds, also with a fraction. One that is too large for a number is a very long wait, not none.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = Duration::from_secs(whole.parse().unwrap_or(u64::MAX));
    let fraction = format!("0.{fraction}").parse::<f64>().ok()?;
    Some(whole.saturating_add(Duration::try_from_secs_f64(fraction).ok()?))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike, Utc};
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(date: &[u8], age: &[u8], retry_after: &[u8]) -> HeaderMap {
        let values = [(DATE, date), (AGE, age), (RETRY_AFTER, retry_after)];
        let values = values.map(|(name, value)| (name, HeaderValue::from_bytes(value).unwrap()));
        values.into_iter().collect()
    }

    const THEN: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn the_service_s_time_is_its_date_and_the_age_of_the_response() {
        for (age, year) in [("0", 1994), ("86400000", 1997), ("99999999999999999999", 2062), ("x", 1994)] {
            let time = service_time(&headers(THEN, age.as_bytes(), b"0")).unwrap();
            assert_eq!(DateTime::<Utc>::from(time).year(), year, "{age}");
        }
        let wait = requested_wait(&headers(THEN, b"100", b"Sun, 06 Nov 1994 08:51:37 GMT"));
        assert_eq!(wait, Some(Duration::from_secs(20)));
    }

    proptest! {
        #[test]
        fn any_header_values_are_read(
            date in prop_oneof![Just(THEN.to_vec()), Just(b"Fri, 31 Dec 9999 23:59:59 GMT".to_vec()), "[ -~]{0,40}".prop_map(String::into_bytes)],
            age in prop_oneof!["[0-9]{0,30}".prop_map(String::into_bytes), "[ -~\u{80}-\u{ff}]{0,9}".prop_map(String::into_bytes)],
            retry_after in prop_oneof!["[0-9]{0,30}(\\.[0-9]{0,30})?", "[ -~]{0,40}"],
        ) {
            let headers = headers(&date, &age, retry_after.as_bytes());
            requested_wait(&headers);
            service_time(&headers).map(DateTime::<Utc>::from);
        }
    }
}
