//! The clocks of the standard library.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use super::Moment;

/// An `Instant` can only be compared with another one.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) fn now() -> Moment {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment { monotonic: ORIGIN.elapsed(), wall: wall.unwrap_or_default() }
}
