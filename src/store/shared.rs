//! Registering with a store in between: another process may have a session already.
//!
//! The living session asks for a registration when it has none that works, or when a renewal is due. Here that
//! becomes: look into the store; if there is nothing fresh, take the lease, look again, register, and leave the
//! session for the others. Who does not get the lease goes on with what is there, however old, or waits for what
//! the holder leaves. The store is never needed: the first fault of it, and the client registers for itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::AccessToken;
use crate::error::Error;
use crate::session::Session;
use crate::session::cache::Register;
use crate::session::clock::Clock;
use crate::store::{SessionStore, StoreFaults, StoreKey, StoredSession, operation, record};

/// A lease ends by itself so long after the longest registration.
const LEEWAY: Duration = Duration::from_secs(2);

/// Who waits for a holder that died waits so long beyond its lease for the next holder to register.
const GRACE: Duration = Duration::from_secs(10);

/// Who waits for another's registration looks again after so long at most, and later after twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// The longest such wait.
const LATER_LOOK: Duration = Duration::from_secs(1);

/// A store, and what to look for in it.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) key: StoreKey,
    #[cfg(feature = "sealing")]
    pub(crate) seal: Option<crate::store::SealingKey>,
}

impl Shelf {
    /// What is in a stored session, or why it can't be seen.
    #[cfg(feature = "sealing")]
    fn open(&self, stored: &StoredSession) -> Result<StoredSession, String> {
        match &self.seal {
            Some(seal) => seal.open(&self.key, stored),
            None => Ok(stored.clone()),
        }
    }

    #[cfg(not(feature = "sealing"))]
    fn open(&self, stored: &StoredSession) -> Result<StoredSession, String> {
        Ok(stored.clone())
    }

    /// How a session is stored.
    #[cfg(feature = "sealing")]
    fn close(&self, written: StoredSession) -> Result<StoredSession, Error> {
        match &self.seal {
            Some(seal) => seal.close(&self.key, &written),
            None => Ok(written),
        }
    }

    #[cfg(not(feature = "sealing"))]
    fn close(&self, written: StoredSession) -> Result<StoredSession, Error> {
        Ok(written)
    }
}

/// What registers for the living session.
#[derive(Debug)]
pub(crate) struct Sharing<R, C> {
    registrar: Arc<R>,
    shelf: Option<Shelf>,
    clock: C,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The token that the living session got last.
    given: Option<AccessToken>,
    /// A token that the service refused, and that has to leave the store.
    refused: Option<AccessToken>,
    faults: StoreFaults,
}

impl<R: Register, C: Clock> Sharing<R, C> {
    pub(crate) fn new(registrar: Arc<R>, shelf: Option<Shelf>, clock: C) -> Self {
        Self { registrar, shelf, clock, known: Mutex::default() }
    }

    /// The service refused `token`: it is not to be taken from the store again. Whoever comes late with an older one
    /// tells nothing new.
    pub(crate) fn refuse(&self, token: &AccessToken) {
        let mut known = self.known();
        if self.shelf.is_some() && known.given.as_ref() == Some(token) {
            known.refused = Some(token.clone());
        }
    }

    /// What went wrong with the store so far.
    pub(crate) fn faults(&self) -> StoreFaults {
        self.known().faults.clone()
    }

    /// The session in the store, if there is one that can be used. Nothing is sent to the service.
    pub(crate) async fn stored(&self) -> Result<Option<Session>, Error> {
        match &self.shelf {
            Some(shelf) => self.look(shelf).await,
            None => Ok(None),
        }
    }

    async fn with_store(&self, shelf: &Shelf) -> Result<Session, Error> {
        match self.take_turns(shelf).await {
            Ok(outcome) => outcome,
            Err(fault) => {
                self.note(fault);
                let session = self.registrar.register().await?;
                self.leave(shelf, &session).await;
                Ok(session)
            }
        }
    }

