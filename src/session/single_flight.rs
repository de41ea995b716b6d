//! Single flight: one task at a time fetches what any number of callers wait for, and keeps it for later ones.
//!
//! This is the concurrent part of the living session and nothing else: what is fetched, and how long it is
//! worth something, an [`Errand`] knows. So a model checker can run this very file through thousands of
//! schedules (`tests/session/main.rs`), with primitives of its own in place of those of `primitives`.
//!
//! What is kept is read without a lock. It changes under the lock that also says which flight is under way: a
//! flight lands, a caller boards, and a value is forgotten each in one step as the others see it. The errand
//! itself runs in a task of its own, so that no caller who gives up can stop it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::primitives::{AbortHandle, Mutex, MutexGuard, Slot, has_runtime, spawn, timeout, watch};

/// What the flights are for.
pub(crate) trait Errand: Send + Sync + 'static {
    /// What is kept between flights.
    type Kept: Send + Sync + 'static;
    /// What a flight brings, good or bad.
    type Outcome: Clone + Send + Sync + 'static;

    /// Runs the errand once.
    fn run(&self) -> impl Future<Output = Self::Outcome> + Send;

    /// After so long, nothing is to be expected of a flight any more.
    fn longest(&self) -> Duration;

    /// What is kept is worth so much now.
    fn worth(&self, kept: &Self::Kept) -> Worth<Self::Outcome>;

    /// What to keep after a flight in place of `kept`, if anything else. It runs under a lock: no waiting, and
    /// no calls into foreign code.
    fn land(&self, outcome: &Self::Outcome, kept: Option<&Self::Kept>) -> Option<Self::Kept>;

    /// Takes note of what [`land`](Self::land) has put in place, without the lock.
    fn landed(&self, outcome: &Self::Outcome, kept: &Self::Kept);
}

/// What a kept value is worth to a caller.
pub(crate) enum Worth<O> {
    /// This, and nothing has to be done.
    Good(O),
    /// This, and there should be a flight under way.
    Aging(O),
    Nothing,
}

/// Why a caller got no outcome.
#[derive(Debug)]
pub(crate) enum Stranded {
    /// There is no runtime to fly or to wait on.
    NoRuntime,
    /// The flight, and the one that replaced it, came to no end in time.
    TooLong,
    /// The flight, and the one that replaced it, ended without an outcome.
    Lost,
}

/// The flights of one errand. Dropping it ends the one under way.
pub(crate) struct SingleFlight<E: Errand> {
    errand: Arc<E>,
    shared: Arc<Shared<E>>,
}

struct Shared<E: Errand> {
    /// Read at any time, changed under the lock of `flight`.
    kept: Slot<E::Kept>,
    flight: Mutex<Option<Flight<E::Outcome>>>,
}

/// A flight that has not landed.
struct Flight<O> {
    outcome: watch::Receiver<Option<O>>,
    task: AbortHandle,
}

enum Boarded<O> {
    Kept(O),
    Waits(watch::Receiver<Option<O>>),
}

impl<E: Errand> SingleFlight<E> {
    pub(crate) fn new(errand: E) -> Self {
        let shared = Shared { kept: Slot::empty(), flight: Mutex::new(None) };
        Self { errand: Arc::new(errand), shared: Arc::new(shared) }
    }

    pub(crate) fn errand(&self) -> &E {
        &self.errand
    }

    /// Takes what is wanted of the kept value, without a lock.
    pub(crate) fn peek<T>(&self, take: impl FnOnce(&E, &E::Kept) -> Option<T>) -> Option<T> {
        take(&self.errand, self.shared.kept.load().as_ref()?)
    }

    /// What is kept, as long as it is worth something, or else the outcome of a flight.
    pub(crate) async fn get(&self) -> Result<E::Outcome, Stranded> {
        let mut stranded = Stranded::Lost;
        // One more round than it takes for a flight that was lost with its runtime to be replaced.
        for _ in 0..2 {
            let mut outcome = match self.board()? {
                Boarded::Kept(outcome) => return Ok(outcome),
                Boarded::Waits(outcome) => outcome,
            };
            // The flight may be on another thread's runtime, and this one have none to time it by.
            if !has_runtime() {
                return Err(Stranded::NoRuntime);
            }
            stranded = match timeout(self.errand.longest(), outcome.wait_for(Option::is_some)).await {
                Ok(landed) => match landed.ok().and_then(|landed| landed.clone()) {
                    Some(landed) => return Ok(landed),
                    None => Stranded::Lost,
                },
                Err(_) => Stranded::TooLong,
            };
            self.abandon(&outcome);
        }
        Err(stranded)
    }

