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
use crate::client::builder::CONNECT;
use crate::error::{Error, Limit, ServiceMessage};

/// Converts an error of the generated client, with `secrets` redacted.
pub(crate) fn classify(mut error: ApiError<Lenient<ErrorBody>>, limit: Limit, secrets: &[&str]) -> Error {
    if let ApiError::UnexpectedResponse(response) = &mut error {
        match response.extensions_mut().remove::<Fault>() {
            Some(Fault::Error(body)) => return error_of_response(response, &body),
            Some(Fault::Late) => return Error::late(response.status().as_u16(), limit),
            _ => {}
        }
    }
    match error {
        ApiError::ErrorResponse(response) => {
            Error::service(response.status().as_u16(), message(&response), requested_wait(response.headers()))
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
            Error::invalid_response(status.as_u16(), reason)
        }
        ApiError::CommunicationError(error) | ApiError::InvalidUpgrade(error) => connection(error, limit),
        // The hooks read only the body of a session in a way that can fail.
        ApiError::ResponseBodyError(error) => body(error, StatusCode::OK, limit),
        ApiError::InvalidRequest(rule) => Error::config("request", rule),
        ApiError::Custom(reason) => Error::invalid_response(200, reason),
        // Its payload is the raw body, so it is dropped. The hooks decode the body before, so this does not occur.
        ApiError::InvalidResponsePayload(..) => Error::invalid_response(200, "the response can't be decoded"),
    }
}

/// The error of a request that was not completed.
pub(crate) fn connection(error: reqwest::Error, limit: Limit) -> Error {
    Error::connection(error, CONNECT, limit)
}

/// The error of a response whose body was not complete.
pub(crate) fn body(error: reqwest::Error, status: StatusCode, limit: Limit) -> Error {
    match error.is_timeout() {
        true => Error::late(status.as_u16(), limit),
        false => connection(error, limit).with_status(status.as_u16()),
    }
}

/// The error for a response that is an error.
pub(crate) fn error_of_response(response: &reqwest::Response, error_body: &ErrorBody) -> Error {
    Error::service(response.status().as_u16(), message(error_body), requested_wait(response.headers()))
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
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    date.checked_add(Duration::from_secs(age.unwrap_or_default())).or(Some(date))
}

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
