//! An error in the form in which processes tell each other about it.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::printable::is_printable;
use super::{Error, ErrorCode, ErrorKind, Inner};

/// A longer text was not written by this crate.
const LONGEST: usize = 1_000;

/// The parts of a failed registration that another process needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ErrorRecord<'a> {
    kind: Cow<'a, str>,
    transient: bool,
    reason: Cow<'a, str>,
    status: Option<u16>,
    code: Option<ErrorCode>,
    message: Option<Cow<'a, str>>,
}

impl<'a> From<&'a Error> for ErrorRecord<'a> {
    fn from(error: &'a Error) -> Self {
        let error = &*error.0;
        Self {
            kind: name(error.kind).into(),
            transient: error.transient,
            reason: error.reason.as_ref().into(),
            status: error.status.map(u16::from),
            code: error.code,
            message: error.message.as_deref().map(Cow::from),
        }
    }
}

#[cfg(feature = "read-cache")]
impl ErrorRecord<'_> {
    pub(crate) fn into_owned(self) -> ErrorRecord<'static> {
        ErrorRecord {
            kind: self.kind.into_owned().into(),
            reason: self.reason.into_owned().into(),
            message: self.message.map(|message| message.into_owned().into()),
            ..self
        }
    }
}

impl From<ErrorRecord<'_>> for Error {
    fn from(record: ErrorRecord<'_>) -> Self {
        let kinds =
            [ErrorKind::Rejected, ErrorKind::RateLimited, ErrorKind::Timeout, ErrorKind::InvalidResponse];
        let kind = kinds.into_iter().find(|kind| name(*kind) == record.kind);
        let mut error = Inner::new(kind.unwrap_or(ErrorKind::Unavailable), line(&record.reason));
        error.transient = record.transient;
        error.status = record.status.and_then(|status| StatusCode::from_u16(status).ok());
        error.code = record.code;
        error.message = record.message.as_deref().map(line);
        error.into()
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Rejected => "rejected",
        ErrorKind::RateLimited => "rate-limited",
        ErrorKind::Timeout => "timeout",
        ErrorKind::InvalidResponse => "invalid-response",
        _ => "unavailable",
    }
}

/// One line of printable text.
fn line(text: &str) -> String {
    text.chars().filter(|character| is_printable(*character)).take(LONGEST).collect()
}
