//! Faults that a sandbox injects into registrations and reads.
//!
//! A fault either replaces the sandbox's response or modifies it. A modified response still depends on the
//! request: with a delay, an invalid request gets its usual error, later.

use std::collections::VecDeque;
use std::fmt;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::response::{ErrorResponse, ResponseBody, ResponseTemplate};
use super::service::ConnectionError;
use crate::error::ErrorCode;

/// A fault that a sandbox injects into a registration with [`fail_next`] or [`fail_always`], or into a read with
/// [`fail_next_read`] or [`fail_reads`].
///
/// ```
/// use http::header::RETRY_AFTER;
/// use social_plus_bot::sandbox::{Fault, Sandbox};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = Sandbox::start().await?;
/// let bot = sandbox.client().timeout(Duration::from_secs(2)).build()?;
///
/// sandbox.fail_always(Fault::status(429).header(RETRY_AFTER, "60"));
/// let error = bot.register().await.unwrap_err();
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
///
/// // That client registers again in a minute. Another one does so now.
/// sandbox.recover();
/// let bot = sandbox.client().build()?;
/// sandbox.fail_next(Fault::altered(|session| session["users"][0]["hashFlag"] = ().into()));
/// assert!(bot.register().await.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// [`fail_next`]: super::Sandbox::fail_next
/// [`fail_always`]: super::Sandbox::fail_always
/// [`fail_next_read`]: super::Sandbox::fail_next_read
/// [`fail_reads`]: super::Sandbox::fail_reads
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) headers: HeaderMap,
}

#[derive(Clone)]
pub(super) enum Kind {
    Response(ResponseTemplate),
    Hang,
    Reset,
    Delay(Duration),
    CutShort,
    Oversized { bytes: u64, announced: bool },
    Lifetime(Duration),
    MapBody(Arc<dyn Fn(&mut Value) + Send + Sync>),
}

impl Fault {
    /// Responds with this status and the contract's error body.
    ///
    /// The error code is the documented one for 401, 403, 404, 422, 429 and 500. Any other status below 500 has
    /// code 400000, the rest have 500000. As in the other constructors, a number that is not a final status
    /// (below 200 or above 999) is replaced with 500.
    pub fn status(status: u16) -> Self {
        let status = final_status(status);
        let code = match status.as_u16() {
            401 => ErrorCode::UNAUTHORIZED,
            403 => ErrorCode::USER_BANNED,
            404 => ErrorCode::NOT_FOUND,
            429 => ErrorCode::RATE_LIMITED,
            422 | 500.. => ErrorCode::UNEXPECTED,
            _ => ErrorCode::BAD_REQUEST,
        };
        Self::error(status.as_u16(), code)
    }

    /// Responds with this status, this code and the contract's error body.
    ///
    /// ```
    /// use social_plus_bot::ErrorCode;
    /// use social_plus_bot::sandbox::Fault;
    ///
    /// let no_reads_left = Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED);
    /// ```
    pub fn error(status: u16, code: ErrorCode) -> Self {
        let status = final_status(status);
        let detail = vec![format!("a fault set the status to {status}")];
        Self::new(Kind::Response(ErrorResponse { status, code, message: "injected fault", detail }.into()))
    }

