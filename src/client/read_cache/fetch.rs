//! How the cache reads from the service: through the client, which sends the token and understands errors.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::error::{Error, ErrorCode, ErrorKind};

/// Sends reads.
pub(crate) trait Fetch: Send + Sync + 'static {
    /// Fails if the path can't be read, or must not be kept.
    fn check(&self, path: &str) -> Result<(), Error>;

    /// Whether a body may be kept: it must not contain the key or the token.
    fn may_keep(&self, body: &[u8]) -> bool;

    /// Waits for a token. No read is sent. Fails as well if none would be sent, since the quota is used up.
    fn ready(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Sends a read, and returns the response if it is a success or says that the validators still hold. Runs
    /// `before_repeat` before it sends it again with another token.
    fn fetch(
        &self,
        path: &str,
        validators: &Validators,
        max_bytes: usize,
        before_repeat: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<Response, Error>> + Send;

    /// How long a read takes at most, unless the token is refused and it is repeated.
    fn max_duration(&self) -> Duration;
}

/// What names the version of a body (`ETag` and `Last-Modified`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// A response to a read.
#[derive(Debug)]
pub(crate) struct Response {
    /// Nothing if the version that the validators name is still the current one.
    pub(crate) body: Option<Bytes>,
    /// The time that it has spent in other caches.
    pub(crate) age: Duration,
    /// How long it is fresh, by the service's word.
    pub(crate) max_age: Duration,
    /// Whether the service permits that it is kept.
    pub(crate) is_storable: bool,
    pub(crate) validators: Validators,
}

/// Whether there is nothing at the path.
pub(super) fn is_not_found(error: &Error) -> bool {
    error.code() == Some(ErrorCode::NOT_FOUND)
        || matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
}

/// Whether the service can't answer now, or not to this bot, which says nothing about the path.
pub(super) fn is_failure(error: &Error) -> bool {
    error.is_transient()
        || error.code() == Some(ErrorCode::USER_BANNED)
        || matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited)
        || matches!(
            error.status(),
            Some(StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
        )
}
