//! How long the pauses between registrations are.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::session::clock::Moment;

/// Each time that a token lives this long, one replacement is forgotten. As it is the longest pause as well, a client that
/// competes with others makes no more registrations than one in such a time, however the others take their turns.
pub(super) const STEADY: Duration = REPLACE_MAX;

/// No more replacements in a row are counted. The pause does not grow any more.
const REPLACEMENTS_MAX: u32 = 7;

/// The pause before the second replacement in a row. It is four times as long with each further one.
const REPLACE_START: Duration = Duration::from_secs(2);

/// The same if the replaced token never worked: the user may be banned, and then a new token does not help.
const UNPROVEN_START: Duration = Duration::from_secs(128);

/// The longest pause between replacements.
const REPLACE_MAX: Duration = Duration::from_secs(20 * 60);

/// The pause after the first failed registration, if the failure is transient. It doubles with each further one.
const RETRY_START: Duration = Duration::from_secs(1);

/// The longest pause after a transient failure.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The same while there is a valid session.
const REFRESH_START: Duration = Duration::from_secs(30);

/// The same if the registration may have been carried out, and the cached token have ended.
const SUSPECT_START: Duration = Duration::from_secs(5);

/// The longest pause while there is a valid session.
const REFRESH_MAX: Duration = Duration::from_secs(15 * 60);

/// A longer `Retry-After` is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest jitter of a pause, as a fraction of it. It only lengthens.
const JITTER: f64 = 0.25;

/// How many registrations failed since the last one that succeeded. An outage can end in responses of other kinds, such as
/// those of a proxy, so each kind has its own pauses.
#[derive(Debug, Default)]
pub(super) struct Failures {
    transient: u32,
    rejected: u32,
    unusable: u32,
}

impl Failures {
    pub(super) fn like(&mut self, error: &Error) -> &mut u32 {
        match error.kind() {
            ErrorKind::Rejected => &mut self.rejected,
            ErrorKind::InvalidResponse => &mut self.unusable,
            _ => &mut self.transient,
        }
    }

    /// Counts a failure. `left` is how long there is a valid session meanwhile.
    pub(super) fn next(
        &mut self,
        error: &Error,
        left: Option<Duration>,
        suspect: bool,
        now: Moment,
    ) -> Failure {
        let count = self.like(error);
        let further = *count;
        *count = count.saturating_add(1);
        let number = *count;
        let double = |start: Duration, max| start.saturating_mul(2_u32.saturating_pow(further)).min(max);
        let refresh_start = if suspect { SUSPECT_START } else { REFRESH_START };
        let pause = match (left, error.kind()) {
            (Some(left), _) => double(refresh_start, REFRESH_MAX).min(left / 4).max(RETRY_START),
            (None, ErrorKind::Rejected) if further == 0 => UNPROVEN_START,
            (None, ErrorKind::Rejected) => REPLACE_MAX,
            // The service may have issued a token that can't be used.
            (None, ErrorKind::InvalidResponse) => {
                REPLACE_START.saturating_mul(4_u32.saturating_pow(further)).min(REPLACE_MAX)
            }
            (None, _) => double(RETRY_START, RETRY_MAX),
        };
        let requested = error.retry_after().unwrap_or_default().min(RETRY_AFTER_MAX);
        Failure {
            number,
            until: now.after(jittered(pause).max(requested)),
            requested: now.after(requested),
            error: error.clone(),
        }
    }
}

/// A registration that replaces a refused token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replacement {
    /// How many in a row, with this one.
    pub(super) number: u32,
    pub(super) worked: bool,
    pub(super) not_before: Moment,
}

/// A failed registration.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// How many of its kind in a row, with this one.
    #[cfg_attr(not(feature = "store"), allow(dead_code, reason = "other processes learn of it"))]
    pub(crate) number: u32,
    pub(crate) until: Moment,
    /// Until when the service asked to wait.
    pub(crate) requested: Moment,
    pub(crate) error: Error,
}

impl Failure {
    /// The same failure after the token was refused. A session that is still valid does not make up for the pause any
    /// more, so only what the service asked for is left of a longer one.
    pub(super) fn without_session(&mut self, now: Moment) {
        let soon = now.after(RETRY_START);
        if self.until.has_reached(soon) {
            self.until = soon;
        }
        if !self.until.has_reached(self.requested) {
            self.until = self.requested;
        }
    }

    #[cfg(feature = "store")]
    pub(crate) fn after_refusal(mut self, now: Moment) -> Option<Self> {
        self.until = self.requested;
        Some(self).filter(|failure| !now.has_reached(failure.until))
    }
}

/// A refused session, as far as it matters to the next registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) order: DateTime<Utc>,
    /// How long ago it was registered.
    pub(crate) age: Duration,
    pub(crate) ttl: Duration,
    /// The replacements in a row that led to it.
    pub(crate) replaced: u32,
    /// Whether it was ever accepted.
    pub(crate) worked: bool,
}

impl Refusal {
    pub(crate) fn of(session: &Session, worked: bool, now: Moment) -> Self {
        Self {
            order: session.order(),
            age: session.age(now),
            ttl: session.ttl(),
            replaced: session.replaced(),
            worked,
        }
    }

    pub(super) fn replacement(self, suspect: bool, now: Moment) -> Replacement {
        let forgotten = u32::try_from(self.age.as_secs() / STEADY.as_secs()).unwrap_or(u32::MAX);
        let replaced = self.replaced.min(REPLACEMENTS_MAX).saturating_sub(forgotten);
        let number = if self.age >= self.ttl / 2 || suspect { 1 } else { replaced.saturating_add(1) };
        let (start, factor) = if self.worked { (REPLACE_START, 4_u32) } else { (UNPROVEN_START, 10) };
        let pause = match number.checked_sub(2) {
            None => Duration::ZERO,
            Some(further) => start.saturating_mul(factor.saturating_pow(further)).min(REPLACE_MAX),
        };
        Replacement {
            number,
            worked: self.worked,
            not_before: now.after(jittered(pause).saturating_sub(self.age)),
        }
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + JITTER * fastrand::f64())
}
