//! What can go wrong with a registration.
//!
//! A fault either takes the place of the sandbox's answer, or changes the answer on its way. The second
//! kind keeps the sandbox's own judgement: a delayed answer to a bad request is a delayed refusal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::response::{ErrorResponse, ResponseTemplate};
use crate::error::ErrorCode;

/// Something that goes wrong with a registration, for [`fail_next`] and [`fail_always`].
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
/// sandbox.recover();
/// sandbox.fail_next(Fault::altered(|session| session["users"][0]["hashFlag"] = ().into()));
/// assert!(bot.register().await.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// [`fail_next`]: super::Sandbox::fail_next
/// [`fail_always`]: super::Sandbox::fail_always
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
    Lifetime(TimeDelta),
    MapBody(Arc<dyn Fn(&mut Value) + Send + Sync>),
}

impl Fault {
    /// An error with this status, and with the contract's error body.
    ///
    /// Its code is the one documented for the status where there is one: 401, 403, 404, 422, 429, 500. Of
    /// the others, those below 500 have 400000 and the rest 500000. A number that can't be the status of an
    /// answer, one below 200 or above 999, becomes 500; so it does in the other constructors.
    pub fn status(status: u16) -> Self {
        let status = status_of(status);
        let code = match status.as_u16() {
            401 => ErrorCode::UNAUTHORIZED,
            403 => ErrorCode::USER_BANNED,
            404 => ErrorCode::NOT_FOUND,
            429 => ErrorCode::RATE_LIMITED,
            422 | 500.. => ErrorCode::UNEXPECTED,
            _ => ErrorCode::BAD_REQUEST,
        };
        let detail = vec![format!("the sandbox was told to answer with {status}")];
        Self::of(Kind::Response(
            ErrorResponse { status, code, message: "a fault of the sandbox", detail }.into(),
        ))
    }

    /// Any answer: HTML, an empty body, half a JSON document, an error body with status 200.
    pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::of(Kind::Response(ResponseTemplate::new(status_of(status), body.into())))
            .header(CONTENT_TYPE, content_type)
    }

    /// An answer without a body that leads elsewhere.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::of(Kind::Response(ResponseTemplate::new(status_of(status), Vec::new())))
            .header(LOCATION, location)
    }

    /// The usual answer, later.
    pub fn delay(delay: Duration) -> Self {
        Self::of(Kind::Delay(delay))
    }

    /// The request is taken, and never answered.
    pub fn silence() -> Self {
        Self::of(Kind::Hang)
    }

    /// The request is taken, and the connection reset (TCP `RST`).
    pub fn reset() -> Self {
        Self::of(Kind::Reset)
    }

    /// The usual answer, of whose body only the first half comes before the connection is closed.
    pub fn cut_short() -> Self {
        Self::of(Kind::CutShort)
    }

    /// The usual answer, grown to `bytes` by spaces before its JSON. With `announced`, a `content-length`
    /// tells it beforehand. It is made while it is sent, so any number of bytes will do.
    pub fn oversized(bytes: u64, announced: bool) -> Self {
        Self::of(Kind::Oversized { bytes, announced })
    }

    /// The usual answer with a token of this lifetime, which may be zero or negative.
    pub fn lifetime(lifetime: TimeDelta) -> Self {
        Self::of(Kind::Lifetime(lifetime))
    }

    /// The usual session after `alter` had it; a refusal stays as it is. A panic in `alter` breaks the
    /// connection.
    pub fn altered(alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::of(Kind::MapBody(Arc::new(alter)))
    }

    /// Sets a header of the answer, in place of any of that name, if the fault has an answer. Control
    /// characters in a value, here as in the constructors, are left out, since HTTP can't carry them.
    /// `content-length` and `transfer-encoding` stay the sandbox's own; for a length that lies there is
    /// [`cut_short`](Self::cut_short).
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        let carried: Vec<u8> = value.bytes().filter(|byte| !byte.is_ascii_control()).collect();
        if let Ok(value) = HeaderValue::from_bytes(&carried) {
            self.headers.insert(name, value);
        }
        self
    }

    fn of(kind: Kind) -> Self {
        Self { kind, headers: HeaderMap::new() }
    }
}

fn status_of(status: u16) -> StatusCode {
    // Those below 200 announce an answer, so there is none after which HTTP would let the exchange end.
    let answers = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    answers.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
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
