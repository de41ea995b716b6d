//! Single flight: one task at a time loads a value, and all callers that need it wait for that task.
//!
//! This file has the concurrent part of the session cache and nothing else: a [`Loader`] knows what is loaded and how
//! long it stays fresh. A model checker compiles this file with primitives of its own and runs it under thousands of
//! schedules; see `tests/session/main.rs`.
//!
//! The cached entry is read without a lock. It changes under the lock that also guards the load in flight, so to other
//! threads completing a load, joining one and invalidating the entry are atomic. The load runs in a task of its own,
//! so that a caller that is dropped can't cancel it for the others.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::primitives::{AbortHandle, Mutex, MutexGuard, Slot, has_runtime, spawn, timeout, watch};

/// A caller waits for this many loads at most: one can be lost with its runtime, or be discarded.
const ROUNDS: usize = 3;

/// Loads a value and decides how long it stays fresh.
pub(crate) trait Loader: Send + Sync + 'static {
    /// What is cached.
    type Entry: Send + Sync + 'static;
    /// The result of a load, successful or not.
    type Output: Clone + Send + Sync + 'static;

    /// Loads once. `kept` is the entry when the load started; `refresh` asks for a value that is newer than it.
    fn load(
        &self,
        kept: Option<Arc<Self::Entry>>,
        refresh: bool,
    ) -> impl Future<Output = Self::Output> + Send;

    /// A load that takes longer is cancelled.
    fn max_duration(&self) -> Duration;

    /// How fresh the entry is now.
    fn freshness(&self, kept: &Self::Entry) -> Freshness<Self::Output>;

    /// What becomes of `kept` after a load. Runs under the lock, so it must not block or call foreign code.
    fn complete(&self, outcome: &Self::Output, kept: Option<&Self::Entry>) -> Completion<Self::Entry>;

    /// Called after [`complete`](Self::complete) replaced the entry, without the lock.
    fn on_complete(&self, outcome: &Self::Output, kept: &Self::Entry);
}

/// How fresh an entry is, with the value to return for it.
pub(crate) enum Freshness<O> {
    /// Returned as it is.
    Fresh(O),
    /// Returned, while a load runs in the background.
    Stale(O),
    /// Not returned; callers wait for a load.
    Expired,
}

/// What a load changes.
pub(crate) enum Completion<T> {
    /// The entry is replaced.
    Replace(T),
    /// The entry stays as it is.
    Keep,
    /// The result is no longer good: callers that wait for it start another load.
    Discard,
}

/// Why a caller got no result.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// There is no Tokio runtime.
    NoRuntime,
    /// The load, and the one that replaced it, took too long.
    TimedOut,
    /// The task of the load, and that of the one that replaced it, ended without a result.
    LeaderDropped,
}

/// A cached value with its loader. Dropping it cancels the load in flight.
pub(crate) struct SingleFlight<E: Loader> {
    loader: Arc<E>,
    shared: Arc<Shared<E>>,
}

struct Shared<E: Loader> {
    /// Changed only under the lock of `flight`.
    kept: Slot<E::Entry>,
    flight: Mutex<Option<InFlight<E::Output>>>,
}

/// The outcome of a load, once it has completed.
type Outcome<O> = watch::Receiver<Option<O>>;

/// A load that has not completed.
struct InFlight<O> {
    outcome: Outcome<O>,
    task: AbortHandle,
    /// Whether it loads a value that is newer than the cached one.
    is_refresh: bool,
}

enum Lookup<O> {
    Hit(O),
    Pending(Outcome<O>),
}

impl<E: Loader> SingleFlight<E> {
    pub(crate) fn new(loader: E) -> Self {
        let shared = Shared { kept: Slot::empty(), flight: Mutex::new(None) };
        Self { loader: Arc::new(loader), shared: Arc::new(shared) }
    }

    pub(crate) fn loader(&self) -> &E {
        &self.loader
    }

    /// Reads the entry without a lock.
    pub(crate) fn peek<T>(&self, take: impl FnOnce(&E, &E::Entry) -> Option<T>) -> Option<T> {
        take(&self.loader, self.shared.kept.load().as_ref()?)
    }

    /// The cached value, or the result of a load if it has expired.
    pub(crate) async fn get(&self) -> Result<E::Output, LoadError> {
        let mut error = LoadError::LeaderDropped;
        for _ in 0..ROUNDS {
            let outcome = match self.join_or_start()? {
                Lookup::Hit(outcome) => return Ok(outcome),
                Lookup::Pending(outcome) => outcome,
            };
            match self.wait(outcome).await {
                Err(lost @ (LoadError::LeaderDropped | LoadError::TimedOut)) => error = lost,
                result => return result,
            }
        }
        Err(error)
    }

    /// The result of a load that started after the call, shared with concurrent callers of this method.
    pub(crate) async fn refresh(&self) -> Result<E::Output, LoadError> {
        let mut error = LoadError::LeaderDropped;
        for _ in 0..ROUNDS {
            let (outcome, is_refresh) = self.join_or_refresh()?;
            match self.wait(outcome).await {
                // A load that only may bring a newer value.
                Ok(_) if !is_refresh => {}
                Err(lost @ (LoadError::LeaderDropped | LoadError::TimedOut)) => error = lost,
                result => return result,
            }
        }
        Err(error)
    }

