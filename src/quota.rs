//! The reads of the day, as far as this client knows.
//!
//! A bot has 100 reads a day over all endpoints, reset daily (documented). The service counts, not the client:
//! what is counted here is for the caller to see. Only when the service itself says that the reads are used
//! up are further ones refused here, since each would be answered in the same way.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// What is known of a bot's reads.
#[derive(Debug, Default)]
pub(crate) struct Quota(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    day: NaiveDate,
    reads: u32,
    resumes: Option<DateTime<Utc>>,
}

impl Quota {
    /// Says for how long no read is to be sent, if the reads are used up.
    pub(crate) fn check(&self, now: DateTime<Utc>) -> Result<(), Duration> {
        let left = self.with(now, |known| known.resumes.and_then(|resumes| (resumes - now).to_std().ok()));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), Err)
    }

    /// Counts a read that is about to be sent.
    pub(crate) fn count(&self, now: DateTime<Utc>) {
        self.with(now, |known| known.reads = known.reads.saturating_add(1));
    }

    /// The reads counted on the day of `now`.
    pub(crate) fn reads(&self, now: DateTime<Utc>) -> u32 {
        self.with(now, |known| known.reads)
    }

    /// The service says that the reads are used up. Returns how long that lasts.
    pub(crate) fn used_up(&self, now: DateTime<Utc>) -> Duration {
        let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        let midnight = tomorrow.and_time(NaiveTime::MIN).and_utc();
        self.resume_at(midnight);
        (midnight - now).to_std().unwrap_or_default()
    }

    /// Reads are refused until then, and not any longer.
    pub(crate) fn resume_at(&self, at: DateTime<Utc>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).resumes = Some(at);
    }

    fn with<T>(&self, now: DateTime<Utc>, look: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.day != now.date_naive() {
            known.day = now.date_naive();
            known.reads = 0;
        }
        look(&mut known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn reads_are_counted_by_utc_day() {
        let quota = Quota::default();
        for now in ["2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z"] {
            quota.count(at(now));
        }
        assert_eq!(quota.reads(at("2026-03-01T23:59:59Z")), 2);
        assert_eq!(quota.reads(at("2026-03-02T00:00:00Z")), 0);
    }

    #[test]
    fn used_up_lasts_until_the_next_utc_day() {
        let quota = Quota::default();
        assert_eq!(quota.used_up(at("2026-03-01T23:00:00Z")), Duration::from_secs(3600));
        assert_eq!(quota.check(at("2026-03-01T23:59:00Z")), Err(Duration::from_secs(60)));
        assert_eq!(quota.check(at("2026-03-02T00:00:00Z")), Ok(()));
    }

    #[test]
    fn the_caller_can_say_when_reads_resume() {
        let quota = Quota::default();
        quota.used_up(at("2026-03-01T12:00:00Z"));
        quota.resume_at(at("2026-03-01T13:00:00Z"));
        assert_eq!(quota.check(at("2026-03-01T12:30:00Z")), Err(Duration::from_secs(1800)));
        assert_eq!(quota.check(at("2026-03-01T13:00:00Z")), Ok(()));
    }
}
