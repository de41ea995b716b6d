//! Registering with a store, where another process may have a session already.
//!
//! The session cache asks for a new session when it has none, or when a refresh is due. Then this source loads the
//! stored session; if that is not fresh, it takes the lease, loads again, registers, and publishes the new session. A
//! process that does not get the lease uses the stored session if it is still valid, or waits for the holder's. If the
//! store fails, the client registers without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::AccessToken;
use crate::error::Error;
use crate::session::Session;
use crate::session::cache::Register;
use crate::session::clock::Clock;
use crate::store::{SessionStore, StoreFaults, StoreKey, StoredSession, operation, record};

/// How much longer than the longest registration a lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// How long to wait beyond the lease of a holder that died, for the next holder to register.
const GRACE: Duration = Duration::from_secs(10);

/// The first interval of polling for another process's session. It doubles with each poll.
const POLL_MIN: Duration = Duration::from_millis(50);

/// The longest interval of polling.
const POLL_MAX: Duration = Duration::from_secs(1);

/// A store with the key of the session in it.
#[derive(Debug)]
pub(crate) struct StoreHandle {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) key: StoreKey,
    #[cfg(feature = "sealing")]
    pub(crate) seal: Option<crate::store::SealingKey>,
}

impl StoreHandle {
    /// Decrypts a stored session, or says why it can't be read.
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

    /// Encrypts a session if there is a key.
    #[cfg(feature = "sealing")]
    fn seal(&self, written: StoredSession) -> Result<StoredSession, Error> {
        match &self.seal {
            Some(seal) => seal.seal(&self.key, &written),
            None => Ok(written),
        }
    }

    #[cfg(not(feature = "sealing"))]
    fn seal(&self, written: StoredSession) -> Result<StoredSession, Error> {
        Ok(written)
    }
}

/// A source of sessions that looks into a store before it registers.
#[derive(Debug)]
pub(crate) struct SharedSource<R, C> {
    registrar: Arc<R>,
    handle: Option<StoreHandle>,
    clock: C,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The token of the last session that was returned.
    given: Option<AccessToken>,
    /// A token that the service refused, to be removed from the store.
    refused: Option<AccessToken>,
    faults: StoreFaults,
}

impl<R: Register, C: Clock> SharedSource<R, C> {
    pub(crate) fn new(registrar: Arc<R>, handle: Option<StoreHandle>, clock: C) -> Self {
        Self { registrar, handle, clock, state: Mutex::default() }
    }

    /// Notes that the service refused `token`, so that it is not loaded from the store again. An older token is ignored.
    pub(crate) fn revoke(&self, token: &AccessToken) {
        let mut state = self.state();
        if self.handle.is_some() && state.given.as_ref() == Some(token) {
            state.refused = Some(token.clone());
        }
    }

    /// The faults of the store so far.
    pub(crate) fn faults(&self) -> StoreFaults {
        self.state().faults.clone()
    }

    /// The session in the store, if it is usable. Sends nothing to the service.
    pub(crate) async fn stored(&self) -> Result<Option<Session>, Error> {
        match &self.handle {
            Some(handle) => self.load(handle).await,
            None => Ok(None),
        }
    }

    async fn with_store(&self, handle: &StoreHandle) -> Result<Session, Error> {
        match self.load_or_register(handle).await {
            Ok(outcome) => outcome,
            Err(fault) => {
                self.record_fault(fault);
                let session = self.registrar.register().await?;
                self.publish(handle, &session).await;
                Ok(session)
            }
        }
    }

