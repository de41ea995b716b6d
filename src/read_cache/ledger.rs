//! The day's reads, counted for all processes that share a store.
//!
//! One record has the count, the paths that are being read at the moment, why reads are paused, and which processes read.
//! It is changed by comparing and replacing, so each read is counted once, before it is sent. A process also keeps what it
//! knew last: a store that loses its content does not set the count back, and while the store fails each process has its
//! part of what was left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::budget::{self, Counts, Pacing, ReadBudget};
use super::page::StaleReason;
use crate::error::{Error, ErrorRecord};
use crate::session::clock::{Clock, Moment};
use crate::store::faults::FaultCount;
use crate::store::handle::StoreHandle;
use crate::store::{StoreKey, StoredRecord};

/// The format version that is written.
const VERSION: u32 = 1;

/// How long the record is stored.
const TTL: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The number of attempts to change the record.
const ATTEMPTS: u32 = 40;

/// A store that failed is not asked again for so long.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// A process counts as one that reads for so long after it last said so, in milliseconds.
const PRESENT_MS: u64 = 24 * 60 * 60 * 1000;

/// How often a process says that it reads, at least.
const PRESENCE: Duration = Duration::from_secs(6 * 60 * 60);

/// How often a process that reads learns what the others do, at least.
const CONTACT: Duration = Duration::from_secs(10 * 60);

/// The number of processes among which the reads are divided if the store has never said how many there are.
const UNKNOWN_PROCESSES: u32 = 10;

/// The number of processes and running reads that a record can have; a longer one was not written by this crate.
const LONGEST: usize = 10_000;

/// The pause after a failed read. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The upper limit of such pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The upper limit of pauses that the service asks for, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A read that is refused while another one shows whether the service works again may be tried again after so long.
const PROBE: Duration = Duration::from_secs(5);

/// Counts reads.
#[derive(Debug)]
pub(super) struct Ledger<C> {
    pacing: Pacing,
    clock: C,
    store: Option<(StoreHandle, Arc<FaultCount>)>,
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
    /// When the store is asked again after it failed.
    store_resumes: Option<Moment>,
    /// The pause that the caller has set, until it is stored.
    set_pause: Option<Option<Pause>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    version: u32,
    day: u64,
    reads: u32,
    refreshes: u32,
    running: Vec<Running>,
    pause: Option<Pause>,
    /// When each process last read, in milliseconds since 1970.
    processes: BTreeMap<String, u64>,
}

/// A read that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Running {
    /// The fingerprint of its key.
    key: String,
    process: String,
    until_ms: u64,
}

