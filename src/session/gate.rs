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
use crate::session::gate::pause::{Failures, Replacement};

mod pause;

pub(crate) use pause::{Failure, Refusal};

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

/// The newest tokens that were refused.
#[derive(Debug)]
struct Refused {
    order: DateTime<Utc>,
    /// Those with this order. There are none if another process saw the refusal: then it is any token.
    tokens: Vec<AccessToken>,
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
    ///
    /// `is_repeat` says that the request had been refused with another token before. Then this is another client's doing,
    /// although the next token may have come meanwhile.
    pub(crate) fn refused_again(&self, is_repeat: bool, now: Moment) -> Option<Error> {
        if let Err(error) = self.check(now)
            && error.kind() == ErrorKind::DeviceInUse
        {
            return Some(error);
        }
        let state = self.state();
        let is_again = is_repeat || state.replacement.is_some_and(|replacement| replacement.number > 1);
        let worked = state.replacement.is_none_or(|replacement| replacement.worked);
        is_again.then(|| self.conflict(&state, worked))
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
        if error.is_local() {
            return;
        }
        self.suspect |= error.may_have_been_carried_out();
        self.failure = Some(self.failures.next(error, left, self.suspect, now));
    }
}

#[cfg(test)]
mod tests;
