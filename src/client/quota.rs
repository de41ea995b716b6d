//! The daily quota of reads.
//!
//! A bot has 100 reads a day over all endpoints, reset daily (documented). The service enforces the quota; the client's
//! own count does not limit reads. Once the service says that the reads are used up, further reads are refused here. The
//! hour at which the service's day begins is not documented, and a refused read costs little, so they are refused for a
//! short time only. Reads are sent again
//!
//! - after the service's `Retry-After`, if there is one, up to a day;
//! - otherwise after 5 min, doubled with each further refusal on the same day up to an hour, but at the next 00:00 UTC
//!   at the latest, when the service's day may begin.
//!
//! A refusal counts for the day on which the read was sent, by the service's clock. That time is the response's `Date`
//! less the duration of the read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::session::clock::Moment;

/// The documented number of reads per day.
pub(crate) const DAILY_READS: u32 = 100;

/// The pause after the first refusal of a day. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The upper limit of pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The lower limit of pauses, even if the next day begins earlier.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts reads, and refuses them while the quota is used up.
#[derive(Debug, Default)]
pub(crate) struct Quota(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    day: NaiveDate,
    reads: u32,
    resumes: Option<Moment>,
    /// The day of the last refusal, and the number of refusals on it since the last successful read.
    refused_on: NaiveDate,
    refusals: u32,
    /// Incremented when reads are paused or resumed. Responses to requests sent before are ignored.
    decision: u64,
}

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    at: Moment,
    is_read: bool,
    decision: u64,
}

/// A response that says that the quota is used up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) received: Moment,
    /// The same time by the service's clock.
    pub(crate) date: Option<DateTime<Utc>>,
    pub(crate) retry_after: Option<Duration>,
}

impl Quota {
    /// Returns the remaining pause as an error if reads are paused.
    pub(crate) fn check(&self, now: Moment) -> Result<(), Duration> {
        let left = self.with(|state| state.resumes.map(|resumes| now.until(resumes)));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), Err)
    }

    /// Records a request that is about to be sent. Counts it if it is a read.
    pub(crate) fn send(&self, now: Moment, is_read: bool) -> Sent {
        self.with(|state| {
            if is_read {
                state.begin(now);
                state.reads = state.reads.saturating_add(1);
            }
            Sent { at: now, is_read, decision: state.decision }
        })
    }

    /// The reads counted on the day of `now`.
    pub(crate) fn reads(&self, now: Moment) -> u32 {
        self.with(|state| {
            state.begin(now);
            state.reads
        })
    }

    /// Records a successful read.
    pub(crate) fn answered(&self, sent: Sent) {
        self.with(|state| {
            if sent.decision == state.decision && state.refusals > 0 {
                state.resumes = None;
                state.refusals = 0;
            }
        });
    }

    /// Records that the quota is used up. Returns the pause.
    pub(crate) fn used_up(&self, sent: Sent, refusal: Refusal) -> Duration {
        self.with(|state| {
            if sent.is_read && state.day == utc(sent.at).date_naive() {
                // The service has not counted it.
                state.reads = state.reads.saturating_sub(1);
            }
            if sent.decision != state.decision {
                // Another response has set the pause, or the caller has ended it.
                let left = state.resumes.map(|resumes| refusal.received.until(resumes));
                return left.unwrap_or_default().max(SHORTEST_PAUSE);
            }
            let wait = state.pause(sent, refusal).max(SHORTEST_PAUSE);
            state.resumes = Some(refusal.received.after(wait));
            state.decision += 1;
            wait
        })
    }

    /// Pauses reads for `wait`, and replaces the current pause.
    pub(crate) fn resume_in(&self, wait: Duration, now: Moment) {
        self.with(|state| {
            state.resumes = Some(now.after(wait));
            state.refusals = 0;
            state.decision += 1;
        });
    }

    fn with<T>(&self, update: impl FnOnce(&mut State) -> T) -> T {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Resets the count if a new day has begun.
    fn begin(&mut self, now: Moment) {
        let today = utc(now).date_naive();
        if self.day != today {
            self.day = today;
            self.reads = 0;
        }
    }

    /// The pause after a refusal.
    fn pause(&mut self, sent: Sent, refusal: Refusal) -> Duration {
        let received = refusal.date.unwrap_or_else(|| utc(refusal.received));
        let took = refusal.received.monotonic.saturating_sub(sent.at.monotonic);
        let day = TimeDelta::from_std(took)
            .ok()
            .and_then(|took| received.checked_sub_signed(took))
            .unwrap_or(received);
        let day = day.date_naive();
        if self.refused_on != day {
            self.refused_on = day;
            self.refusals = 0;
        }
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.refusals)).min(LONGEST_PAUSE);
        self.refusals = self.refusals.saturating_add(1);
        match refusal.retry_after {
            Some(asked) => asked.min(DAY),
            None => {
                let next =
                    day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX).and_time(NaiveTime::MIN);
                doubled.min((next.and_utc() - received).to_std().unwrap_or_default())
            }
        }
    }
}

