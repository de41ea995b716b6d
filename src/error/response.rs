//! Errors of responses: what the service said, or that it is not what was asked for.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use super::{Error, ErrorCode, ErrorKind, Inner, Limit};

const QUOTA_USED_UP: &str = "the daily read quota of the bot is used up";

/// The content of an error response, with secrets redacted.
#[derive(Debug, Default)]
pub(crate) struct ServiceMessage {
    pub(crate) code: Option<ErrorCode>,
    pub(crate) text: Option<String>,
    pub(crate) details: Vec<String>,
}

impl Error {
    /// A response with an error status.
    pub(crate) fn service(
        status: StatusCode,
        message: ServiceMessage,
        retry_after: Option<Duration>,
    ) -> Self {
        // An error in a response with status 200 has only its code to go by.
        let meaning = match status {
            StatusCode::OK => message.code.map_or(400, ErrorCode::usual_status),
            status => status.as_u16(),
        };
        let (kind, reason) = match (meaning, message.code) {
            (_, Some(ErrorCode::DAILY_QUOTA_EXCEEDED)) => (ErrorKind::RateLimited, QUOTA_USED_UP),
            (429, _) | (_, Some(ErrorCode::RATE_LIMITED)) => (ErrorKind::RateLimited, "too many requests"),
            (401, _) => (
                ErrorKind::Rejected,
                "the service rejected the API key, the token or its user; check the key and its region",
            ),
            (_, Some(ErrorCode::BOT_PERMISSION_DENIED)) => (ErrorKind::Rejected, "bots are read-only"),
            (403, _) => (ErrorKind::Rejected, "the service rejected the user"),
            (404, _) => (ErrorKind::Rejected, "not found; check the path, and the region or base URL"),
            (407, _) => (
                ErrorKind::Rejected,
                "a proxy in front of the service requires authentication; set its credentials",
            ),
            (408, _) => (ErrorKind::Unavailable, "the service timed out waiting for the request"),
            (425, _) => {
                (ErrorKind::Unavailable, "the service does not accept a request this early in a connection")
            }
            (422, _) => (ErrorKind::Rejected, "the service rejected the content of the request"),
            (511, _) => (
                ErrorKind::Unavailable,
                "the network requires a login, and nothing reached the service; log in to it",
            ),
            (520..=530, _) => (ErrorKind::Unavailable, "the gateway in front of the service can't reach it"),
            (500.., _) => (ErrorKind::Unavailable, "the service failed"),
            _ => (ErrorKind::Rejected, "the service rejected the request"),
        };
        let mut error = Inner::new(kind, reason);
        // The code can be a refusal although the status says otherwise.
        error.transient = match kind {
            ErrorKind::Unavailable => matches!(meaning, 408 | 425 | 500 | 502..=504 | 520..=530),
            kind => kind == ErrorKind::RateLimited,
        };
        error.is_unsent = matches!(status.as_u16(), 425 | 429 | 503);
        error.status = Some(status);
        error.code = message.code;
        error.message = message.text;
        error.details = message.details;
        error.retry_after = retry_after;
        error.into()
    }

    /// A successful response that is not a session or a page.
    pub(crate) fn invalid_response(
        status: impl Into<Option<StatusCode>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut error = Inner::new(ErrorKind::InvalidResponse, reason);
        error.status = status.into();
        error.into()
    }

    /// A body that is not the JSON that was asked for. serde's own message could quote it.
    pub(crate) fn undecodable(status: impl Into<Option<StatusCode>>, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "is not of the requested type",
            _ => "is not JSON",
        };
        Self::invalid_response(status, format!("the body {what}, at line {line} column {column}"))
    }

    /// A response whose body was not complete within `limit`.
    pub(crate) fn late(status: impl Into<Option<StatusCode>>, limit: Limit) -> Self {
        let mut error =
            Inner::new(ErrorKind::Timeout, format!("the response was not complete within {limit}"));
        error.transient = true;
        error.status = status.into();
        error.into()
    }

    /// The daily quota is used up for this long, so no request was sent.
    pub(crate) fn quota_used_up(wait: Duration) -> Self {
        let mut error = Inner::new(ErrorKind::RateLimited, QUOTA_USED_UP);
        error.transient = true;
        error.code = Some(ErrorCode::DAILY_QUOTA_EXCEEDED);
        error.retry_after = Some(wait);
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_rounds_a_wait_up() {
        let error = Error::service(
            StatusCode::TOO_MANY_REQUESTS,
            ServiceMessage::default(),
            Some(Duration::from_millis(1_001)),
        );
        assert_eq!(error.to_string(), "too many requests (HTTP 429); retry after 2 s");
    }
}