    /// Forgets the kept value if it is the one that is meant.
    pub(crate) fn forget(&self, is_meant: impl FnOnce(&E::Kept) -> bool) {
        let _landing = lock(&self.shared.flight);
        if self.shared.kept.load().as_ref().is_some_and(|kept| is_meant(kept)) {
            self.shared.kept.store(None);
        }
    }

    /// The kept value if it is still worth something, with a flight under way if it should be; otherwise the
    /// flight to wait for.
    fn board(&self) -> Result<Boarded<E::Outcome>, Stranded> {
        let mut flight = lock(&self.shared.flight);
        let kept = self.shared.kept.load();
        match kept.as_ref().map_or(Worth::Nothing, |kept| self.errand.worth(kept)) {
            Worth::Good(outcome) => return Ok(Boarded::Kept(outcome)),
            Worth::Aging(outcome) => {
                if underway(&flight).is_none() {
                    // Without a runtime there is no flight, but there still is what was kept.
                    *flight = self.take_off();
                }
                return Ok(Boarded::Kept(outcome));
            }
            Worth::Nothing => {}
        }
        if let Some(outcome) = underway(&flight) {
            return Ok(Boarded::Waits(outcome));
        }
        let started = self.take_off().ok_or(Stranded::NoRuntime)?;
        let outcome = started.outcome.clone();
        *flight = Some(started);
        Ok(Boarded::Waits(outcome))
    }

    /// Starts a flight that no caller's end can stop.
    fn take_off(&self) -> Option<Flight<E::Outcome>> {
        let (sender, outcome) = watch::channel(None);
        let errand = Arc::clone(&self.errand);
        let shared = Arc::downgrade(&self.shared);
        let task = spawn(async move {
            let outcome = errand.run().await;
            Shared::land(&shared, &errand, outcome, &sender);
        })?;
        Some(Flight { outcome, task })
    }

    /// Ends a flight of which nothing is to be expected any more, unless another one took its place.
    fn abandon(&self, outcome: &watch::Receiver<Option<E::Outcome>>) {
        let abandoned = lock(&self.shared.flight).take_if(|flight| flight.outcome.same_channel(outcome));
        if let Some(abandoned) = abandoned {
            abandoned.task.abort();
        }
    }
}

impl<E: Errand> Shared<E> {
    /// Keeps what is to be kept, and tells those who wait.
    fn land(
        shared: &Weak<Self>,
        errand: &E,
        outcome: E::Outcome,
        sender: &watch::Sender<Option<E::Outcome>>,
    ) {
        let Some(shared) = shared.upgrade() else { return };
        let mut flight = lock(&shared.flight);
        // Of a flight that was abandoned nobody wants to know any more.
        let Some(_landed) = flight.take_if(|flight| flight.outcome.same_channel(&sender.subscribe())) else {
            return;
        };
        let kept = errand.land(&outcome, shared.kept.load().as_deref()).map(Arc::new);
        if let Some(kept) = &kept {
            shared.kept.store(Some(Arc::clone(kept)));
        }
        sender.send_replace(Some(outcome.clone()));
        drop(flight);
        if let Some(kept) = kept {
            errand.landed(&outcome, &kept);
        }
    }
}

/// The outcome to come, if there is a flight whose task has not gone down with its runtime.
fn underway<O>(flight: &Option<Flight<O>>) -> Option<watch::Receiver<Option<O>>> {
    let flight = flight.as_ref()?;
    flight.outcome.has_changed().is_ok().then(|| flight.outcome.clone())
}

impl<E: Errand> Drop for SingleFlight<E> {
    fn drop(&mut self) {
        let underway = lock(&self.shared.flight).take();
        if let Some(flight) = underway {
            flight.task.abort();
        }
    }
}

impl<E: Errand> fmt::Debug for SingleFlight<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// Nothing panics while it holds this lock, so a poisoned one would be as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl<E: Errand> SingleFlight<E> {
    /// Waits until no flight is under way.
    pub(crate) async fn settled(&self) {
        let underway = underway(&lock(&self.shared.flight));
        if let Some(mut outcome) = underway {
            // An error says that the flight has ended without landing.
            _ = outcome.wait_for(Option::is_some).await;
        }
    }
}
