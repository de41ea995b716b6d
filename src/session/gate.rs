//! The gate that all registrations of a client pass.
//!
//! A registration ends the token that the device had before, so it is made only when it must be. A refused token is
//! replaced at once. If the new token is refused within minutes as well, another client probably registers the same
//! device, and registering again would end that client's token: from then on registrations are paced. After a
//! failed registration there is a pause as well. In between, the gate answers with an error.
//!
//! The gate also remembers which token was refused, so that neither it nor an older one is used again.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::AccessToken;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::session::clock::{Clock, Moment};

/// A token that was refused after this time, or after half of its lifetime, was not ended by a competing client. It is
/// longer than the longest pause with its jitter: each of several clients that wait for so long would otherwise find
/// that its token had lasted, and start again without a pause.
const STEADY: Duration = Duration::from_secs(30 * 60);

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

/// No more tokens with the same date are remembered.
const REMEMBERED: usize = 8;

/// Decides whether a registration may be made, and whether a session can still be used.
#[derive(Debug)]
pub(crate) struct Gate {
    device_id: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    refused: Option<Refused>,
    /// The refusal that the next registration answers.
    replacement: Option<Replacement>,
    /// Registrations that failed in a row.
    failures: u32,
    failure: Option<Failure>,
    /// Whether a registration may have been carried out although it failed, and so have ended the cached token.
    suspect: bool,
    /// Why the session of another process can't be read.
    unreadable: Option<String>,
    /// Whether the competing client was reported.
    is_reported: bool,
}

/// The newest tokens that were refused.
#[derive(Debug)]
struct Refused {
    issued_at: DateTime<Utc>,
    /// Those that were issued then.
    tokens: Vec<AccessToken>,
}

/// A registration that replaces a refused token.
#[derive(Clone, Copy, Debug)]
struct Replacement {
    /// How many in a row, with this one.
    number: u32,
    worked: bool,
    not_before: Moment,
}

/// A failed registration.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// How many in a row, with this one.
    pub(crate) number: u32,
    pub(crate) until: Moment,
    /// Until when the service asked to wait.
    pub(crate) requested: Moment,
    pub(crate) error: Error,
}