    /// A session of another process, or of a registration under the lease. The outer error is the store's.
    async fn load_or_register(&self, handle: &StoreHandle) -> Result<Result<Session, Error>, Error> {
        let limit = self.registrar.max_duration().saturating_add(LEASE_MARGIN);
        let start = Instant::now();
        let mut pause = POLL_MIN;
        loop {
            let old = match self.load(handle).await? {
                Some(session) if session.is_fresh(self.clock.now()) => return Ok(Ok(session)),
                old => old,
            };
            if let Some(lease) = operation::run(|| handle.store.lease(&handle.key, limit)).await? {
                let outcome = self.register_with_lease(handle, old).await;
                if let Err(fault) = operation::run(|| Box::pin(lease.release())).await {
                    self.record_fault(fault);
                }
                return Ok(outcome);
            }
            if let Some(session) = old {
                return Ok(Ok(session));
            }
            if start.elapsed() > limit.saturating_add(GRACE) {
                return Err(Error::store(format!(
                    "another process has had the lease of {} for longer than {limit:.0?}",
                    handle.key
                )));
            }
            sleep(pause.mul_f64(1.0 - fastrand::f64() / 2.0)).await;
            pause = pause.saturating_mul(2).min(POLL_MAX);
        }
    }

    /// Registers as the holder of the lease.
    async fn register_with_lease(
        &self,
        handle: &StoreHandle,
        old: Option<Session>,
    ) -> Result<Session, Error> {
        // The previous holder may have published a session since the last load.
        match self.load(handle).await {
            Ok(Some(session)) if session.is_fresh(self.clock.now()) => return Ok(session),
            Ok(_) => {}
            Err(fault) => self.record_fault(fault),
        }
        match self.registrar.register().await {
            Ok(session) => {
                self.publish(handle, &session).await;
                Ok(session)
            }
            Err(error) => {
                // The stale session is worth more than the error, unless the caller has it already.
                let (given, now) = (self.state().given.clone(), self.clock.now());
                let of_use = |old: &Session| old.is_usable(now) && given.as_ref() != Some(old.access_token());
                old.filter(of_use).ok_or(error)
            }
        }
    }

    /// Loads the stored session, if it is usable.
    async fn load(&self, handle: &StoreHandle) -> Result<Option<Session>, Error> {
        // The time left counts from when the store was asked, at the latest.
        let asked = self.clock.now();
        let Some(stored) = operation::run(|| handle.store.load(&handle.key)).await? else { return Ok(None) };
        let open = match stored.reason() {
            Some(reason) => Err(reason.to_owned()),
            None => handle.open(&stored),
        };
        let session = match open.and_then(|open| record::read(&handle.key, &open, asked)) {
            Ok(session) => session,
            Err(reason) => {
                self.record_fault(Error::store(format!(
                    "the stored session {} is not used: {reason}",
                    handle.key
                )));
                return Ok(None);
            }
        };
        let refused = self.state().refused.clone();
        if refused.as_ref() == Some(session.access_token()) {
            operation::run(|| handle.store.remove(&handle.key, stored)).await?;
            return Ok(None);
        }
        let now = self.clock.now();
        Ok(Some(session).filter(|session| session.is_usable(now)))
    }

    /// Stores a session for the others. If that fails, this process uses it all the same.
    async fn publish(&self, handle: &StoreHandle, session: &Session) {
        let saved = async {
            let now = self.clock.now();
            let written = handle.seal(record::write(&handle.key, session, now)?)?;
            operation::run(|| handle.store.save(&handle.key, written, session.left(now))).await
        };
        if let Err(fault) = saved.await {
            self.record_fault(fault);
        }
    }

    fn record_fault(&self, fault: Error) {
        tracing::warn!(%fault, "the session store failed, continuing without it");
        let mut state = self.state();
        state.faults.count = state.faults.count.saturating_add(1);
        state.faults.last = Some(fault);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Register, C: Clock> Register for SharedSource<R, C> {
    async fn register(&self) -> Result<Session, Error> {
        let session = match &self.handle {
            Some(handle) => self.with_store(handle).await?,
            None => self.registrar.register().await?,
        };
        self.state().given = Some(session.access_token().clone());
        Ok(session)
    }

    /// There may be another process's registration to wait for, and store operations before, between and after.
    fn max_duration(&self) -> Duration {
        let own = self.registrar.max_duration();
        match &self.handle {
            Some(_) => own.saturating_mul(2).saturating_add(LEASE_MARGIN + GRACE + operation::LIMIT * 8),
            None => own,
        }
    }
}

#[cfg(test)]
mod in_memory;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fleet;
