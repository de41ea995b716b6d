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
use tokio::time::{Instant, sleep, timeout};

use super::budget::{Pacing, ReadBudget};
use super::entry::{Content, Entry};
use super::fetch::{Fetch, Response, Validators, is_failure, is_not_found};
use super::flights::{Flights, Landing, Outcome};
use super::ledger::{Claim, Finish, Ledger, Purpose};
use super::memory::{Memory, memory};
use super::page::{Freshness, Page, StaleReason};
use super::pages::PageStore;
use super::record::Stored;
use super::settings::ReadCache;
use crate::error::{Error, ErrorCode, ErrorKind};
use crate::session::clock::{Clock, Moment};
use crate::session::runtime;
use crate::store::faults::FaultCount;
use crate::store::handle::StoreHandle;
use crate::store::{StoreKey, StoredRecord, operation};

mod fill;

/// The pauses between looks for a page that another process reads.
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_secs(1);

/// A caller waits for so many flights at most: one can end with its runtime, or without a read.
const ROUNDS: u32 = 3;

/// The shortest time for which something is stored.
const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// The longest time. Redis refuses one that leads beyond the end of its clock.
const LONGEST_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A call waits for four times the timeout of a read and so much longer at most. A store that is slow, or another process
/// that dies, can make it wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long, another process may read the same, even if the timeout is longer.
const LONGEST_READ: Duration = Duration::from_secs(60 * 60);

