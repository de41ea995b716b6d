//! The day's reads, counted for all processes that share a store.
//!
//! One record has the count, the paths that are being read at the moment, why reads are paused, and which processes read.
//! It is changed by comparing and replacing, so each read is counted once, before it is sent. A process also keeps what it
//! knew last: a store that loses its content does not set the count back, and while the store fails each process has its
//! part of what was left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::budget::{self, Counts, Pacing, ReadBudget};
use super::page::StaleReason;
use super::pages::PageStore;
use crate::error::{Error, ErrorRecord};
use crate::session::clock::{Clock, Moment};
use crate::store::StoreKey;
use crate::store::handle::StoreHandle;

mod record;

use record::{Pause, Record, Running, as_millis, millis};

/// How long the record is stored.
const TTL: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The record is changed within this time.
const LONGEST_UPDATE: Duration = Duration::from_secs(10);

/// The number of attempts to change the record.
const ATTEMPTS: u32 = 40;

/// How often a process says that it reads, at least.
const PRESENCE: Duration = Duration::from_secs(6 * 60 * 60);

/// How often a process that reads learns what the others do, at least.
const CONTACT: Duration = Duration::from_secs(10 * 60);

/// The number of processes among which the reads are divided if the store has never said how many there are.
const UNKNOWN_PROCESSES: u32 = 10;

/// A read that is refused while another one shows whether the service works again may be tried again after so long.
const PROBE: Duration = Duration::from_secs(5);

/// Counts reads.
#[derive(Debug)]
pub(super) struct Ledger<C> {
    pacing: Pacing,
    clock: C,
    store: Option<Arc<PageStore<C>>>,
    /// Names this process in the record.
    process: String,
    state: Mutex<State>,
    /// Held while the record is changed, so that the tasks of a process take turns.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The record as it was when it was last read or written.
    known: Record,
    /// Whether the store has ever responded.
    is_known: bool,
    /// When this process last wrote the record.
    written: Option<Moment>,
    /// When it last read it.
    contacted: Option<Moment>,
    /// The reads since then, while the store failed.
    unreported: Counts,
    /// The pause that the caller has set, until it is stored, and how often one was set.
    set_pause: Option<Option<Pause>>,
    pauses_set: u64,
}

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A page that is not kept.
    Missing,
    Refresh,
}

/// Whether a read may be sent.
#[derive(Debug)]
pub(super) enum Claim {
    /// It is counted, and must be sent and [finished](Ledger::finish).
    Granted,
    /// Another process reads this path.
    Busy,
    Denied(Error),
}

/// What came of a read.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    /// The service answered, though perhaps with a refusal of this path.
    Answered,
    Failed(Error),
}

