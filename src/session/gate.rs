//! The gate that all registrations of a client pass.
//!
//! A registration ends the token that the device had before, so it is made only when it must be. A refused token is
//! replaced at once. If the new token is refused soon as well, another client probably registers the same device, and
//! registering again would end that client's token: from then on there is a growing interval between registrations.
//! After a failed registration there is a pause as well. In between, the gate answers with an error.
//!
//! The gate also remembers which token was refused, so that neither it nor an older one is used again.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::AccessToken;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::session::clock::{Clock, Moment};

/// Each time that a token lives this long, one replacement is forgotten. As it is the longest pause as well, a client that
/// competes with others makes no more registrations than one in such a time, however the others take their turns.
const STEADY: Duration = REPLACE_MAX;

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
    /// The order of the newest session that was seen, refused or not.
    newest: Option<DateTime<Utc>>,
    refused: Option<Refused>,
    /// The refusal that the next registration answers.
    replacement: Option<Replacement>,
    failures: Failures,
    failure: Option<Failure>,
    /// Whether a registration may have been carried out although it failed, and so have ended the cached token.
    suspect: bool,
    /// Why the session of another process can't be read.
    unreadable: Option<String>,
    /// Whether the competing client was reported.
    is_reported: bool,
}

/// How many registrations failed since the last one that succeeded. An outage can end in responses of other kinds, such as
/// those of a proxy, so each kind has its own pauses.
#[derive(Debug, Default)]
struct Failures {
    transient: u32,
    rejected: u32,
    unusable: u32,
}

impl Failures {
    fn like(&mut self, error: &Error) -> &mut u32 {
        match error.kind() {
            ErrorKind::Rejected => &mut self.rejected,
            ErrorKind::InvalidResponse => &mut self.unusable,
            _ => &mut self.transient,
        }
    }
}

/// The newest tokens that were refused.
#[derive(Debug)]
struct Refused {
    order: DateTime<Utc>,
    /// Those with this order. There are none if another process saw the refusal: then it is any token.
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
    /// How many of its kind in a row, with this one.
    pub(crate) number: u32,
    pub(crate) until: Moment,
    /// Until when the service asked to wait.
    pub(crate) requested: Moment,
    pub(crate) error: Error,
}

impl Failure {
    /// The same failure after the token was refused. A session that is still valid does not make up for the pause any
    /// more, so only what the service asked for is left of a longer one.
    fn without_session(&mut self, now: Moment) {
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

    fn replacement(self, suspect: bool, now: Moment) -> Replacement {
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
        let unfinished = Unfinished { gate: self, clock, left };
        let outcome = registration().await;
        std::mem::forget(unfinished);
        let now = clock.now();
        let mut state = self.state();
        match outcome {
            Ok(session) => {
                state.is_reported &= replaced > 1;
                state.replacement = None;
                (state.failures, state.failure, state.suspect) = (Failures::default(), None, false);
                // The service has just issued it, whatever its date is, and whether or not the token was refused before.
                Ok(state.follow(session).replacing(replaced))
            }
            Err(error) => {
                state.failed(&error, left, now);
                Err(error)
            }
        }
    }

    /// Fails if a registration would be too early. The first of these errors that is about a competing client is logged.
    pub(crate) fn check(&self, now: Moment) -> Result<(), Error> {
        let Some(error) = self.closed(now) else { return Ok(()) };
        if error.kind() == ErrorKind::DeviceInUse && !std::mem::replace(&mut self.state().is_reported, true) {
            tracing::warn!(%error, "tokens are refused again and again");
        }
        Err(error)
    }

    /// The error of a registration that would be too early. Logs nothing, so it can be called under a lock.
    pub(crate) fn closed(&self, now: Moment) -> Option<Error> {
        let state = self.state();
        if let Some(Failure { until, error, .. }) = &state.failure
            && !now.has_reached(*until)
        {
            return Some(error.clone().retry_in(now.until(*until)));
        }
        let Replacement { worked, not_before, .. } =
            state.replacement.filter(|replacement| !now.has_reached(replacement.not_before))?;
        Some(self.conflict(&state, worked).retry_in(now.until(not_before)))
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
            Some(refused) if refused.order > refusal.order => return,
            Some(refused) if refused.order == refusal.order => {
                if refused.tokens.contains(token) {
                    return;
                }
                if refused.tokens.len() < REMEMBERED {
                    refused.tokens.push(token.clone());
                }
            }
            refused => {
                *refused = Some(Refused { order: refusal.order, tokens: vec![token.clone()] });
            }
        }
        state.saw(refusal.order);
        state.replace(refusal, now);
    }

