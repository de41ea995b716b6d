//! The coarse clocks. The time is read whenever a token is used, and a few milliseconds don't matter.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Moment;

pub(super) fn now() -> Moment {
    Moment { monotonic: read(ClockId::MonotonicCoarse), wall: read(ClockId::RealtimeCoarse) }
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}
