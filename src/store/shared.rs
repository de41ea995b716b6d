//! Registering with a store, where another process may have a session already.
//!
//! A registration ends the session of all processes that share the device, so one process registers for all of them.
//! The session cache asks for a session when it has none, when a refresh is due, and every minute whether another process
//! has a newer one. This source loads the stored session; if that is not good enough, it takes the lease, loads again,
//! registers, and publishes the new session. A process that does not get the lease uses the stored session if it is
//! still valid, or waits for the holder's. A failed registration is published as well, so that the others need not fail
//! too.
//!
//! Of two sessions the later one counts, and replaces the other everywhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::session::gate::{Gate, Refusal};
use crate::session::source::{Need, Register, Source};
use crate::store::faults::FaultCount;
use crate::store::handle::StoreHandle;
use crate::store::record::{Known, Newest};
use crate::store::{StoreOutage, StoredRecord, operation};

mod stored;

use stored::Stored;

/// The store operations of a lease's holder: a load before the registration, and a load and two attempts to publish
/// after it.
const UNDER_LEASE: u32 = 4;

/// How much longer than all of that a lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(2);

/// How long to wait beyond the lease of a holder that died, for the next holder to register.
const GRACE: Duration = Duration::from_secs(10);

/// The first interval of polling for another process's session. It doubles with each poll.
const POLL_MIN: Duration = Duration::from_millis(50);

/// The longest interval of polling.
const POLL_MAX: Duration = Duration::from_secs(1);

/// The longest wait after a refusal, for a process that has a newer session and has not published it yet.
const SETTLE: Duration = Duration::from_secs(2);

/// A source of sessions that looks into a store before it registers.
#[derive(Debug)]
pub(crate) struct SharedSource<R> {
    registrar: Arc<R>,
    handle: Option<StoreHandle>,
    outage: StoreOutage,
    faults: Arc<FaultCount>,
}

impl<R: Register> SharedSource<R> {
    pub(crate) fn new(registrar: Arc<R>, handle: Option<StoreHandle>, outage: StoreOutage) -> Self {
        Self { registrar, handle, outage, faults: Arc::default() }
    }

    /// The faults of the store so far.
    pub(crate) fn faults(&self) -> &Arc<FaultCount> {
        &self.faults
    }

    /// The session in the store, if it is usable. Sends nothing to the service.
    pub(crate) async fn stored(&self, clock: &impl Clock) -> Result<Option<Session>, Error> {
        let Some(handle) = &self.handle else { return Ok(None) };
        let stored = self.load_stored(handle, clock).await?;
        let now = clock.now();
        Ok(stored.into_session().filter(|session| session.is_usable(now)))
    }

    async fn with_store(
        &self,
        handle: &StoreHandle,
        need: &Need,
        gate: &Gate,
        clock: &impl Clock,
    ) -> Result<Option<Session>, Error> {
        let fault = match self.load_or_register(handle, need, gate, clock).await {
            Ok(outcome) => return outcome,
            Err(fault) => fault,
        };
        self.faults.record(fault.clone());
        match need {
            Need::Newer(_) => return Ok(None),
            // The store may work again in time.
            Need::Refresh(session) if !session.is_ending(clock.now()) => return Err(fault.of_outage()),
            _ if self.outage == StoreOutage::Fail => return Err(fault.of_outage()),
            _ => {}
        }
        let left = need.left(clock.now());
        let session = gate.register(clock, left, || self.registrar.register()).await?;
        self.publish(handle, &session, None, clock).await;
        Ok(Some(session))
    }

