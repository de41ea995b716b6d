//! Pages, which are what a read returns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::entry::Entry;
use crate::error::Error;

/// The body of a read, with its age.
///
/// Clones are cheap, and share the body.
#[derive(Clone)]
pub struct Page {
    pub(super) entry: Arc<Entry>,
    pub(super) age: Duration,
    pub(super) freshness: Freshness,
}

/// How fresh a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Freshness {
    /// Younger than [`fresh_for`](crate::ReadCache::fresh_for).
    Fresh,
    /// Older than that.
    Stale(StaleReason),
}

/// Why a page was returned although it is not fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaleReason {
    /// A refresh is in progress.
    Refreshing,
    /// No read is left for it now: refreshes are paced over the day, and pages that are asked for more come first.
    Quota,
    /// The service failed or can't be reached, or there is no token. The refresh is attempted again later.
    Unavailable,
}

impl Page {
    /// The body.
    pub fn bytes(&self) -> &Bytes {
        self.entry.body()
    }

    /// Decodes the body as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if the body can't be decoded as `T`. The error says where, and
    /// does not quote the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.bytes()).map_err(|error| Error::undecodable(StatusCode::OK, &error))
    }

    /// The time since the service sent the body, when the page was returned.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Whether the page was fresh when it was returned, and otherwise why not.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }
}

/// Omits the body.
impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("bytes", &self.bytes().len())
            .field("age", &self.age)
            .field("freshness", &self.freshness)
            .finish()
    }
}