/// A refused session, as far as it matters to the next registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) issued_at: DateTime<Utc>,
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
            issued_at: session.issued_at(),
            age: session.age(now),
            ttl: session.ttl(),
            replaced: session.replaced(),
            worked,
        }
    }

    fn replacement(self, suspect: bool, now: Moment) -> Replacement {
        let was_steady = self.age >= STEADY.min(self.ttl / 2);
        let number = if was_steady || suspect { 1 } else { self.replaced.saturating_add(1) };
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

impl Gate {
    pub(crate) fn new(device_id: &str) -> Self {
        Self { device_id: device_id.to_owned(), state: Mutex::default() }
    }

    /// Registers, unless it is too early. `left` is how long there is a valid session meanwhile.
    pub(crate) async fn register<F>(
        &self,
        clock: &impl Clock,
        left: Option<Duration>,
        registration: impl FnOnce() -> F,
    ) -> Result<Session, Error>
    where
        F: Future<Output = Result<Session, Error>>,
    {
        self.check(clock.now())?;
        // A token that is refused in the meantime is not what this registration replaces.
        let replaced = self.state().replacement.map_or(0, |replacement| replacement.number);
        let outcome = registration().await;
        let now = clock.now();
        let mut state = self.state();
        match outcome {
            Ok(session) => {
                state.is_reported &= replaced > 1;
                state.replacement = None;
                (state.failures, state.failure, state.suspect) = (0, None, false);
                Ok(session.replacing(replaced))
            }
            Err(error) => {
                state.failed(&error, left, now);
                Err(error)
            }
        }
    }

    /// Fails if a registration would be too early.
    pub(crate) fn check(&self, now: Moment) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(Failure { until, error, .. }) = &state.failure
            && !now.has_reached(*until)
        {
            return Err(error.clone().retry_in(now.until(*until)));
        }
        let Some(Replacement { worked, not_before, .. }) = state.replacement else { return Ok(()) };
        if now.has_reached(not_before) {
            return Ok(());
        }
        let error = self.conflict(&state, worked).retry_in(now.until(not_before));
        if !std::mem::replace(&mut state.is_reported, true) {
            drop(state);
            tracing::warn!(%error, "tokens are refused again and again");
        }
        Err(error)
    }

    /// The error of a request with a token that was refused although it was new, not for the first time in a row or while
    /// no other token can be had.
    pub(crate) fn refused_again(&self, now: Moment) -> Option<Error> {
        if let Err(error) = self.check(now)
            && error.kind() == ErrorKind::DeviceInUse
        {
            return Some(error);
        }
        let state = self.state();
        let replacement = state.replacement.filter(|replacement| replacement.number > 1)?;
        Some(self.conflict(&state, replacement.worked))
    }

    fn conflict(&self, state: &State, worked: bool) -> Error {
        Error::device_in_use(&self.device_id, worked, state.unreadable.as_deref())
    }

    /// Notes that the service refused this session's token.
    pub(crate) fn refuse(&self, token: &AccessToken, refusal: Refusal, now: Moment) {
        let mut state = self.state();
        match &mut state.refused {
            Some(refused) if refused.issued_at > refusal.issued_at => return,
            Some(refused) if refused.issued_at == refusal.issued_at => {
                if refused.tokens.contains(token) {
                    return;
                }
                if refused.tokens.len() < REMEMBERED {
                    refused.tokens.push(token.clone());
                }
            }
            refused => {
                *refused = Some(Refused { issued_at: refusal.issued_at, tokens: vec![token.clone()] });
            }
        }
        state.replace(refusal, now);
    }

    /// Notes that another process saw the newest session refused.
    #[cfg(feature = "store")]
    pub(crate) fn refused_elsewhere(&self, refusal: Refusal, now: Moment) {
        let mut state = self.state();
        if state.refused.as_ref().is_some_and(|refused| refused.issued_at >= refusal.issued_at) {
            return;
        }
        state.refused = Some(Refused { issued_at: refusal.issued_at, tokens: Vec::new() });
        state.replace(refusal, now);
    }

    /// Whether the session, or a newer one, was refused.
    pub(crate) fn is_refused(&self, session: &Session) -> bool {
        let state = self.state();
        let Some(refused) = &state.refused else { return false };
        match session.issued_at().cmp(&refused.issued_at) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => {
                refused.tokens.contains(session.access_token()) || refused.tokens.len() == REMEMBERED
            }
            std::cmp::Ordering::Greater => false,
        }
    }

    /// Whether this is a refused token.
    #[cfg(feature = "store")]
    pub(crate) fn refused_token(&self, token: &AccessToken) -> bool {
        self.state().refused.as_ref().is_some_and(|refused| refused.tokens.contains(token))
    }

    /// Notes that another process's session is used in place of a registration.
    #[cfg(feature = "store")]
    pub(crate) fn adopted(&self) {
        let mut state = self.state();
        (state.replacement, state.failures, state.failure, state.suspect) = (None, 0, None, false);
        state.unreadable = None;
    }

    /// Whether the token that is to be replaced ever worked.
    #[cfg(feature = "store")]
    pub(crate) fn replaced_worked(&self) -> bool {
        self.state().replacement.is_some_and(|replacement| replacement.worked)
    }

    /// Whether a refused token is to be replaced.
    #[cfg(feature = "store")]
    pub(crate) fn is_replacing(&self) -> bool {
        self.state().replacement.is_some()
    }

    /// Notes that another process failed to register.
    #[cfg(feature = "store")]
    pub(crate) fn failed_elsewhere(&self, failure: Failure) {
        let mut state = self.state();
        state.failures = state.failures.max(failure.number);
        // One of this process's own may not have reached the store.
        if state.failure.as_ref().is_none_or(|own| failure.until.has_reached(own.until)) {
            state.failure = Some(failure);
        }
    }

    /// The last failure, while it keeps others from registering.
    #[cfg(feature = "store")]
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state().failure.clone()
    }

    /// Notes why the session of another process can't be read.
    #[cfg(feature = "store")]
    pub(crate) fn unreadable(&self, reason: Option<&str>) {
        self.state().unreadable = reason.map(str::to_owned);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, refusal: Refusal, now: Moment) {
        let replacement = refusal.replacement(self.suspect, now);
        self.is_reported &= replacement.number > 1;
        self.replacement = Some(replacement);
        // A session that is still valid does not make up for the pause any more.
        if let Some(failure) = &mut self.failure {
            let soon = now.after(RETRY_START);
            failure.until = if failure.until.has_reached(soon) { soon } else { failure.until };
            failure.until =
                if failure.until.has_reached(failure.requested) { failure.until } else { failure.requested };
        }
    }

    fn failed(&mut self, error: &Error, left: Option<Duration>, now: Moment) {
        // Nothing was sent.
        if error.kind() == ErrorKind::Config {
            return;
        }
        self.suspect |= error.may_have_been_carried_out();
        self.failures = self.failures.saturating_add(1);
        let further = self.failures - 1;
        let double = |start: Duration, max| start.saturating_mul(2_u32.saturating_pow(further)).min(max);
        let refresh_start = if self.suspect { SUSPECT_START } else { REFRESH_START };
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
        self.failure = Some(Failure {
            number: self.failures,
            until: now.after(jittered(pause).max(requested)),
            requested: now.after(requested),
            error: error.clone(),
        });
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + JITTER * fastrand::f64())
}

#[cfg(test)]
mod tests;