    /// A session of another process, or of a registration under the lease. The outer error is the store's.
    async fn load_or_register(
        &self,
        handle: &StoreHandle,
        need: &Need,
        gate: &Gate,
        clock: &impl Clock,
    ) -> Result<Result<Option<Session>, Error>, Error> {
        let mut stored = self.look(handle, gate, clock).await?;
        if let Need::Newer(session) = need {
            return Ok(Ok(self.compare(handle, session, stored, gate, clock).await));
        }
        // A registration of another process counts as the one that is asked for, if it is newer than this.
        let start = stored.session().map(Session::order);
        let is_good = |session: &Session| match need {
            Need::Registered => start.is_none_or(|start| session.order() > start),
            Need::Newer(present) | Need::Refresh(present) if session.supersedes(present) => true,
            _ => session.is_fresh(clock.now()),
        };
        let mut is_first = true;
        let began = Instant::now();
        let limit = self.lease_limit();
        let mut pause = POLL_MIN;
        loop {
            let usable = self.usable(&stored, gate, clock);
            if let Some(session) = usable.filter(|session| is_good(session)) {
                gate.adopted();
                return Ok(Ok(Some(session.clone())));
            }
            if is_first && gate.is_replacing() {
                // The process that ended the refused token may be about to publish the new one.
                is_first = false;
                sleep(SETTLE.mul_f64(fastrand::f64())).await;
                stored = self.look(handle, gate, clock).await?;
                continue;
            }
            is_first = false;
            if let Some(failure) = stored.known.as_ref().and_then(|known| known.failure.clone()) {
                gate.failed_elsewhere(failure);
            }
            if let Err(error) = gate.check(clock.now()) {
                return Ok(self.fallback(stored, need, gate, clock).map(Some).ok_or(error));
            }
            if let Some(lease) = operation::run(|| handle.store.lease(&handle.key, limit)).await? {
                let outcome = self.register_with_lease(handle, need, &is_good, gate, clock).await;
                if let Err(fault) = operation::run(|| Box::pin(lease.release())).await {
                    self.faults.record(fault);
                }
                return outcome;
            }
            // Another process is registering.
            let has_session = usable.is_some();
            if matches!(need, Need::Refresh(_)) || (has_session && matches!(need, Need::Valid)) {
                return Ok(Ok(self.fallback(stored, need, gate, clock)));
            }
            if began.elapsed() > limit.saturating_add(GRACE) {
                return Err(Error::store(format!(
                    "another process has had the lease of {} for longer than {limit:.0?}",
                    handle.key
                )));
            }
            sleep(pause.mul_f64(1.0 - fastrand::f64() / 2.0)).await;
            pause = pause.saturating_mul(2).min(POLL_MAX);
            stored = self.look(handle, gate, clock).await?;
        }
    }

    /// Registers as the holder of the lease. The outer error is the store's.
    async fn register_with_lease(
        &self,
        handle: &StoreHandle,
        need: &Need,
        is_good: &(impl Fn(&Session) -> bool + Sync),
        gate: &Gate,
        clock: &impl Clock,
    ) -> Result<Result<Option<Session>, Error>, Error> {
        // The previous holder may have published a session since the last load.
        let stored = match self.look(handle, gate, clock).await {
            Ok(stored) => stored,
            Err(fault) if self.outage == StoreOutage::Fail => return Err(fault),
            Err(fault) => {
                self.faults.record(fault);
                Stored { raw: None, known: None, unreadable: None }
            }
        };
        if let Some(session) = self.usable(&stored, gate, clock).filter(|session| is_good(session)) {
            gate.adopted();
            return Ok(Ok(Some(session.clone())));
        }
        let left = need.left(clock.now());
        Ok(match gate.register(clock, left, || self.registrar.register()).await {
            Ok(session) => {
                self.publish(handle, &session, stored.raw, clock).await;
                Ok(Some(session))
            }
            Err(error) => {
                let stored = self.publish_failure(handle, stored, gate, clock).await;
                self.fallback(stored, need, gate, clock).map(Some).ok_or(error)
            }
        })
    }

    /// A newer session of another process. If this process has the newer one, it is published.
    async fn compare(
        &self,
        handle: &StoreHandle,
        session: &Arc<Session>,
        stored: Stored,
        gate: &Gate,
        clock: &impl Clock,
    ) -> Option<Session> {
        let newest = stored.known.as_ref().and_then(|known| known.newest.order());
        if newest.is_none_or(|newest| newest < session.order()) {
            self.publish(handle, session, stored.raw, clock).await;
            return None;
        }
        let newer = self.usable(&stored, gate, clock).filter(|newer| newer.supersedes(session)).cloned();
        if newer.is_some() {
            gate.adopted();
        }
        newer
    }

