//! Single flight: one task at a time fetches what any number of callers wait for, and keeps it for later ones.
//!
//! This is the concurrent part of the living session and nothing else: what is fetched, and how long it is
//! worth something, an [`Loader`] knows. So a model checker can run this very file through thousands of
//! schedules (`tests/session/main.rs`), with primitives of its own in place of those of `primitives`.
//!
//! What is kept is read without a lock. It changes under the lock that also says which flight is under way: a
//! flight lands, a caller boards, and a value is forgotten each in one step as the others see it. The loader
//! itself runs in a task of its own, so that no caller who gives up can stop it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::primitives::{AbortHandle, Mutex, MutexGuard, Slot, has_runtime, spawn, timeout, watch};

/// What the flights are for.
pub(crate) trait Loader: Send + Sync + 'static {
    /// What is kept between flights.
    type Entry: Send + Sync + 'static;
    /// What a flight brings, good or bad.
    type Output: Clone + Send + Sync + 'static;

    /// Runs the loader once.
    fn load(&self) -> impl Future<Output = Self::Output> + Send;

    /// After so long, nothing is to be expected of a flight any more.
    fn max_duration(&self) -> Duration;

    /// What is kept is worth so much now.
    fn freshness(&self, kept: &Self::Entry) -> Freshness<Self::Output>;

    /// What to keep after a flight in place of `kept`, if anything else. It runs under a lock: no waiting, and
    /// no calls into foreign code.
    fn complete(&self, outcome: &Self::Output, kept: Option<&Self::Entry>) -> Option<Self::Entry>;

    /// Takes note of what [`land`](Self::land) has put in place, without the lock.
    fn on_complete(&self, outcome: &Self::Output, kept: &Self::Entry);
}

/// What a kept value is worth to a caller.
pub(crate) enum Freshness<O> {
    /// This, and nothing has to be done.
    Fresh(O),
    /// This, and there should be a flight under way.
    Stale(O),
    Expired,
}

/// Why a caller got no outcome.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// There is no runtime to fly or to wait on.
    NoRuntime,
    /// The flight, and the one that replaced it, came to no end in time.
    TimedOut,
    /// The flight, and the one that replaced it, ended without an outcome.
    LeaderDropped,
}

/// The flights of one loader. Dropping it ends the one under way.
pub(crate) struct SingleFlight<E: Loader> {
    loader: Arc<E>,
    shared: Arc<Shared<E>>,
}

struct Shared<E: Loader> {
    /// Read at any time, changed under the lock of `flight`.
    kept: Slot<E::Entry>,
    flight: Mutex<Option<InFlight<E::Output>>>,
}

/// A flight that has not landed.
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

    /// Takes what is wanted of the kept value, without a lock.
    pub(crate) fn peek<T>(&self, take: impl FnOnce(&E, &E::Entry) -> Option<T>) -> Option<T> {
        take(&self.loader, self.shared.kept.load().as_ref()?)
    }

    /// What is kept, as long as it is worth something, or else the outcome of a flight.
    pub(crate) async fn get(&self) -> Result<E::Output, LoadError> {
        let mut stranded = LoadError::LeaderDropped;
        // One more round than it takes for a flight that was lost with its runtime to be replaced.
        for _ in 0..2 {
            let mut outcome = match self.join_or_start()? {
                Lookup::Hit(outcome) => return Ok(outcome),
                Lookup::Pending(outcome) => outcome,
            };
            // The flight may be on another thread's runtime, and this one have none to time it by.
            if !has_runtime() {
                return Err(LoadError::NoRuntime);
            }
            stranded = match timeout(self.loader.max_duration(), outcome.wait_for(Option::is_some)).await {
                Ok(landed) => match landed.ok().and_then(|landed| landed.clone()) {
                    Some(landed) => return Ok(landed),
                    None => LoadError::LeaderDropped,
                },
                Err(_) => LoadError::TimedOut,
            };
            self.cancel(&outcome);
        }
        Err(stranded)
    }

    /// Forgets the kept value if it is the one that is meant.
    pub(crate) fn invalidate(&self, is_meant: impl FnOnce(&E::Entry) -> bool) {
        let _landing = lock(&self.shared.flight);
        if self.shared.kept.load().as_ref().is_some_and(|kept| is_meant(kept)) {
            self.shared.kept.store(None);
        }
    }

    /// The kept value if it is still worth something, with a flight under way if it should be; otherwise the
    /// flight to wait for.
    fn join_or_start(&self) -> Result<Lookup<E::Output>, LoadError> {
        let mut flight = lock(&self.shared.flight);
        let kept = self.shared.kept.load();
        match kept.as_ref().map_or(Freshness::Expired, |kept| self.loader.freshness(kept)) {
            Freshness::Fresh(outcome) => return Ok(Lookup::Hit(outcome)),
            Freshness::Stale(outcome) => {
                if in_flight(&flight).is_none() {
                    // Without a runtime there is no flight, but there still is what was kept.
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

    /// Starts a flight that no caller's end can stop.
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

    /// Ends a flight of which nothing is to be expected any more, unless another one took its place.
    fn cancel(&self, outcome: &watch::Receiver<Option<E::Output>>) {
        let abandoned = lock(&self.shared.flight).take_if(|flight| flight.outcome.same_channel(outcome));
        if let Some(abandoned) = abandoned {
            abandoned.task.abort();
        }
    }
}

impl<E: Loader> Shared<E> {
    /// Keeps what is to be kept, and tells those who wait.
    fn complete(
        shared: &Weak<Self>,
        loader: &E,
        outcome: E::Output,
        sender: &watch::Sender<Option<E::Output>>,
    ) {
        let Some(shared) = shared.upgrade() else { return };
        let mut flight = lock(&shared.flight);
        // Of a flight that was abandoned nobody wants to know any more.
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

/// The outcome to come, if there is a flight whose task has not gone down with its runtime.
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

/// Nothing panics while it holds this lock, so a poisoned one would be as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl<E: Loader> SingleFlight<E> {
    /// Waits until no flight is under way.
    pub(crate) async fn wait_idle(&self) {
        let in_flight = in_flight(&lock(&self.shared.flight));
        if let Some(mut outcome) = in_flight {
            // An error says that the flight has ended without landing.
            _ = outcome.wait_for(Option::is_some).await;
        }
    }
}
