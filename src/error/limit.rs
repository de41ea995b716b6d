//! The limit that ended a wait.

use std::fmt;
use std::time::Duration;

/// How long something was waited for, and why no longer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// One attempt of a registration.
    Attempt(Duration),
    /// The client's timeout.
    Client(Duration),
    /// The request's own timeout.
    Request(Duration),
    /// The request's own timeout or the client's, where it is not known how long that is.
    Unknown,
    /// A registration, with the operations of the store before and after it.
    Session(Duration),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(limit) => write!(f, "{limit:.1?} (the limit of one attempt)"),
            Self::Client(limit) => write!(f, "{limit:.1?} (the client's timeout)"),
            Self::Request(limit) => write!(f, "{limit:.1?} (the request's timeout)"),
            Self::Unknown => f.write_str("the request's timeout"),
            Self::Session(limit) => write!(f, "{limit:.1?} (the limit of a registration and its store)"),
        }
    }
}
