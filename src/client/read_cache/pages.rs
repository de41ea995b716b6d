//! The store as the cache uses it. A store that fails is left alone for a short time, so that a call waits for it once and
//! not once for each page.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::Entry;
use super::record::{self, Stored};
use crate::error::Error;
use crate::session::clock::{Clock, Moment};
use crate::store::faults::FaultCount;
use crate::store::handle::{Found, StoreHandle};
use crate::store::{StoreKey, StoredRecord};

/// A store that failed is not asked again for so long.
const PAUSE: Duration = Duration::from_secs(5);

/// The store of a client, with what is known of its outages.
pub(super) struct PageStore<C> {
    /// With the key of the session.
    handle: StoreHandle,
    faults: Arc<FaultCount>,
    clock: C,
    /// When the store is asked again. Nothing if it responded last.
    resumes: Mutex<Option<Moment>>,
}

impl<C: Clock> PageStore<C> {
    pub(super) fn new(handle: StoreHandle, faults: Arc<FaultCount>, clock: C) -> Self {
        Self { handle, faults, clock, resumes: Mutex::default() }
    }

    /// The key of a path.
    pub(super) fn key(&self, path: &str) -> StoreKey {
        self.handle.key.read(path)
    }

    /// The store with the key of the day's reads.
    pub(super) fn budget(&self) -> StoreHandle {
        self.handle.at(self.handle.key.budget())
    }

    /// Whether the store failed when it was last asked.
    pub(super) fn is_failing(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether the store may be asked.
    pub(super) fn is_due(&self) -> bool {
        let now = self.clock.now();
        self.lock().is_none_or(|resumes| now.has_reached(resumes))
    }

    /// Runs an operation, unless the store has just failed. Returns nothing if it fails.
    pub(super) async fn attempt<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Option<T> {
        if !self.is_due() {
            return None;
        }
        match operation.await {
            Ok(result) => {
                *self.lock() = None;
                Some(result)
            }
            Err(fault) => {
                self.faults.record(fault);
                *self.lock() = Some(self.clock.now().after(PAUSE));
                None
            }
        }
    }

    /// Records a fault.
    pub(super) fn record(&self, fault: Error) {
        self.faults.record(fault);
    }

    /// What is stored for `path`: as it is, and what it says if it can be read.
    pub(super) async fn load(&self, path: &str) -> (Option<StoredRecord>, Option<Stored>) {
        let key = self.key(path);
        let found = self.attempt(self.handle.at(key.clone()).load()).await.flatten();
        let Some(Found { raw, open }) = found else { return (None, None) };
        let now = self.clock.now();
        match open.and_then(|open| record::read(&key, path, &open, now)) {
            Ok(stored) => (Some(raw), Some(stored)),
            Err(reason) => {
                self.faults.record(Error::store(format!("a stored page can't be used: {reason}")));
                (Some(raw), None)
            }
        }
    }

    /// Stores an entry for `ttl`, or that the path was forgotten, if `raw` is what is stored. Returns false if something
    /// else is, and nothing if the store fails.
    pub(super) async fn replace(
        &self,
        path: &str,
        raw: Option<StoredRecord>,
        entry: Option<&Entry>,
        ttl: Duration,
    ) -> Option<bool> {
        let (key, now) = (self.key(path), self.clock.now());
        let stored = async {
            let record = record::write(&key, path, entry, ttl, now)?;
            self.handle.at(key).replace(raw, record, ttl).await
        };
        self.attempt(stored).await
    }

    fn lock(&self) -> MutexGuard<'_, Option<Moment>> {
        self.resumes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Debug for PageStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStore").field("handle", &self.handle).finish_non_exhaustive()
    }
}