    /// Notes that another process saw a session refused.
    #[cfg(feature = "store")]
    pub(crate) fn refused_elsewhere(&self, refusal: Refusal, now: Moment) {
        let mut state = self.state();
        let is_known = state.refused.as_ref().is_some_and(|refused| refused.order >= refusal.order);
        // The session that is used here is newer.
        if is_known || state.newest.is_some_and(|newest| newest > refusal.order) {
            return;
        }
        state.refused = Some(Refused { order: refusal.order, tokens: Vec::new() });
        state.saw(refusal.order);
        state.replace(refusal, now);
    }

    /// Whether the session, or a newer one, was refused.
    pub(crate) fn is_refused(&self, session: &Session) -> bool {
        let state = self.state();
        let Some(refused) = &state.refused else { return false };
        match session.order().cmp(&refused.order) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => {
                matches!(refused.tokens.len(), 0 | REMEMBERED)
                    || refused.tokens.contains(session.access_token())
            }
            std::cmp::Ordering::Greater => false,
        }
    }

    /// Whether this very session was refused here.
    #[cfg(feature = "store")]
    pub(crate) fn saw_refused(&self, session: &Session) -> bool {
        self.state().refused.as_ref().is_some_and(|refused| {
            refused.order == session.order() && refused.tokens.contains(session.access_token())
        })
    }

    /// Notes a session of another process, used or not.
    #[cfg(feature = "store")]
    pub(crate) fn saw(&self, session: &Session) {
        self.state().saw(session.order());
    }

    /// Notes that another process's session is used in place of a registration.
    #[cfg(feature = "store")]
    pub(crate) fn adopted(&self) {
        let mut state = self.state();
        (state.replacement, state.failure, state.suspect) = (None, None, false);
        state.failures = Failures::default();
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
        let count = state.failures.like(&failure.error);
        *count = failure.number.max(*count);
        // What the service asked this process counts as well.
        if state.failure.as_ref().is_none_or(|own| failure.until.has_reached(own.requested)) {
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

/// A registration in progress. If it is dropped, with the runtime that it is on, it may be carried out all the same.
struct Unfinished<'a, C: Clock> {
    gate: &'a Gate,
    clock: &'a C,
    left: Option<Duration>,
}

impl<C: Clock> Drop for Unfinished<'_, C> {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut state = self.gate.state();
        state.suspect = true;
        // Those who wait for a session begin another registration at once. A refresh, which nobody waits for, would be
        // begun and dropped with each call.
        if self.left.is_some() {
            state.failed(&Error::registration_lost(), self.left, now);
        }
    }
}

impl State {
    fn saw(&mut self, order: DateTime<Utc>) {
        self.newest = self.newest.max(Some(order));
    }

    /// Orders a session after those that were seen before it was registered.
    fn follow(&mut self, session: Session) -> Session {
        let newest = self.newest.filter(|newest| session.order() <= *newest);
        let session = match newest.map(|newest| newest.checked_add_signed(TimeDelta::milliseconds(1))) {
            None => session,
            Some(Some(next)) => session.ordered(next),
            // There is no later date than that of a stored session, which is no date of the service.
            Some(None) => {
                self.refused = None;
                session
            }
        };
        self.newest = Some(session.order());
        session
    }

    fn replace(&mut self, refusal: Refusal, now: Moment) {
        let replacement = refusal.replacement(self.suspect, now);
        self.is_reported &= replacement.number > 1;
        self.replacement = Some(replacement);
        if let Some(failure) = &mut self.failure {
            failure.without_session(now);
        }
    }

    fn failed(&mut self, error: &Error, left: Option<Duration>, now: Moment) {
        // Nothing was sent.
        if error.kind() == ErrorKind::Config {
            return;
        }
        self.suspect |= error.may_have_been_carried_out();
        let count = self.failures.like(error);
        let further = *count;
        *count = count.saturating_add(1);
        let number = *count;
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
            number,
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
