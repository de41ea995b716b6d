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

/// Loads a value and decides how long it stays fresh.
pub(crate) trait Loader: Send + Sync + 'static {
    /// What is cached.
    type Entry: Send + Sync + 'static;
    /// The result of a load, successful or not.
    type Output: Clone + Send + Sync + 'static;

    /// Loads once.
    fn load(&self) -> impl Future<Output = Self::Output> + Send;

    /// A load that takes longer is cancelled.
    fn max_duration(&self) -> Duration;

    /// How fresh the entry is now.
    fn freshness(&self, kept: &Self::Entry) -> Freshness<Self::Output>;

    /// The entry that replaces `kept` after a load, if any. Runs under the lock, so it must not block or call foreign
    /// code.
    fn complete(&self, outcome: &Self::Output, kept: Option<&Self::Entry>) -> Option<Self::Entry>;

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

/// A load that has not completed.
struct InFlight<O> {
    outcome: watch::Receiver<Option<O>>,
    task: AbortHandle,
}

enum Lookup<O> {
    Hit(O),
    Pending(watch::Receiver<Option<O>>),
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
        // A load that was lost with its runtime is replaced once.
        for _ in 0..2 {
            let mut outcome = match self.join_or_start()? {
                Lookup::Hit(outcome) => return Ok(outcome),
                Lookup::Pending(outcome) => outcome,
            };
            // The load may run on another thread's runtime, but this thread needs one for the timeout.
            if !has_runtime() {
                return Err(LoadError::NoRuntime);
            }
            error = match timeout(self.loader.max_duration(), outcome.wait_for(Option::is_some)).await {
                Ok(landed) => match landed.ok().and_then(|landed| landed.clone()) {
                    Some(landed) => return Ok(landed),
                    None => LoadError::LeaderDropped,
                },
                Err(_) => LoadError::TimedOut,
            };
            self.cancel(&outcome);
        }
        Err(error)
    }

    /// Removes the entry if it matches.
    pub(crate) fn invalidate(&self, is_meant: impl FnOnce(&E::Entry) -> bool) {
        let _landing = lock(&self.shared.flight);
        if self.shared.kept.load().as_ref().is_some_and(|kept| is_meant(kept)) {
            self.shared.kept.store(None);
        }
    }

    /// The cached value if it has not expired, after starting a load if it is stale; otherwise the load to wait for.
    fn join_or_start(&self) -> Result<Lookup<E::Output>, LoadError> {
        let mut flight = lock(&self.shared.flight);
        let kept = self.shared.kept.load();
        match kept.as_ref().map_or(Freshness::Expired, |kept| self.loader.freshness(kept)) {
            Freshness::Fresh(outcome) => return Ok(Lookup::Hit(outcome)),
            Freshness::Stale(outcome) => {
                if in_flight(&flight).is_none() {
                    // Without a runtime no load can start, but the stale value is still usable.
                    *flight = self.spawn_load();
                }
                return Ok(Lookup::Hit(outcome));
            }
            Freshness::Expired => {}
        }
        if let Some(outcome) = in_flight(&flight) {
            return Ok(Lookup::Pending(outcome));
        }
        let started = self.spawn_load().ok_or(LoadError::NoRuntime)?;
        let outcome = started.outcome.clone();
        *flight = Some(started);
        Ok(Lookup::Pending(outcome))
    }

    /// Starts a load in a task of its own.
    fn spawn_load(&self) -> Option<InFlight<E::Output>> {
        let (sender, outcome) = watch::channel(None);
        let loader = Arc::clone(&self.loader);
        let shared = Arc::downgrade(&self.shared);
        let task = spawn(async move {
            let outcome = loader.load().await;
            Shared::complete(&shared, &loader, outcome, &sender);
        })?;
        Some(InFlight { outcome, task })
    }

    /// Cancels a load unless another one has replaced it.
    fn cancel(&self, outcome: &watch::Receiver<Option<E::Output>>) {
        let abandoned = lock(&self.shared.flight).take_if(|flight| flight.outcome.same_channel(outcome));
        if let Some(abandoned) = abandoned {
            abandoned.task.abort();
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
        let kept = loader.complete(&outcome, shared.kept.load().as_deref()).map(Arc::new);
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
fn in_flight<O>(flight: &Option<InFlight<O>>) -> Option<watch::Receiver<Option<O>>> {
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