    /// The stored session, if it can be used.
    fn usable<'a>(&self, stored: &'a Stored, gate: &Gate, clock: &impl Clock) -> Option<&'a Session> {
        let now = clock.now();
        stored.session().filter(|session| session.is_usable(now) && !gate.is_refused(session))
    }

    /// A session to go on with although a new one was needed. The caller has the present one already.
    fn fallback(&self, stored: Stored, need: &Need, gate: &Gate, clock: &impl Clock) -> Option<Session> {
        let usable = self.usable(&stored, gate, clock).is_some();
        let session = stored.into_session().filter(|_| usable)?;
        match need {
            Need::Valid => Some(session),
            Need::Newer(present) | Need::Refresh(present) => {
                Some(session).filter(|session| session.supersedes(present))
            }
            Need::Registered => None,
        }
    }

    /// Loads what is stored, and notes there which token was refused.
    async fn look(&self, handle: &StoreHandle, gate: &Gate, clock: &impl Clock) -> Result<Stored, Error> {
        let stored = self.load_stored(handle, clock).await?;
        gate.unreadable(stored.unreadable.as_deref());
        let now = clock.now();
        match stored.known.as_ref().map(|known| &known.newest) {
            Some(Newest::Refused(refusal)) => gate.refused_elsewhere(*refusal, now),
            Some(Newest::Session(session)) if gate.saw_refused(session) => {
                return self.publish_refusal(handle, stored, gate, clock).await;
            }
            Some(Newest::Session(session)) => gate.saw(session),
            _ => {}
        }
        Ok(stored)
    }

    async fn load_stored(&self, handle: &StoreHandle, clock: &impl Clock) -> Result<Stored, Error> {
        let stored = stored::load(handle, clock).await?;
        if let Some(reason) = &stored.unreadable {
            let key = &handle.key;
            self.faults.record(Error::store(format!("the stored session {key} is not used: {reason}")));
        }
        Ok(stored)
    }

    /// Stores a session for the others, in place of `old` or of an older one. If that fails, this process uses it all the
    /// same.
    async fn publish(
        &self,
        handle: &StoreHandle,
        session: &Session,
        mut old: Option<StoredRecord>,
        clock: &impl Clock,
    ) {
        for _ in 0..2 {
            let known = Known { newest: Newest::Session(session.clone()), failure: None };
            match stored::replace(handle, old, &known, clock).await {
                Ok(false) => {}
                Ok(true) => return,
                Err(fault) => return self.faults.record(fault),
            }
            // Another process was faster, or this one was asleep.
            let stored = match self.load_stored(handle, clock).await {
                Ok(stored) => stored,
                Err(fault) => return self.faults.record(fault),
            };
            let newest = stored.known.as_ref().and_then(|known| known.newest.order());
            if newest.is_some_and(|newest| newest >= session.order()) {
                return;
            }
            old = stored.raw;
        }
    }

    /// Stores that a token was refused, so that no process begins to use it.
    async fn publish_refusal(
        &self,
        handle: &StoreHandle,
        stored: Stored,
        gate: &Gate,
        clock: &impl Clock,
    ) -> Result<Stored, Error> {
        let (Some(session), now) = (stored.session(), clock.now()) else { return Ok(stored) };
        let newest = Newest::Refused(Refusal::of(session, gate.replaced_worked(), now));
        let failure = stored.known.as_ref().and_then(|known| known.failure.clone());
        let known = Known { newest, failure: failure.and_then(|failure| failure.after_refusal(now)) };
        stored::replace(handle, stored.raw, &known, clock).await?;
        self.load_stored(handle, clock).await
    }

    /// Stores that a registration failed, so that the others need not try.
    async fn publish_failure(
        &self,
        handle: &StoreHandle,
        stored: Stored,
        gate: &Gate,
        clock: &impl Clock,
    ) -> Stored {
        let Stored { raw, known, unreadable } = stored;
        let now = clock.now();
        let failure = gate.failure().filter(|failure| !now.has_reached(failure.until));
        if failure.is_none() || unreadable.is_some() {
            return Stored { raw, known, unreadable };
        }
        let known = Known { newest: known.map_or(Newest::Nothing, |known| known.newest), failure };
        if let Err(fault) = stored::replace(handle, raw, &known, clock).await {
            self.faults.record(fault);
        }
        Stored { raw: None, known: Some(known), unreadable: None }
    }

    /// A lease lasts as long as all that its holder may do.
    fn lease_limit(&self) -> Duration {
        self.registrar.max_duration().saturating_add(operation::LIMIT * UNDER_LEASE + LEASE_MARGIN)
    }
}

impl<R: Register> Source for SharedSource<R> {
    fn is_shared(&self) -> bool {
        self.handle.is_some()
    }

    async fn load(&self, need: &Need, gate: &Gate, clock: &impl Clock) -> Result<Option<Session>, Error> {
        match &self.handle {
            Some(handle) => self.with_store(handle, need, gate, clock).await,
            None => self.registrar.load(need, gate, clock).await,
        }
    }

    /// There may be another process's registration to wait for, and store operations before, between and after.
    fn max_duration(&self) -> Duration {
        let own = self.registrar.max_duration();
        match &self.handle {
            Some(_) => {
                let operations = operation::LIMIT * (UNDER_LEASE * 4);
                own.saturating_mul(2).saturating_add(LEASE_MARGIN + GRACE + SETTLE + operations)
            }
            None => own,
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod fleet;