    /// A session of another process, or that of a registration while no other process registers. The outer error
    /// is the store's.
    async fn take_turns(&self, shelf: &Shelf) -> Result<Result<Session, Error>, Error> {
        let limit = self.registrar.longest().saturating_add(LEEWAY);
        let start = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let old = match self.look(shelf).await? {
                Some(session) if session.is_fresh(self.clock.now()) => return Ok(Ok(session)),
                old => old,
            };
            if let Some(lease) = operation::run(|| shelf.store.lease(&shelf.key, limit)).await? {
                let outcome = self.take_turn(shelf, old).await;
                if let Err(fault) = operation::run(|| Box::pin(lease.release())).await {
                    self.note(fault);
                }
                return Ok(outcome);
            }
            if let Some(session) = old {
                return Ok(Ok(session));
            }
            if start.elapsed() > limit.saturating_add(GRACE) {
                return Err(Error::store(format!(
                    "another process has had the lease of {} for longer than {limit:.0?}",
                    shelf.key
                )));
            }
            sleep(pause.mul_f64(1.0 - fastrand::f64() / 2.0)).await;
            pause = pause.saturating_mul(2).min(LATER_LOOK);
        }
    }

    /// What the holder of the lease does.
    async fn take_turn(&self, shelf: &Shelf, old: Option<Session>) -> Result<Session, Error> {
        // The one who had the lease before may have left a session since the last look.
        match self.look(shelf).await {
            Ok(Some(session)) if session.is_fresh(self.clock.now()) => return Ok(session),
            Ok(_) => {}
            Err(fault) => self.note(fault),
        }
        match self.registrar.register().await {
            Ok(session) => {
                self.leave(shelf, &session).await;
                Ok(session)
            }
            Err(error) => {
                // Whoever has it already wants to know of the error instead.
                let (given, now) = (self.known().given.clone(), self.clock.now());
                let of_use = |old: &Session| old.is_good(now) && given.as_ref() != Some(old.access_token());
                old.filter(of_use).ok_or(error)
            }
        }
    }

    /// What the store has, if it can be used.
    async fn look(&self, shelf: &Shelf) -> Result<Option<Session>, Error> {
        // What the store says is left counts from when it was asked, at the latest.
        let asked = self.clock.now();
        let Some(stored) = operation::run(|| shelf.store.load(&shelf.key)).await? else { return Ok(None) };
        let open = match stored.reason() {
            Some(reason) => Err(reason.to_owned()),
            None => shelf.open(&stored),
        };
        let session = match open.and_then(|open| record::read(&shelf.key, &open, asked)) {
            Ok(session) => session,
            Err(reason) => {
                self.note(Error::store(format!("the stored session {} is not used: {reason}", shelf.key)));
                return Ok(None);
            }
        };
        let refused = self.known().refused.clone();
        if refused.as_ref() == Some(session.access_token()) {
            operation::run(|| shelf.store.remove(&shelf.key, stored)).await?;
            return Ok(None);
        }
        let now = self.clock.now();
        Ok(Some(session).filter(|session| session.is_good(now)))
    }

    /// Leaves a session for the others. It is this process's all the same if that fails.
    async fn leave(&self, shelf: &Shelf, session: &Session) {
        let saved = async {
            let now = self.clock.now();
            let written = shelf.close(record::write(&shelf.key, session, now)?)?;
            operation::run(|| shelf.store.save(&shelf.key, written, session.left(now))).await
        };
        if let Err(fault) = saved.await {
            self.note(fault);
        }
    }

    fn note(&self, fault: Error) {
        tracing::warn!(%fault, "a session store does not do its part; the client goes on without it");
        let mut known = self.known();
        known.faults.count = known.faults.count.saturating_add(1);
        known.faults.last = Some(fault);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Register, C: Clock> Register for Sharing<R, C> {
    async fn register(&self) -> Result<Session, Error> {
        let session = match &self.shelf {
            Some(shelf) => self.with_store(shelf).await?,
            None => self.registrar.register().await?,
        };
        self.known().given = Some(session.access_token().clone());
        Ok(session)
    }

    /// With a store there may be another's registration to wait for, and operations before, between and after.
    fn longest(&self) -> Duration {
        let own = self.registrar.longest();
        match &self.shelf {
            Some(_) => own.saturating_mul(2).saturating_add(LEEWAY + GRACE + operation::LIMIT * 8),
            None => own,
        }
    }
}

#[cfg(test)]
mod cupboard;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fleet;