fn utc(moment: Moment) -> DateTime<Utc> {
    let since = TimeDelta::from_std(moment.wall).ok();
    since.and_then(|since| DateTime::UNIX_EPOCH.checked_add_signed(since)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment at which both clocks show this time.
    fn at(text: &str) -> Moment {
        let since = (text.parse::<DateTime<Utc>>().unwrap() - DateTime::UNIX_EPOCH).to_std().unwrap();
        Moment { monotonic: since, wall: since }
    }

    fn refusal(received: &str) -> Refusal {
        Refusal { received: at(received), date: None, retry_after: None }
    }

    /// The pause after a read that was sent and refused at these times.
    fn refused(quota: &Quota, sent: &str, received: &str) -> Duration {
        quota.used_up(quota.send(at(sent), true), refusal(received))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn reads_are_counted_by_utc_day() {
        let quota = Quota::default();
        for now in ["2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z"] {
            quota.send(at(now), true);
            quota.send(at(now), false);
        }
        assert_eq!(quota.reads(at("2026-03-01T23:59:59Z")), 2);
        assert_eq!(quota.reads(at("2026-03-02T00:00:00Z")), 0);
    }

    #[test]
    fn a_refused_read_does_not_count() {
        let quota = Quota::default();
        let sent = ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"].map(|now| quota.send(at(now), true));
        quota.used_up(sent[1], refusal("2026-03-01T12:00:02Z"));
        assert_eq!(quota.reads(at("2026-03-01T12:00:03Z")), 1);
        // On the next day it is not taken from that day's reads.
        quota.send(at("2026-03-02T00:00:01Z"), true);
        quota.used_up(sent[0], refusal("2026-03-02T00:00:02Z"));
        assert_eq!(quota.reads(at("2026-03-02T00:00:03Z")), 1);
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_reset_after_a_successful_read() {
        let quota = Quota::default();
        let mut now = at("2026-03-01T12:00:00Z");
        let mut waits = Vec::new();
        for _ in 0..6 {
            assert_eq!(quota.check(now), Ok(()));
            let wait = quota
                .used_up(quota.send(now, true), Refusal { received: now, date: None, retry_after: None });
            assert_eq!(quota.check(now), Err(wait));
            now = now.after(wait);
            waits.push(wait.as_secs() / 60);
        }
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        quota.answered(quota.send(now, true));
        assert_eq!(quota.check(now), Ok(()));
        let again =
            quota.used_up(quota.send(now, true), Refusal { received: now, date: None, retry_after: None });
        assert_eq!(again, 5 * MINUTE);
    }

    #[test]
    fn reads_resume_at_midnight_and_pauses_start_again() {
        let quota = Quota::default();
        for (sent, wait) in [
            ("2026-03-01T21:00:00Z", 5),
            ("2026-03-01T21:10:00Z", 10),
            ("2026-03-01T21:30:00Z", 20),
            ("2026-03-01T22:00:00Z", 40),
            ("2026-03-01T23:30:00Z", 30),
        ] {
            assert_eq!(refused(&quota, sent, sent), wait * MINUTE, "{sent}");
        }
        assert_eq!(quota.check(at("2026-03-01T23:59:59Z")), Err(Duration::from_secs(1)));
        assert_eq!(quota.check(at("2026-03-02T00:00:00Z")), Ok(()));
        let first = "2026-03-02T00:00:00.05Z";
        assert_eq!(refused(&quota, first, first), 5 * MINUTE);
    }

    #[test]
    fn a_read_sent_before_midnight_does_not_pause_the_new_day() {
        let quota = Quota::default();
        let wait = refused(&quota, "2026-03-01T23:59:59.9Z", "2026-03-02T00:00:00.1Z");
        assert_eq!(wait, Duration::from_secs(1));
        assert_eq!(quota.check(at("2026-03-02T00:00:01.1Z")), Ok(()));
        // The refusals of the day before don't count either.
        assert_eq!(refused(&quota, "2026-03-02T00:00:02Z", "2026-03-02T00:00:03Z"), 5 * MINUTE);
    }

    #[test]
    fn the_day_of_a_refusal_is_by_the_services_clock() {
        for (date, wait) in [
            // The local clock is slightly ahead: for the service it is still the day before.
            ("2026-03-01T23:59:59Z", Duration::from_secs(1)),
            // The local clock is hours ahead or behind.
            ("2026-03-01T20:00:00Z", 5 * MINUTE),
            ("2026-03-02T03:00:00Z", 5 * MINUTE),
            ("2026-03-02T23:58:00Z", 2 * MINUTE),
        ] {
            let quota = Quota::default();
            let sent = quota.send(at("2026-03-02T00:00:00.02Z"), true);
            let received = at("2026-03-02T00:00:00.03Z");
            let refusal = Refusal { received, date: Some(date.parse().unwrap()), retry_after: None };
            assert_eq!(quota.used_up(sent, refusal), wait, "{date}");
        }
    }

    #[test]
    fn retry_after_is_used_up_to_a_day() {
        for (asked, wait) in [
            (Duration::ZERO, SHORTEST_PAUSE),
            (7 * MINUTE, 7 * MINUTE),
            (23 * 60 * MINUTE, 23 * 60 * MINUTE),
            (Duration::MAX, DAY),
        ] {
            let quota = Quota::default();
            let sent = quota.send(at("2026-03-01T23:59:00Z"), true);
            let refusal = Refusal { retry_after: Some(asked), ..refusal("2026-03-01T23:59:00Z") };
            assert_eq!(quota.used_up(sent, refusal), wait);
            assert_eq!(quota.check(at("2026-03-01T23:59:00Z")), Err(wait));
        }
    }

    #[test]
    fn concurrent_refusals_count_once() {
        let quota = Quota::default();
        let noon = "2026-03-01T12:00:00Z";
        let together = [(); 20].map(|()| quota.send(at(noon), true));
        let waits = together.map(|sent| quota.used_up(sent, refusal(noon)));
        assert_eq!(waits, [5 * MINUTE; 20]);
        // A success of a read that was sent before the pause does not end it.
        quota.answered(together[0]);
        assert_eq!(quota.check(at(noon)), Err(5 * MINUTE));
    }

    #[test]
    fn a_clock_set_back_does_not_extend_the_pause() {
        let quota = Quota::default();
        let noon = at("2026-03-01T12:00:00Z");
        quota.used_up(quota.send(noon, true), refusal("2026-03-01T12:00:00Z"));
        let back = Moment { wall: at("2025-03-01T12:00:00Z").wall, ..noon.after(5 * MINUTE) };
        assert_eq!(quota.check(back), Ok(()));
    }

    #[test]
    fn the_caller_can_resume_reads() {
        let quota = Quota::default();
        let noon = at("2026-03-01T12:00:00Z");
        let late = quota.send(noon, true);
        quota.used_up(quota.send(noon, true), refusal("2026-03-01T12:00:00Z"));
        quota.resume_in(60 * MINUTE, noon);
        assert_eq!(quota.check(at("2026-03-01T12:30:00Z")), Err(30 * MINUTE));
        assert_eq!(quota.check(at("2026-03-01T13:00:00Z")), Ok(()));
        quota.resume_in(Duration::ZERO, noon);
        assert_eq!(quota.check(noon), Ok(()));
        // The response to an earlier read does not pause reads again.
        quota.used_up(late, refusal("2026-03-01T12:00:01Z"));
        assert_eq!(quota.check(noon), Ok(()));
    }
}
