//! The record of the day's reads.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::read_cache::budget::{self, Counts};
use crate::client::read_cache::page::StaleReason;
use crate::error::{Error, ErrorCode, ErrorRecord};
use crate::session::clock::Moment;
use crate::store::{StoreKey, StoredRecord};

/// The format version that is written.
const VERSION: u32 = 1;

/// A process counts as one that reads for so long after it last said so, in milliseconds.
const PRESENT_MS: u64 = 24 * 60 * 60 * 1000;

/// The number of processes and running reads that a record can have; a longer one was not written by this crate.
const LONGEST: usize = 10_000;

/// The pause after a failed read. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The upper limit of such pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// By so many milliseconds clocks may differ.
const SKEW_MS: u64 = 5 * 60 * 1000;

/// The upper limit of pauses that the service asks for, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) day: u64,
    /// A later day by the clock of another process, which a process that is behind has set back.
    pub(super) later_day: Option<u64>,
    pub(super) reads: u32,
    pub(super) refreshes: u32,
    pub(super) running: Vec<Running>,
    pub(super) pause: Option<Pause>,
    /// When each process last read, in milliseconds since 1970.
    pub(super) processes: BTreeMap<String, u64>,
}

/// A read that is being made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Running {
    /// The fingerprint of its key.
    pub(super) key: String,
    pub(super) process: String,
    pub(super) until_ms: u64,
}

/// Why no read is sent for now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pause {
    pub(super) until_ms: u64,
    /// How long it was when it was set.
    pub(super) wait_ms: u64,
    /// The number of failed reads in a row.
    pub(super) failures: u32,
    pub(super) is_quota: bool,
    pub(super) error: ErrorRecord<'static>,
}

impl Record {
    pub(super) fn counts(&self) -> Counts {
        Counts { reads: self.reads, refreshes: self.refreshes }
    }

    /// Sets the counts back if a new day has begun, and returns whether it has. A clock that is slightly behind does not
    /// set them back, and neither does one that is days behind. One that was far ahead when they were counted does not keep
    /// them forever.
    pub(super) fn begin(&mut self, now: Moment) -> bool {
        let today = budget::day(now);
        let is_new = today > self.day && self.later_day != Some(today);
        if is_new {
            (self.reads, self.refreshes) = (0, 0);
        }
        if self.day > today.saturating_add(1) {
            self.later_day = Some(self.day);
            self.day = today;
        }
        self.day = self.day.max(today);
        is_new
    }

    /// Drops reads that have ended without a word, and processes that have not read for long.
    pub(super) fn drop_ended(&mut self, now_ms: u64) {
        self.running.retain(|running| (now_ms..now_ms.saturating_add(DAY_MS)).contains(&running.until_ms));
        self.processes.retain(|_, seen| seen.abs_diff(now_ms) < PRESENT_MS);
    }

    /// Whether another process reads this. A read of this process that is still there was cancelled.
    pub(super) fn is_running(&self, key: &StoreKey, process: &str) -> bool {
        self.running.iter().any(|running| running.key == key.fingerprint() && running.process != process)
    }

    /// Pauses reads after a failure.
    pub(super) fn fail(&mut self, error: &Error, now: Moment) {
        let is_quota = error.code() == Some(ErrorCode::DAILY_QUOTA_EXCEEDED);
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
        let wait_ms = asked.unwrap_or_default().max(as_millis(doubled)).min(DAY_MS);
        let wait_ms = wait_ms.max(active.and_then(|active| active.left(now)).map_or(0, as_millis));
        let until_ms = millis(now).saturating_add(wait_ms);
        let error = ErrorRecord::from(error).into_owned();
        self.pause = Some(Pause { until_ms, wait_ms, failures, is_quota, error });
    }

    /// Drops the running reads that were begun first and the processes that were seen first, if there are too many.
    fn limit(&mut self) {
        self.running.drain(..self.running.len().saturating_sub(LONGEST));
        let surplus = self.processes.len().saturating_sub(LONGEST);
        if surplus > 0 {
            let mut seen: Vec<_> =
                self.processes.iter().map(|(process, at)| (*at, process.clone())).collect();
            seen.sort_unstable();
            for (_, process) in seen.iter().take(surplus) {
                self.processes.remove(process);
            }
        }
    }

    pub(super) fn read(stored: &StoredRecord) -> Option<Self> {
        let record: Self = serde_json::from_slice(stored.expose_secret()).ok()?;
        let is_plausible = record.running.len() <= LONGEST && record.processes.len() <= LONGEST;
        (record.version == VERSION && is_plausible).then_some(record)
    }

    pub(super) fn write(&mut self) -> Result<StoredRecord, Error> {
        self.version = VERSION;
        self.limit();
        let written = serde_json::to_vec(self);
        let written =
            written.map_err(|error| Error::store(format!("the count can't be written: {error}")))?;
        Ok(written.into())
    }
}

impl Pause {
    pub(super) fn reason(&self) -> StaleReason {
        if self.is_quota { StaleReason::Quota } else { StaleReason::Unavailable }
    }

    /// The time left.
    pub(super) fn left(&self, now: Moment) -> Option<Duration> {
        let left = self.until_ms.saturating_sub(millis(now));
        // If it is much longer than it was, it was written with another clock, or the clock was set.
        let is_plausible = left <= self.wait_ms.saturating_add(SKEW_MS);
        (left > 0 && is_plausible).then(|| Duration::from_millis(left.min(self.wait_ms)))
    }

    /// The error of reads during the pause.
    pub(super) fn error(&self, now: Moment) -> Option<Error> {
        Some(Error::from(self.error.clone()).retry_in(self.left(now)?))
    }
}

pub(super) fn millis(now: Moment) -> u64 {
    as_millis(now.wall)
}

pub(super) fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_any_number_of_processes_can_be_read_again() {
        let processes = (0..10_010).map(|number| (format!("{number:016x}"), number)).collect();
        let mut record = Record { reads: 99, processes, ..Record::default() };
        let read = Record::read(&record.write().unwrap()).unwrap();
        assert_eq!((read.reads, read.processes.len()), (99, LONGEST));
        // Those that were seen last are known.
        assert_eq!(read.processes.values().max(), Some(&10_009));
    }
}
