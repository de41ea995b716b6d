//! Errors of a connection: what happened to it, and whether it may pass.

use std::sync::Arc;
use std::time::Duration;

use super::{Error, ErrorKind, Inner, Limit};

impl Error {
    /// No response, or only part of one, within `limit` if that has ended it. `connect` is the limit of connecting.
    pub(crate) fn connection(mut error: reqwest::Error, connect: Duration, limit: Limit) -> Self {
        if let Some(url) = error.url_mut() {
            // Some addresses take the token there, and a request that is not made by a builder keeps its password.
            url.set_query(None);
            url.set_fragment(None);
            // This fails for a URL that can't have them.
            url.set_password(None).and_then(|()| url.set_username("")).ok();
        }
        let cause = root_cause(&error).to_string();
        let protocol = Protocol::of(&error);
        let is_untrusted = error.is_connect() && cause.contains("certificate");
        let (kind, reason) = match (error.is_timeout(), error.is_connect()) {
            (true, true) => (
                ErrorKind::Timeout,
                format!("connecting to the service took longer than {connect:.1?} (the limit of connecting)"),
            ),
            (true, false) => (ErrorKind::Timeout, format!("no response from the service within {limit}")),
            (false, true) if is_untrusted => (
                ErrorKind::Unavailable,
                format!(
                    "the service's certificate is not trusted: {cause}; check the base URL, this machine's clock and \
                     certificates, and whether a proxy replaces the certificate"
                ),
            ),
            (false, true) => (ErrorKind::Unavailable, format!("cannot connect to the service: {cause}")),
            (false, false) => match protocol {
                Some(Protocol::HeadTooLarge) => (
                    ErrorKind::InvalidResponse,
                    format!(
                        "the head of the response is too large: {cause}; check the base URL, and what adds headers"
                    ),
                ),
                Some(Protocol::Invalid) => (
                    ErrorKind::Unavailable,
                    format!("the response is not valid HTTP: {cause}; check the base URL and its port"),
                ),
                None => (ErrorKind::Unavailable, format!("the connection to the service was lost: {cause}")),
            },
        };
        let mut inner = Inner::new(kind, reason);
        inner.transient = kind != ErrorKind::InvalidResponse && !is_untrusted;
        inner.is_protocol = protocol.is_some();
        inner.is_unsent = error.is_connect();
        inner.status = error.status();
        inner.cause = Some(Arc::new(error));
        inner.into()
    }
}

/// A response that HTTP does not allow.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Invalid,
    HeadTooLarge,
}

impl Protocol {
    fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let error = causes.filter_map(|cause| cause.downcast_ref::<hyper::Error>()).next()?;
        match error.is_parse() {
            // hyper tells it by a method only with the feature of its server.
            true if error.to_string().contains("too large") => Some(Self::HeadTooLarge),
            true => Some(Self::Invalid),
            false => None,
        }
    }
}

/// The innermost cause says what happened; the layers around it say only which of them it passed.
pub(crate) fn root_cause<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
