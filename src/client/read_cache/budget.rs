//! Which reads may be sent: the day's reads are few, and each should go where it does most.
//!
//! Refreshes are paced over the UTC day, so that the reads last until its end, and leave some for pages that are not kept
//! yet. That reserve shrinks as the day goes on, and is used up at its end.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::session::clock::Moment;

const DAY: u64 = 24 * 60 * 60;

/// The reads of the bot on this UTC day; see [`BotClient::read_budget`](crate::BotClient::read_budget).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadBudget {
    pub(super) limit: u32,
    pub(super) used: u32,
    pub(super) refreshes: u32,
    pub(super) resets_at: DateTime<Utc>,
}

impl ReadBudget {
    /// The number of reads that the day has.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The number of reads that were sent since 00:00 UTC, by all processes that share the store. Each request counts that
    /// may have reached the service.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// The number of them that refreshed a page.
    pub fn refreshes(&self) -> u32 {
        self.refreshes
    }

    /// The next 00:00 UTC, when the count starts again.
    pub fn resets_at(&self) -> DateTime<Utc> {
        self.resets_at
    }
}

/// The reads of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) reads: u32,
    /// Those that refreshed a page.
    pub(super) refreshes: u32,
}

impl Counts {
    pub(super) fn with(self, more: Self) -> Self {
        let reads = self.reads.saturating_add(more.reads);
        Self { reads, refreshes: self.refreshes.saturating_add(more.refreshes) }
    }

    pub(super) fn without(self, less: Self) -> Self {
        let reads = self.reads.saturating_sub(less.reads);
        Self { reads, refreshes: self.refreshes.saturating_sub(less.refreshes) }
    }
}

/// How the reads of a day are divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    pub(super) limit: u32,
    pub(super) reserved: u32,
}

impl Pacing {
    /// Whether a page that is not kept may be read.
    pub(super) fn may_read(&self, counts: Counts) -> bool {
        counts.reads < self.limit
    }

    /// Whether a page may be refreshed, when this part of the day is over.
    pub(super) fn may_refresh(&self, counts: Counts, over: f64) -> bool {
        let reserved = f64::from(self.reserved) * (1.0 - over);
        let limit = f64::from(self.limit);
        f64::from(counts.refreshes) < (limit - reserved) * over && f64::from(counts.reads) + reserved < limit
    }
}

/// The number of the UTC day, counted from 1970.
pub(super) fn day(now: Moment) -> u64 {
    now.wall.as_secs() / DAY
}

/// The part of the UTC day that is over.
pub(super) fn part_over(now: Moment) -> f64 {
    (now.wall.as_secs_f64() / DAY as f64).fract()
}

/// The time until the next UTC day.
pub(super) fn until_tomorrow(now: Moment) -> Duration {
    Duration::from_secs((day(now) + 1).saturating_mul(DAY)).saturating_sub(now.wall)
}

/// When the next UTC day begins.
pub(super) fn tomorrow(now: Moment) -> DateTime<Utc> {
    let since = i64::try_from((day(now) + 1).saturating_mul(DAY)).ok().and_then(TimeDelta::try_seconds);
    since.and_then(|since| DateTime::UNIX_EPOCH.checked_add_signed(since)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACING: Pacing = Pacing { limit: 100, reserved: 20 };

    /// The refreshes that are made on a day if one is made whenever it may be, and so many other reads are made at first.
    fn refreshes(others: u32) -> Vec<u32> {
        let mut counts = Counts { reads: others, refreshes: 0 };
        let mut by_hour = Vec::new();
        for minute in 0..24 * 60 {
            while PACING.may_refresh(counts, f64::from(minute) / (24.0 * 60.0)) {
                counts = Counts { reads: counts.reads + 1, refreshes: counts.refreshes + 1 };
            }
            if minute % 360 == 359 {
                by_hour.push(counts.refreshes);
            }
        }
        by_hour
    }

    #[test]
    fn refreshes_are_spread_over_the_day_and_leave_a_reserve() {
        let quarters = refreshes(0);
        assert_eq!(quarters, [22, 45, 72, 100]);
    }

    #[test]
    fn reads_of_new_pages_are_taken_from_the_reserve_first() {
        assert_eq!(refreshes(20).last(), Some(&80));
        assert_eq!(refreshes(100).last(), Some(&0));
    }

    #[test]
    fn new_pages_may_use_all_reads() {
        assert!(PACING.may_read(Counts { reads: 99, refreshes: 0 }));
        assert!(!PACING.may_read(Counts { reads: 100, refreshes: 0 }));
    }
}
