//! Time by two clocks at once.
//!
//! Expiry must be noticed although clocks step and machines sleep. The monotonic clock does not step, but may stop while
//! the machine sleeps; the wall clock keeps running, but may step. So a moment counts as reached when either clock says
//! so. It is read whenever a token is used, and a few milliseconds don't matter, so the coarse clocks are read where the
//! system has them.

use std::time::Duration;

/// A point in time by both clocks. Only differences from another reading of the same clock mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic: Duration,
    pub(crate) wall: Duration,
}

impl Moment {
    /// The moment `wait` later.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { monotonic: self.monotonic.saturating_add(wait), wall: self.wall.saturating_add(wait) }
    }

    /// Whether `moment` has come by one clock or the other.
    pub(crate) fn has_reached(self, moment: Self) -> bool {
        self.monotonic >= moment.monotonic || self.wall >= moment.wall
    }

    /// How long it has been since `earlier`, by whichever clock says more.
    // `BotClient::read` is generic, so it is compiled in the crate that calls it.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_sub(earlier.monotonic);
        monotonic.max(self.wall.saturating_sub(earlier.wall))
    }

    /// How long it is until `moment`; zero if it has come.
    pub(crate) fn until(self, moment: Self) -> Duration {
        let monotonic = moment.monotonic.saturating_sub(self.monotonic);
        monotonic.min(moment.wall.saturating_sub(self.wall))
    }
}

/// Tells the time; a test brings its own.
pub(crate) trait Clock: Send + Sync + 'static {
    fn now(&self) -> Moment;
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

#[cfg(target_os = "linux")]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        use rustix::time::{ClockId, clock_gettime};

        let read = |clock| {
            let now = clock_gettime(clock);
            let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
            Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
        };
        Moment { monotonic: read(ClockId::MonotonicCoarse), wall: read(ClockId::RealtimeCoarse) }
    }
}

#[cfg(not(target_os = "linux"))]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        use std::sync::LazyLock;
        use std::time::{Instant, SystemTime};

        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Moment { monotonic: ORIGIN.elapsed(), wall: wall.unwrap_or_default() }
    }
}