impl<C: Clock> Ledger<C> {
    pub(super) fn new(pacing: Pacing, clock: C, store: Option<Arc<PageStore<C>>>) -> Self {
        let process = format!("{:016x}", fastrand::u64(..));
        Self { pacing, clock, store, process, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Whether reads are paused, as far as this process knows, and why.
    pub(super) fn pause(&self, now: Moment) -> Option<(StaleReason, Error)> {
        let state = self.lock();
        let pause = state.known.pause.as_ref()?;
        Some((pause.reason(), pause.error(now)?))
    }

    /// Whether a page may be refreshed, as far as this process knows.
    pub(super) fn may_refresh(&self, now: Moment) -> bool {
        let mut state = self.lock();
        state.begin(now);
        let counts = self.counts(&state);
        self.pacing.may_refresh(counts, budget::part_over(now))
    }

    /// Counts a read of the record with `key` if it may be sent. It takes at most `limit`.
    pub(super) async fn claim(&self, key: &StoreKey, purpose: Purpose, limit: Duration) -> Claim {
        self.update(|record, now| {
            let now_ms = millis(now);
            record.drop_ended(now_ms);
            if record.is_running(key, &self.process) {
                return (Claim::Busy, false);
            }
            if let Some(pause) = &record.pause {
                let error = pause.error(now).or_else(|| {
                    // It is over. One read shows whether the service works again.
                    let is_probed = !record.running.is_empty();
                    is_probed.then(|| Error::from(pause.error.clone()).retry_in(PROBE))
                });
                if let Some(error) = error {
                    return (Claim::Denied(error), false);
                }
            }
            let is_refresh = purpose == Purpose::Refresh;
            let is_granted = match purpose {
                Purpose::Missing => self.pacing.may_read(record.counts()),
                Purpose::Refresh => self.pacing.may_refresh(record.counts(), budget::part_over(now)),
            };
            if !is_granted {
                return (Claim::Denied(Error::quota_used_up(budget::until_tomorrow(now))), false);
            }
            record.reads = record.reads.saturating_add(1);
            record.refreshes = record.refreshes.saturating_add(u32::from(is_refresh));
            let until_ms = now_ms.saturating_add(as_millis(limit));
            let (key, process) = (key.fingerprint().to_owned(), self.process.clone());
            record.running.retain(|running| running.key != key);
            record.running.push(Running { key, process, until_ms });
            (Claim::Granted, true)
        })
        .await
    }

    /// Ends a read that was granted.
    pub(super) async fn finish(&self, key: &StoreKey, finish: Finish) {
        self.update(|record, now| {
            record
                .running
                .retain(|running| running.key != key.fingerprint() || running.process != self.process);
            match &finish {
                // Nothing is sent during a pause, so what is answered then was sent before it.
                Finish::Answered => drop(record.pause.take_if(|pause| pause.left(now).is_none())),
                Finish::Failed(error) => record.fail(error, now),
            }
            ((), true)
        })
        .await;
    }

    /// Tells the other processes that this one reads, and what it has read while the store failed, and learns the same of
    /// them, if it is time.
    pub(super) async fn report(&self) {
        let now = self.clock.now();
        let (is_absent, is_due) = {
            let state = self.lock();
            let is_over = |at: Option<Moment>, wait| at.is_none_or(|at| now.has_reached(at.after(wait)));
            let is_absent = is_over(state.written, PRESENCE) || state.unreported != Counts::default();
            (is_absent, is_absent || is_over(state.contacted, CONTACT))
        };
        if is_due && self.store.as_ref().is_some_and(|store| store.is_due()) {
            self.update(|_, _| ((), is_absent)).await;
        }
    }

    /// Counts a read that was sent outside of the cache.
    pub(super) async fn count(&self) {
        self.update(|record, _| {
            record.reads = record.reads.saturating_add(1);
            ((), true)
        })
        .await;
    }

    /// Pauses the reads of this process, until it learns more from the store.
    pub(super) fn pause_here(&self, error: &Error, now: Moment) {
        self.lock().known.fail(error, now);
    }

    /// Pauses reads for `wait`, or ends the pause.
    pub(super) fn resume_in(&self, wait: Duration, now: Moment) {
        let pause = (!wait.is_zero()).then(|| Pause {
            until_ms: millis(now).saturating_add(as_millis(wait)),
            wait_ms: as_millis(wait),
            failures: 0,
            is_quota: true,
            error: ErrorRecord::from(&Error::quota_used_up(wait)).into_owned(),
        });
        let mut state = self.lock();
        state.set_pause = self.store.is_some().then(|| pause.clone());
        state.pauses_set = state.pauses_set.wrapping_add(1);
        state.known.pause = pause;
    }

    /// The day's reads.
    pub(super) async fn budget(&self) -> ReadBudget {
        self.update(|_, _| ((), false)).await;
        let now = self.clock.now();
        let mut state = self.lock();
        state.begin(now);
        let used = state.known.counts().with(state.unreported);
        ReadBudget {
            limit: self.pacing.limit,
            used: used.reads,
            refreshes: used.refreshes,
            resets_at: budget::tomorrow(now),
        }
    }

    /// Changes the record in the store, or what this process knows of it if there is none or it fails. `change` says
    /// whether it changed something.
    async fn update<T>(&self, mut change: impl FnMut(&mut Record, Moment) -> (T, bool)) -> T {
        if let Some(store) = &self.store {
            let _turn = self.turn.lock().await;
            let update = async {
                let handle = store.budget();
                let update = timeout(LONGEST_UPDATE, self.update_stored(store, &handle, &mut change));
                update
                    .await
                    .unwrap_or_else(|_| Err(Error::store("the store is too slow to count reads in it")))
            };
            if let Some(result) = store.attempt(update).await {
                return result;
            }
        }
        let now = self.clock.now();
        let mut state = self.lock();
        state.begin(now);
        let before = self.counts(&state);
        let mut view = Record { reads: before.reads, refreshes: before.refreshes, ..state.known.clone() };
        let (result, _) = change(&mut view, now);
        if self.store.is_some() {
            state.unreported = state.unreported.with(view.counts().without(before));
            (view.reads, view.refreshes) = (state.known.reads, state.known.refreshes);
        }
        state.known = view;
        result
    }

    async fn update_stored<T>(
        &self,
        store: &PageStore<C>,
        handle: &StoreHandle,
        change: &mut impl FnMut(&mut Record, Moment) -> (T, bool),
    ) -> Result<T, Error> {
        for attempt in 0..ATTEMPTS {
            let found = handle.load().await?;
            let now = self.clock.now();
            let stored = found.as_ref().and_then(|found| Record::read(found.open.as_ref().ok()?));
            let is_unreadable = found.is_some() && stored.is_none();
            let (mut record, is_merged, reported, pauses_set) = {
                let mut state = self.lock();
                state.begin(now);
                let (record, is_merged) = state.merged(stored, now);
                (record, is_merged, state.unreported, state.pauses_set)
            };
            let (result, is_changed) = change(&mut record, now);
            let is_written = is_changed || is_merged;
            let is_stored = if is_written {
                record.processes.insert(self.process.clone(), millis(now));
                let raw = found.map(|found| found.raw);
                handle.replace(raw, record.write()?, TTL).await?
            } else {
                true
            };
            if is_stored {
                if is_unreadable && is_written {
                    store.record(Error::store("the stored count of reads can't be used"));
                }
                let mut state = self.lock();
                // What came in the meantime is not in the record.
                state.unreported = state.unreported.without(reported);
                match &state.set_pause {
                    Some(pause) if state.pauses_set != pauses_set => record.pause.clone_from(pause),
                    _ => state.set_pause = None,
                }
                (state.known, state.is_known) = (record, true);
                state.written = if is_written { Some(now) } else { state.written };
                state.contacted = Some(now);
                return Ok(result);
            }
            // Another process was faster.
            sleep(Duration::from_millis(fastrand::u64(0..=u64::from(attempt.min(20))))).await;
        }
        Err(Error::store("the reads of the day can't be counted, because the stored count keeps changing"))
    }

    /// The day's reads as this process sees them: while the store fails, the process has its part of what was left.
    fn counts(&self, state: &State) -> Counts {
        let mut counts = state.known.counts();
        if self.store.as_ref().is_some_and(|store| !state.is_known || store.is_failing()) {
            let processes = match state.is_known {
                true => u32::try_from(state.known.processes.len()).unwrap_or(u32::MAX).max(1),
                false => UNKNOWN_PROCESSES,
            };
            let part = self.pacing.limit.saturating_sub(counts.reads) / processes;
            let left = part.saturating_sub(state.unreported.reads);
            counts.reads = counts.reads.max(self.pacing.limit.saturating_sub(left));
            let refreshes = state.unreported.refreshes.saturating_mul(processes);
            counts.refreshes = counts.refreshes.saturating_add(refreshes);
        } else {
            counts = counts.with(state.unreported);
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Starts to count again on a new day.
    fn begin(&mut self, now: Moment) {
        if self.known.begin(now) {
            self.unreported = Counts::default();
        }
    }

    /// The stored record with what this process knows and has not reported, and whether that changes it.
    fn merged(&self, stored: Option<Record>, now: Moment) -> (Record, bool) {
        let is_lost = stored.is_none() && self.is_known;
        let mut record = stored.unwrap_or_else(|| Record { running: Vec::new(), ..self.known.clone() });
        record.begin(now);
        if record.day == self.known.day {
            record.reads = record.reads.max(self.known.reads).saturating_add(self.unreported.reads);
            record.refreshes =
                record.refreshes.max(self.known.refreshes).saturating_add(self.unreported.refreshes);
        }
        if let Some(pause) = &self.set_pause {
            record.pause.clone_from(pause);
        }
        let is_unreported = self.unreported != Counts::default() || self.set_pause.is_some();
        (record, is_lost || is_unreported)
    }
}
