//! Reads through the cache.
//!
//! A fresh page is returned from memory. A stale one is returned as well, and a refresh begins in the background if a read
//! can be spared for it; the page that was asked for most comes first. A page that is not kept is looked for in the store,
//! and then read. Whatever is read goes through a [flight](super::flights), in a task of its own that goes on if its callers
//! are dropped.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::budget::{Pacing, ReadBudget};
use super::entry::{Content, Entry};
use super::fetch::Fetch;
use super::flights::{Flights, Landing, Outcome};
use super::ledger::Ledger;
use super::memory::{Memory, memory};
use super::page::{Freshness, Page, StaleReason};
use super::pages::PageStore;
use super::settings::ReadCache;
use crate::error::Error;
use crate::session::clock::{Clock, Moment};
use crate::session::runtime;
use crate::store::faults::FaultCount;
use crate::store::handle::StoreHandle;

mod fill;
mod fly;
mod stored;

/// A caller waits for so many flights at most: one can end with its runtime, or without a read.
const ROUNDS: u32 = 3;

/// A call waits for four times the timeout of a read and so much longer at most. A store that is slow, or another process
/// that dies, can make it wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cache of a client. Dropping it cancels the reads in progress.
pub(crate) struct Reads<F: Fetch, C: Clock>(Arc<Shared<F, C>>);

struct Shared<F, C> {
    settings: ReadCache,
    fetch: F,
    clock: C,
    store: Option<Arc<PageStore<C>>>,
    memory: Memory,
    flights: Arc<Flights>,
    ledger: Ledger<C>,
    /// The stale page that was asked for most since the last refresh.
    next: Mutex<Option<Candidate>>,
    /// Until when there is no token for refreshes, in seconds by the monotonic clock.
    no_token_until: AtomicU64,
    /// Calls whose page was in memory, and those that waited for one.
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A page to refresh.
struct Candidate {
    path: Box<str>,
    asks: u32,
    /// The age from which it is stale, for the caller who asked for it last.
    fresh_for: Duration,
}

/// What a flight is for.
#[derive(Clone, Copy)]
enum Flight {
    /// A page that callers wait for.
    Missing,
    /// A page that is older than this.
    Refresh(Duration),
    /// A look into the store only.
    Look,
}

impl<F: Fetch, C: Clock + Clone> Reads<F, C> {
    pub(crate) fn new(
        settings: ReadCache,
        fetch: F,
        clock: C,
        store: Option<(StoreHandle, Arc<FaultCount>)>,
    ) -> Self {
        let pacing = Pacing { limit: settings.daily_reads, reserved: settings.reserved_reads };
        let store = store.map(|(handle, faults)| Arc::new(PageStore::new(handle, faults, clock.clone())));
        let ledger = Ledger::new(pacing, clock.clone(), store.clone());
        let memory = memory(&settings);
        let (flights, next) = (Arc::default(), Mutex::default());
        let (no_token_until, hits, misses) = Default::default();
        Self(Arc::new(Shared {
            settings,
            fetch,
            clock,
            store,
            memory,
            flights,
            ledger,
            next,
            no_token_until,
            hits,
            misses,
        }))
    }

    /// The page at `path`, which counts as fresh for `fresh_for`, or else for the time of the settings.
    pub(crate) async fn read(&self, path: &str, fresh_for: Option<Duration>) -> Result<Page, Error> {
        match self.0.hit(path, fresh_for) {
            Some(result) => {
                self.0.hits.fetch_add(1, Ordering::Relaxed);
                result
            }
            None => {
                self.0.misses.fetch_add(1, Ordering::Relaxed);
                // A future of its own, so that the one of a hit is small.
                Box::pin(self.0.wait_for(path, fresh_for)).await
            }
        }
    }

    /// The calls whose page was in memory, and those that waited for one.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.0.hits.load(Ordering::Relaxed), self.0.misses.load(Ordering::Relaxed))
    }

    /// Keeps a body that is `age` old.
    pub(crate) async fn fill(&self, path: &str, body: Bytes, age: Duration) -> Result<(), Error> {
        self.in_runtime(self.0.fill(path, body, age)).await?
    }

    /// Drops what is kept for `path`.
    pub(crate) async fn forget(&self, path: &str) -> Result<(), Error> {
        self.in_runtime(self.0.forget(path)).await?
    }

    pub(crate) async fn budget(&self) -> Result<ReadBudget, Error> {
        self.in_runtime(self.0.ledger.budget()).await
    }

    /// Counts a read that is sent outside of the cache.
    pub(crate) async fn count(&self) -> Result<(), Error> {
        self.in_runtime(self.0.ledger.count()).await
    }

    /// Runs a call that needs a runtime if there is a store.
    fn in_runtime<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = Result<T, Error>> {
        let has_store = self.0.store.is_some();
        let call = runtime::with_drivers(call);
        async move {
            if has_store {
                runtime::check()?;
            }
            call.await
        }
    }

    /// Pauses reads for `wait`, or ends the pause.
    pub(crate) fn resume_in(&self, wait: Duration, now: Moment) {
        self.0.ledger.resume_in(wait, now);
    }
}