    /// Waits for a load. One that takes too long is cancelled.
    async fn wait(&self, mut outcome: Outcome<E::Output>) -> Result<E::Output, LoadError> {
        // The load may run on another thread's runtime, but this thread needs one for the timeout.
        if !has_runtime() {
            return Err(LoadError::NoRuntime);
        }
        let error = match timeout(self.loader.max_duration(), outcome.wait_for(Option::is_some)).await {
            Ok(loaded) => match loaded.ok().and_then(|loaded| loaded.clone()) {
                Some(loaded) => return Ok(loaded),
                None => LoadError::LeaderDropped,
            },
            Err(_) => LoadError::TimedOut,
        };
        self.cancel(&outcome);
        Err(error)
    }

    /// Removes the entry if it matches. Runs under the lock.
    pub(crate) fn invalidate(&self, is_meant: impl FnOnce(&E::Entry) -> bool) {
        let _landing = lock(&self.shared.flight);
        if self.shared.kept.load().as_ref().is_some_and(|kept| is_meant(kept)) {
            self.shared.kept.store(None);
        }
    }

    /// The cached value if it has not expired, after starting a load if it is stale; otherwise the load to wait for.
    fn join_or_start(&self) -> Result<Lookup<E::Output>, LoadError> {
        let mut flight = lock(&self.shared.flight);
        let kept = self.shared.kept.load_full();
        match kept.as_ref().map_or(Freshness::Expired, |kept| self.loader.freshness(kept)) {
            Freshness::Fresh(outcome) => return Ok(Lookup::Hit(outcome)),
            Freshness::Stale(outcome) => {
                if in_flight(&flight).is_none() {
                    // Without a runtime no load can start, but the stale value is still usable.
                    *flight = self.spawn_load(kept.clone(), false);
                }
                return Ok(Lookup::Hit(outcome));
            }
            Freshness::Expired => {}
        }
        if let Some(outcome) = in_flight(&flight) {
            return Ok(Lookup::Pending(outcome));
        }
        let started = self.spawn_load(kept.clone(), false).ok_or(LoadError::NoRuntime)?;
        let outcome = started.outcome.clone();
        *flight = Some(started);
        Ok(Lookup::Pending(outcome))
    }

    /// The load in flight, or one that is_refresh the value; and which of them it is.
    fn join_or_refresh(&self) -> Result<(Outcome<E::Output>, bool), LoadError> {
        let mut flight = lock(&self.shared.flight);
        if let Some(outcome) = in_flight(&flight) {
            return Ok((outcome, flight.as_ref().is_some_and(|flight| flight.is_refresh)));
        }
        let started = self.spawn_load(self.shared.kept.load_full(), true).ok_or(LoadError::NoRuntime)?;
        let outcome = started.outcome.clone();
        *flight = Some(started);
        Ok((outcome, true))
    }

    /// Starts a load in a task of its own.
    fn spawn_load(&self, kept: Option<Arc<E::Entry>>, is_refresh: bool) -> Option<InFlight<E::Output>> {
        let (sender, outcome) = watch::channel(None);
        let loader = Arc::clone(&self.loader);
        let shared = Arc::downgrade(&self.shared);
        let task = spawn(async move {
            let outcome = loader.load(kept, is_refresh).await;
            Shared::complete(&shared, &loader, outcome, &sender);
        })?;
        Some(InFlight { outcome, task, is_refresh })
    }

    /// Cancels a load unless another one has replaced it.
    fn cancel(&self, outcome: &Outcome<E::Output>) {
        let cancelled = lock(&self.shared.flight).take_if(|flight| flight.outcome.same_channel(outcome));
        if let Some(cancelled) = cancelled {
            cancelled.task.abort();
        }
    }
}

impl<E: Loader> Shared<E> {
    /// Updates the entry and wakes the waiting callers.
    fn complete(
        shared: &Weak<Self>,
        loader: &E,
        outcome: E::Output,
        sender: &watch::Sender<Option<E::Output>>,
    ) {
        let Some(shared) = shared.upgrade() else { return };
        let mut flight = lock(&shared.flight);
        // The result of a cancelled load is dropped.
        let Some(_landed) = flight.take_if(|flight| flight.outcome.same_channel(&sender.subscribe())) else {
            return;
        };
        let kept = match loader.complete(&outcome, shared.kept.load().as_deref()) {
            Completion::Replace(kept) => Some(Arc::new(kept)),
            Completion::Keep => None,
            // The sender is dropped without a result.
            Completion::Discard => return,
        };
        if let Some(kept) = &kept {
            shared.kept.store(Some(Arc::clone(kept)));
        }
        sender.send_replace(Some(outcome.clone()));
        drop(flight);
        if let Some(kept) = kept {
            loader.on_complete(&outcome, &kept);
        }
    }
}

/// The result to wait for, if a load is in flight whose task did not end with its runtime.
fn in_flight<O>(flight: &Option<InFlight<O>>) -> Option<Outcome<O>> {
    let flight = flight.as_ref()?;
    flight.outcome.has_changed().is_ok().then(|| flight.outcome.clone())
}

impl<E: Loader> Drop for SingleFlight<E> {
    fn drop(&mut self) {
        let in_flight = lock(&self.shared.flight).take();
        if let Some(flight) = in_flight {
            flight.task.abort();
        }
    }
}

impl<E: Loader> fmt::Debug for SingleFlight<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// Nothing panics while holding this lock, so poisoning can be ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl<E: Loader> SingleFlight<E> {
    /// Waits until no load is in flight.
    pub(crate) async fn wait_idle(&self) {
        let in_flight = in_flight(&lock(&self.shared.flight));
        if let Some(mut outcome) = in_flight {
            // An error means that the load ended without a result.
            _ = outcome.wait_for(Option::is_some).await;
        }
    }
}