    /// Responds with any body: HTML, nothing, truncated JSON, or an error body with status 200.
    pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Response(ResponseTemplate::new(final_status(status), body.into())))
            .header(CONTENT_TYPE, content_type)
    }

    /// Redirects to `location`, with an empty body.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(Kind::Response(ResponseTemplate::new(final_status(status), Vec::new())))
            .header(LOCATION, location)
    }

    /// Delays the usual response.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Kind::Delay(delay))
    }

    /// Reads the request and never responds.
    pub fn silence() -> Self {
        Self::new(Kind::Hang)
    }

    /// Reads the request and resets the connection (TCP `RST`).
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Sends the usual response but closes the connection after half of the body.
    pub fn cut_short() -> Self {
        Self::new(Kind::CutShort)
    }

    /// Pads the usual response to `bytes` with spaces before its JSON. The response has a `content-length`. The padding is
    /// streamed, so any size is possible.
    pub fn oversized(bytes: u64) -> Self {
        Self::new(Kind::Oversized { bytes, announced: true })
    }

    /// As [`oversized`](Self::oversized) without a `content-length`, so that a client learns the size by reading.
    pub fn oversized_chunked(bytes: u64) -> Self {
        Self::new(Kind::Oversized { bytes, announced: false })
    }

    /// Sends the usual response with a token of this lifetime, which can be zero. A read's response is unchanged. To send a
    /// token that expires before it is issued, [alter](Self::altered) the dates.
    pub fn lifetime(lifetime: Duration) -> Self {
        Self::new(Kind::Lifetime(lifetime))
    }

    /// Modifies the body of a successful response with `alter`. An error response is unchanged. If `alter`
    /// panics, the connection is closed.
    pub fn altered(alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::new(Kind::MapBody(Arc::new(alter)))
    }

    /// Sets a response header, replacing any of the same name. It has no effect if the fault sends no response.
    ///
    /// Control characters in the value are removed, here and in the constructors, because HTTP does not allow
    /// them. The sandbox always sets `content-length` and `transfer-encoding` itself; use
    /// [`cut_short`](Self::cut_short) for a wrong length.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(value) = header_value(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn new(kind: Kind) -> Self {
        Self { kind, headers: HeaderMap::new() }
    }
}

/// The value without the characters that HTTP does not allow.
pub(super) fn header_value(value: &str) -> Option<HeaderValue> {
    let allowed: Vec<u8> = value.bytes().filter(|byte| !byte.is_ascii_control()).collect();
    HeaderValue::from_bytes(&allowed).ok()
}

/// The faults to inject.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) next: VecDeque<Fault>,
    pub(super) always: Option<Fault>,
}

impl Faults {
    /// The fault of this request: queued faults come before the permanent one.
    pub(super) fn take(&mut self) -> Option<Fault> {
        self.next.pop_front().or_else(|| self.always.clone())
    }
}

/// Sends the usual response with the fault, or what the fault sends instead. `usual` makes the response, with a token
/// of the lifetime if there is one.
///
/// # Errors
///
/// Returns an error if the fault resets the connection.
pub(super) async fn send(
    fault: Option<Fault>,
    usual: impl FnOnce(Option<Duration>) -> ResponseTemplate,
) -> Result<Response<ResponseBody>, ConnectionError> {
    let Some(Fault { kind, headers }) = fault else { return Ok(usual(None).complete()) };
    Ok(match kind {
        Kind::Response(response) => response.with(headers).complete(),
        Kind::Hang => future::pending().await,
        Kind::Reset => return Err(ConnectionError::Reset),
        Kind::Delay(delay) => {
            tokio::time::sleep(delay).await;
            usual(None).with(headers).complete()
        }
        Kind::CutShort => usual(None).with(headers).cut_short(),
        Kind::Oversized { bytes, announced } => usual(None).with(headers).oversized(bytes, announced),
        Kind::Lifetime(lifetime) => usual(Some(lifetime)).with(headers).complete(),
        Kind::MapBody(alter) => usual(None).map_body(&*alter).with(headers).complete(),
    })
}

fn final_status(status: u16) -> StatusCode {
    // A 1xx status is only interim: HTTP requires a final response after it.
    let last = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    last.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(response) => response.fmt(f),
            Self::Hang => f.write_str("Hang"),
            Self::Reset => f.write_str("Reset"),
            Self::Delay(delay) => f.debug_tuple("Delay").field(delay).finish(),
            Self::CutShort => f.write_str("CutShort"),
            Self::Oversized { bytes, announced } => {
                f.debug_struct("Oversized").field("bytes", bytes).field("announced", announced).finish()
            }
            Self::Lifetime(lifetime) => f.debug_tuple("Lifetime").field(lifetime).finish(),
            Self::MapBody(_) => f.write_str("MapBody(..)"),
        }
    }
}
