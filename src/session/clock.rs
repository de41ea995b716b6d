//! Time by two clocks at once.
//!
//! Expiry must be noticed although clocks step and machines sleep. The monotonic clock does not step, but stops while the
//! machine sleeps, except on Windows; the wall clock keeps running, but may step. So a moment counts as reached when either
//! clock says so.

use std::time::Duration;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

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

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        system::now()
    }
}
