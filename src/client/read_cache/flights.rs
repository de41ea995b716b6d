//! One read at a time for each path: all callers that need it wait for the same task.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::entry::Entry;
use crate::error::Error;

/// What came of a flight.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Entry(Arc<Entry>),
    Failed(Error),
    /// Nothing was read, because the flight was not for callers who wait, and no read was left.
    NotRead,
}

/// Receives the outcome once the flight has ended.
pub(super) type Landing = watch::Receiver<Option<Outcome>>;

/// The flights in progress, by path.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Box<str>, Flight>>);

#[derive(Debug)]
struct Flight {
    landing: Landing,
    task: AbortHandle,
    /// Whether it reads from the service, and does not only look into the store.
    is_read: bool,
    /// Whether the path was filled or forgotten after the flight began, so that its result must not be kept.
    is_outdated: bool,
}

impl Flight {
    /// Whether it will have an outcome: its task can end early with its runtime.
    fn is_alive(&self) -> bool {
        self.landing.has_changed().is_ok()
    }
}

impl Flights {
    /// Whether the flight for `path` reads from the service, if there is one.
    pub(super) fn reads(&self, path: &str) -> Option<bool> {
        self.lock().get(path).filter(|flight| flight.is_alive()).map(|flight| flight.is_read)
    }

    /// The flight for `path`, and whether it is outdated; starts `work` in a task if there is none. Returns nothing without a
    /// runtime.
    pub(super) fn join_or_start<W>(
        self: &Arc<Self>,
        path: &str,
        is_read: bool,
        work: impl FnOnce() -> W,
    ) -> Option<(Landing, bool)>
    where
        W: Future<Output = Outcome> + Send + 'static,
    {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(path).filter(|flight| flight.is_alive()) {
            return Some((flight.landing.clone(), flight.is_outdated));
        }
        let runtime = Handle::try_current().ok()?;
        let (sender, landing) = watch::channel(None);
        let work = work();
        let (this, own) = (Arc::downgrade(self), Box::<str>::from(path));
        let task = runtime.spawn(async move {
            let outcome = work.await;
            if let Some(flights) = this.upgrade() {
                // The entry stays until its outcome can be seen, so that there is no second flight in between.
                let mut flights = flights.lock();
                sender.send_replace(Some(outcome));
                if flights.get(&own).is_some_and(|flight| flight.landing.same_channel(&sender.subscribe())) {
                    flights.remove(&own);
                }
            }
        });
        let flight =
            Flight { landing: landing.clone(), task: task.abort_handle(), is_read, is_outdated: false };
        flights.insert(path.into(), flight);
        Some((landing, false))
    }

    /// Runs `keep` unless the path was filled or forgotten after its flight began. Returns whether it ran.
    pub(super) fn keep(&self, path: &str, keep: impl FnOnce()) -> bool {
        let flights = self.lock();
        let is_outdated = flights.get(path).is_some_and(|flight| flight.is_outdated);
        if !is_outdated {
            keep();
        }
        !is_outdated
    }

    /// Runs `change`, and makes sure that the result of the flight in progress is not kept.
    pub(super) fn outdate(&self, path: &str, change: impl FnOnce()) {
        let mut flights = self.lock();
        if let Some(flight) = flights.get_mut(path) {
            flight.is_outdated = true;
        }
        change();
    }

    /// Ends all flights.
    pub(super) fn abort(&self) {
        for (_, flight) in self.lock().drain() {
            flight.task.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