impl<F: Fetch, C: Clock + Clone> Shared<F, C> {
    /// What is in memory, if it is not too old.
    fn hit(self: &Arc<Self>, path: &str, fresh_for: Option<Duration>) -> Option<Result<Page, Error>> {
        let entry = self.memory.get(path)?;
        let now = self.clock.now();
        let age = entry.age(now);
        (age < entry.lifetime(&self.settings)).then(|| self.page(path, entry, age, fresh_for, now))
    }

    /// The page of an entry of this age, or the error that there is none. Starts a refresh if it is stale.
    fn page(
        self: &Arc<Self>,
        path: &str,
        entry: Arc<Entry>,
        age: Duration,
        fresh_for: Option<Duration>,
        now: Moment,
    ) -> Result<Page, Error> {
        if let Content::NotFound(error) = &entry.content {
            return Err(error.clone());
        }
        let fresh_for = fresh_for.unwrap_or_else(|| self.settings.fresh_for.max(entry.max_age));
        let freshness = if age < fresh_for {
            Freshness::Fresh
        } else {
            Freshness::Stale(self.refresh(path, &entry, fresh_for, now))
        };
        Ok(Page { entry, age, freshness })
    }

    /// Starts a refresh of this page, or of the one that is asked for most, if a read can be spared. Returns why the page is
    /// stale.
    fn refresh(self: &Arc<Self>, path: &str, entry: &Entry, fresh_for: Duration, now: Moment) -> StaleReason {
        let asks = entry.ask();
        let in_progress = self.flights.reads(path);
        if in_progress == Some(true) {
            return StaleReason::Refreshing;
        }
        let has_no_token = now.monotonic.as_secs() < self.no_token_until.load(Ordering::Relaxed);
        let paused = match has_no_token {
            true => Some(StaleReason::Unavailable),
            false => self.ledger.pause(now).map(|(reason, _)| reason),
        };
        if in_progress.is_some() {
            return paused.unwrap_or(StaleReason::Quota);
        }
        let may_refresh = paused.is_none() && self.ledger.may_refresh(now);
        let next = self.next(path, asks, fresh_for, may_refresh);
        if let Some(Candidate { path: next, fresh_for, .. }) = next
            && self.start(&next, Flight::Refresh(fresh_for)).is_some()
            && *next == *path
        {
            return StaleReason::Refreshing;
        }
        if self.store.is_some() && entry.should_look(now) {
            self.start(path, Flight::Look);
        }
        paused.unwrap_or(StaleReason::Quota)
    }

    /// The page to refresh next, if one may be refreshed.
    fn next(&self, path: &str, asks: u32, fresh_for: Duration, may_refresh: bool) -> Option<Candidate> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *next {
            Some(next) if *next.path == *path => (next.asks, next.fresh_for) = (asks, fresh_for),
            Some(next) if next.asks > asks => {}
            _ => *next = Some(Candidate { path: path.into(), asks, fresh_for }),
        }
        if may_refresh { next.take() } else { None }
    }

    fn start(self: &Arc<Self>, path: &str, flight: Flight) -> Option<(Landing, bool)> {
        let is_read = !matches!(flight, Flight::Look);
        self.flights.join_or_start(path, is_read, || {
            let (this, path) = (Arc::clone(self), path.to_owned());
            async move { this.fly(&path, flight).await }
        })
    }

    /// Waits for a page that is not in memory.
    async fn wait_for(self: &Arc<Self>, path: &str, fresh_for: Option<Duration>) -> Result<Page, Error> {
        self.fetch.check(path)?;
        let patience = self.fetch.max_duration().saturating_mul(4).saturating_add(PATIENCE);
        let page = async { timeout(patience, self.land(path, fresh_for)).await.ok().flatten() };
        runtime::within(page).await?.unwrap_or_else(|| Err(Error::read_lost()))
    }

    /// Waits for a flight that returns a page or an error.
    async fn land(self: &Arc<Self>, path: &str, fresh_for: Option<Duration>) -> Option<Result<Page, Error>> {
        for _ in 0..ROUNDS {
            if let Some(result) = self.hit(path, fresh_for) {
                return Some(result);
            }
            let (mut landing, is_outdated) = self.start(path, Flight::Missing)?;
            let outcome = landing.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
            match outcome {
                // It is from before the path was forgotten.
                _ if is_outdated => {}
                Some(Outcome::Entry(entry)) => {
                    let now = self.clock.now();
                    let age = entry.age(now);
                    return Some(self.page(path, entry, age, fresh_for, now));
                }
                Some(Outcome::Failed(error)) => return Some(Err(error)),
                // The flight was one in the background, or ended with its runtime.
                Some(Outcome::NotRead) | None => {}
            }
        }
        None
    }
}

#[cfg(test)]
impl<F: Fetch, C: Clock> Reads<F, C> {
    /// The memory that the kept pages take, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.0.memory.weight()
    }
}

impl<F: Fetch, C: Clock> Drop for Reads<F, C> {
    fn drop(&mut self) {
        self.0.flights.abort();
    }
}

impl<F: Fetch, C: Clock> fmt::Debug for Reads<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