/// Why no read is sent for now.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pause {
    until_ms: u64,
    /// The number of failed reads in a row.
    failures: u32,
    is_quota: bool,
    error: ErrorRecord<'static>,
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
    pub(super) fn new(pacing: Pacing, clock: C, store: Option<(StoreHandle, Arc<FaultCount>)>) -> Self {
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
        let counts = self.view(&state).counts();
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
                Finish::Answered => record.pause = None,
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
            let is_due = is_absent || is_over(state.contacted, CONTACT);
            (is_absent, is_due && state.store_resumes.is_none_or(|resumes| now.has_reached(resumes)))
        };
        if is_due && self.store.is_some() {
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

    /// Pauses reads for `wait`, or ends the pause.
    pub(super) fn resume_in(&self, wait: Duration, now: Moment) {
        let pause = (!wait.is_zero()).then(|| Pause {
            until_ms: millis(now).saturating_add(as_millis(wait)),
            failures: 0,
            is_quota: true,
            error: ErrorRecord::from(&Error::quota_used_up(wait)).into_owned(),
        });
        let mut state = self.lock();
        state.set_pause = self.store.is_some().then(|| pause.clone());
        state.known.pause = pause;
    }

    /// The day's reads.
    pub(super) async fn budget(&self) -> ReadBudget {
        self.update(|_, _| ((), false)).await;
        let now = self.clock.now();
        let mut state = self.lock();
        state.begin(now);
        let used = Counts {
            reads: state.known.reads.saturating_add(state.unreported.reads),
            refreshes: state.known.refreshes.saturating_add(state.unreported.refreshes),
        };
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
        if let Some((handle, faults)) = &self.store {
            let _turn = self.turn.lock().await;
            if self.is_store_due() {
                match self.update_stored(handle, &mut change).await {
                    Ok(result) => return result,
                    Err(fault) => {
                        faults.record(fault);
                        self.lock().store_resumes = Some(self.clock.now().after(STORE_PAUSE));
                    }
                }
            }
        }
        let now = self.clock.now();
        let mut state = self.lock();
        state.begin(now);
        let mut view = self.view(&state);
        let before = view.counts();
        let (result, _) = change(&mut view, now);
        if self.store.is_some() {
            let unreported = &mut state.unreported;
            unreported.reads = unreported.reads.saturating_add(view.reads.saturating_sub(before.reads));
            unreported.refreshes =
                unreported.refreshes.saturating_add(view.refreshes.saturating_sub(before.refreshes));
            (view.reads, view.refreshes) = (state.known.reads, state.known.refreshes);
        }
        state.known = view;
        result
    }

    async fn update_stored<T>(
        &self,
        handle: &StoreHandle,
        change: &mut impl FnMut(&mut Record, Moment) -> (T, bool),
    ) -> Result<T, Error> {
        for attempt in 0..ATTEMPTS {
            let found = handle.load().await?;
            let now = self.clock.now();
            let stored = found.as_ref().and_then(|found| Record::read(found.open.as_ref().ok()?));
            let (mut record, is_merged) = {
                let mut state = self.lock();
                state.begin(now);
                state.merged(stored, now)
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
                let mut state = self.lock();
                (state.known, state.is_known, state.store_resumes) = (record, true, None);
                (state.unreported, state.set_pause) = (Counts::default(), None);
                state.written = if is_written { Some(now) } else { state.written };
                state.contacted = Some(now);
                return Ok(result);
            }
            // Another process was faster.
            sleep(Duration::from_millis(fastrand::u64(0..=u64::from(attempt.min(20))))).await;
        }
        Err(Error::store("the reads of the day can't be counted, because the stored count keeps changing"))
    }

    /// The record as this process sees it: while the store fails, the process has its part of what was left.
    fn view(&self, state: &State) -> Record {
        let mut view = state.known.clone();
        if self.store.is_some() && (!state.is_known || state.store_resumes.is_some()) {
            let processes = match state.is_known {
                true => u32::try_from(view.processes.len()).unwrap_or(u32::MAX).max(1),
                false => UNKNOWN_PROCESSES,
            };
            let part = self.pacing.limit.saturating_sub(view.reads) / processes;
            let left = part.saturating_sub(state.unreported.reads);
            view.reads = view.reads.max(self.pacing.limit.saturating_sub(left));
            let refreshes = state.unreported.refreshes.saturating_mul(processes);
            view.refreshes = view.refreshes.saturating_add(refreshes);
        }
        view
    }

    fn is_store_due(&self) -> bool {
        let now = self.clock.now();
        self.lock().store_resumes.is_none_or(|resumes| now.has_reached(resumes))
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

impl Record {
    fn counts(&self) -> Counts {
        Counts { reads: self.reads, refreshes: self.refreshes }
    }

    /// Sets the counts back if a new day has begun, and returns whether it has. A clock that is slightly behind does not
    /// set them back. One that was far ahead when they were counted does not keep them forever.
    fn begin(&mut self, now: Moment) -> bool {
        let today = budget::day(now);
        let is_new = today > self.day;
        if is_new {
            (self.reads, self.refreshes) = (0, 0);
        }
        if is_new || self.day > today + 1 {
            self.day = today;
        }
        is_new
    }

    /// Drops reads that have ended without a word, and processes that have not read for long.
    fn drop_ended(&mut self, now_ms: u64) {
        self.running.retain(|running| (now_ms..now_ms.saturating_add(DAY_MS)).contains(&running.until_ms));
        self.processes.retain(|_, seen| seen.abs_diff(now_ms) < PRESENT_MS);
    }

    /// Whether another process reads this. A read of this process that is still there was cancelled.
    fn is_running(&self, key: &StoreKey, process: &str) -> bool {
        self.running.iter().any(|running| running.key == key.fingerprint() && running.process != process)
    }

    /// Pauses reads after a failure.
    fn fail(&mut self, error: &Error, now: Moment) {
        let is_quota = error.code() == Some(crate::ErrorCode::DAILY_QUOTA_EXCEEDED);
        let asked = error.retry_after().map(as_millis);
        let present = self.pause.take();
        let active = present.as_ref().filter(|pause| pause.left(now).is_some());
        let failures = match (active, &present) {
            // Reads that were sent together count as one.
            (Some(active), _) => active.failures,
            (None, Some(last)) => last.failures.saturating_add(1),
            (None, None) => 0,
        };
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
        let wait = asked.unwrap_or_else(|| as_millis(doubled)).min(DAY_MS);
        let until_ms = millis(now).saturating_add(wait).max(active.map_or(0, |active| active.until_ms));
        self.pause =
            Some(Pause { until_ms, failures, is_quota, error: ErrorRecord::from(error).into_owned() });
    }

    fn read(stored: &StoredRecord) -> Option<Self> {
        let record: Self = serde_json::from_slice(stored.expose_secret()).ok()?;
        let is_plausible = record.running.len() <= LONGEST && record.processes.len() <= LONGEST;
        (record.version == VERSION && is_plausible).then_some(record)
    }

    fn write(&self) -> Result<StoredRecord, Error> {
        let written = serde_json::to_vec(&Self { version: VERSION, ..self.clone() });
        let written =
            written.map_err(|error| Error::store(format!("the count can't be written: {error}")))?;
        Ok(written.into())
    }
}

impl Pause {
    fn reason(&self) -> StaleReason {
        if self.is_quota { StaleReason::Quota } else { StaleReason::Unavailable }
    }

    /// The time left.
    fn left(&self, now: Moment) -> Option<Duration> {
        let left = self.until_ms.saturating_sub(millis(now));
        // A longer one was written with another clock.
        (left > 0 && left <= DAY_MS).then(|| Duration::from_millis(left))
    }

    /// The error of reads during the pause.
    fn error(&self, now: Moment) -> Option<Error> {
        Some(Error::from(self.error.clone()).retry_in(self.left(now)?))
    }
}

fn millis(now: Moment) -> u64 {
    as_millis(now.wall)
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