/// Without a token, no refresh begins for so long, in seconds.
const TOKEN_PAUSE: u64 = 5;

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
        let (flights, next, no_token_until) = (Arc::default(), Mutex::default(), AtomicU64::default());
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
        }))
    }

    /// The page at `path`, which counts as fresh for `fresh_for`, or else for the time of the settings.
    pub(crate) async fn read(&self, path: &str, fresh_for: Option<Duration>) -> Result<Page, Error> {
        match self.0.hit(path, fresh_for) {
            Some(result) => result,
            // A future of its own, so that the one of a hit is small.
            None => Box::pin(self.0.wait_for(path, fresh_for)).await,
        }
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
    async fn in_runtime<T>(&self, call: impl Future<Output = T>) -> Result<T, Error> {
        match &self.0.store {
            Some(_) => runtime::within(call).await,
            None => Ok(call.await),
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

    /// Looks into the store, and reads if that is not enough.
    async fn fly(&self, path: &str, flight: Flight) -> Outcome {
        self.ledger.report().await;
        let kept = self.memory.get(path);
        let is_enough = |entry: &Arc<Entry>| {
            let age = entry.age(self.clock.now());
            match flight {
                Flight::Look => false,
                Flight::Missing => age < entry.lifetime(&self.settings),
                Flight::Refresh(fresh_for) => age < fresh_for,
            }
        };
        let (mut raw, entry) = self.look(path).await;
        if let Some(entry) = entry.filter(is_enough) {
            return Outcome::Entry(entry);
        }
        let purpose = match flight {
            Flight::Look => return Outcome::NotRead,
            Flight::Missing => Purpose::Missing,
            Flight::Refresh(_) => Purpose::Refresh,
        };
        // A refresh that fails says so by what it leaves: the page stays stale.
        let failed = |error| match purpose {
            Purpose::Missing => Outcome::Failed(error),
            Purpose::Refresh => Outcome::NotRead,
        };
        // With a store, the pause may have been ended by another process; the claim knows.
        if self.store.is_none()
            && let Some((_, error)) = self.ledger.pause(self.clock.now())
        {
            return failed(error);
        }
        if let Err(error) = self.fetch.ready().await {
            let now = self.clock.now();
            if error.code() == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) {
                self.ledger.pause_here(&error, now);
            } else {
                self.no_token_until.store(now.monotonic.as_secs() + TOKEN_PAUSE, Ordering::Relaxed);
            }
            return failed(error);
        }
        let key = self.key(path);
        let limit = self.fetch.max_duration().min(LONGEST_READ) + operation::LIMIT * 2;
        let deadline = Instant::now() + limit * 2;
        let mut poll = POLL_MIN;
        loop {
            match self.ledger.claim(&key, purpose, limit).await {
                Claim::Granted => break,
                Claim::Denied(error) => return failed(error),
                Claim::Busy if purpose == Purpose::Refresh => return Outcome::NotRead,
                Claim::Busy => {}
            }
            if Instant::now() >= deadline {
                return failed(Error::read_lost());
            }
            // Another process reads it.
            sleep(poll).await;
            poll = (poll * 2).min(POLL_MAX);
            let (found, entry) = self.look(path).await;
            raw = found;
            if let Some(entry) = entry.filter(is_enough) {
                return Outcome::Entry(entry);
            }
        }
        self.send(path, &key, kept, raw).await.map_or_else(failed, Outcome::Entry)
    }

    /// Sends a read that was granted, and keeps what it returns.
    async fn send(
        &self,
        path: &str,
        key: &StoreKey,
        kept: Option<Arc<Entry>>,
        raw: Option<StoredRecord>,
    ) -> Result<Arc<Entry>, Error> {
        let validators = kept.as_ref().map(|entry| entry.validators.clone()).unwrap_or_default();
        let max_bytes = self.settings.max_body_bytes;
        let response = self.fetch.fetch(path, &validators, max_bytes, self.ledger.count()).await;
        let received = self.clock.now();
        let (entry, is_storable) = match response.and_then(|response| understood(response, kept, received)) {
            Ok(understood) => understood,
            Err(error) if is_not_found(&error) => {
                (Entry::new(Content::NotFound(error), Duration::ZERO, received), true)
            }
            Err(error) => {
                if let Some(kept) = self.memory.peek(path) {
                    kept.refresh_failed();
                }
                let is_failure = is_failure(&error);
                let finish = if is_failure { Finish::Failed(error.clone()) } else { Finish::Answered };
                if !is_failure && error.kind() == ErrorKind::Rejected {
                    // It may have become private.
                    self.drop_kept(path, raw).await;
                }
                self.ledger.finish(key, finish).await;
                let pause = self.ledger.pause(received).filter(|_| is_failure);
                return Err(match pause.and_then(|(_, pause)| pause.retry_after()) {
                    Some(wait) => error.retry_in(wait),
                    None => error,
                });
            }
        };
        let entry = Arc::new(entry);
        if is_storable {
            let keep = || self.memory.insert(path.into(), Arc::clone(&entry));
            if self.flights.keep(path, keep) {
                self.store_entry(path, raw, Some(&entry)).await;
            }
        } else {
            // An older one must not be returned in its place.
            self.drop_kept(path, raw).await;
        }
        self.ledger.finish(key, Finish::Answered).await;
        Ok(entry)
    }

    /// Drops what is kept for a path that the service refuses, or does not permit to keep.
    async fn drop_kept(&self, path: &str, raw: Option<StoredRecord>) {
        self.flights.keep(path, || drop(self.memory.remove(path)));
        if raw.is_some() {
            self.store_entry(path, raw, None).await;
        }
    }

    /// Takes a newer entry from the store into memory. Returns the record as it is stored, and the newer one of the entry
    /// there and the one in memory.
    async fn look(&self, path: &str) -> (Option<StoredRecord>, Option<Arc<Entry>>) {
        let (raw, stored) = self.load(path).await;
        let (now, kept) = (self.clock.now(), self.memory.peek(path));
        let age = |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| entry.age(now));
        match stored {
            Some(Stored::Entry(entry)) if age(&kept).is_none_or(|age| entry.age(now) < age) => {
                let entry = Arc::new(entry);
                self.flights.keep(path, || self.memory.insert(path.into(), Arc::clone(&entry)));
                (raw, Some(entry))
            }
            Some(Stored::Forgotten(since)) if age(&kept).is_some_and(|age| age >= since) => {
                self.flights.keep(path, || drop(self.memory.remove(path)));
                (raw, None)
            }
            _ => (raw, kept),
        }
    }

    /// What is stored for `path`.
    async fn load(&self, path: &str) -> (Option<StoredRecord>, Option<Stored>) {
        match &self.store {
            Some(store) => store.load(path).await,
            None => (None, None),
        }
    }

    /// Stores an entry, or that the path was forgotten, if `raw` is what is stored. Returns false if something else is.
    async fn store_entry(&self, path: &str, raw: Option<StoredRecord>, entry: Option<&Entry>) -> bool {
        let Some(store) = &self.store else { return true };
        // That it was forgotten counts as long as another process may have it in memory.
        let lifetime = entry.map_or(self.settings.stale_for, |entry| entry.lifetime(&self.settings));
        let age = entry.map_or(Duration::ZERO, |entry| entry.age(self.clock.now()));
        let ttl = lifetime.saturating_sub(age).clamp(SHORTEST_TTL, LONGEST_TTL);
        store.replace(path, raw, entry, ttl).await.unwrap_or(true)
    }

    /// The key by which the reads of `path` are counted.
    fn key(&self, path: &str) -> StoreKey {
        match &self.store {
            Some(store) => store.key(path),
            None => StoreKey::local(path),
        }
    }
}

#[cfg(test)]
impl<F: Fetch, C: Clock> Reads<F, C> {
    /// The memory that the kept pages take, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.0.memory.weight()
    }
}

/// The entry of a response, and whether it may be kept.
fn understood(
    response: Response,
    kept: Option<Arc<Entry>>,
    received: Moment,
) -> Result<(Entry, bool), Error> {
    let Response { body, age, max_age, is_storable, validators } = response;
    match (body, kept) {
        (Some(body), _) => {
            let entry = Entry::new(Content::Body(body), age, received).with(max_age, validators);
            Ok((entry, is_storable))
        }
        (None, Some(kept)) if kept.validators != Validators::default() => {
            Ok((kept.confirmed(age, max_age, received), is_storable))
        }
        (None, _) => Err(Error::invalid_response(304, "nothing was kept that could be unchanged")),
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
