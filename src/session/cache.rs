//! The living session: cached, shared, and renewed before it ends.
//!
//! Whoever asks gets the cached session for the price of reading it. Only when it is due does a call look
//! further: while the token still works, it starts a renewal in the background and returns the present
//! session; without a working token it waits for a registration. There is one registration at a time, in a
//! task of its own, so that everyone who waits gets its result and nobody who gives up disturbs it. Nothing
//! runs between calls: no timer, no task, so there is nothing to stop when the last client is dropped but a
//! registration that may be under way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::config::AccessToken;
use crate::error::Error;
use crate::session::clock::{Clock, Moment};
use crate::session::single_flight::{Freshness, LoadError, Loader, SingleFlight};
use crate::session::{Session, runtime};

/// A token counts as expired so long before its end, but no longer than a tenth of its life.
const BUFFER_TIME: Duration = Duration::from_secs(30);

/// A renewal is due when this part of a token's life is over, less the jitter.
const REFRESH_AT: f64 = 0.80;

/// At most this part of a token's life is taken off, at random, so that a fleet does not renew in step.
const JITTER: f64 = 0.05;

impl Session {
    /// How long it can still be given out.
    fn remaining(&self, now: Moment) -> Duration {
        let margin = BUFFER_TIME.min(self.ttl() / 10);
        self.ttl().saturating_sub(margin).saturating_sub(self.age(now))
    }

    /// Whether it can be given out at all.
    #[cfg(feature = "store")]
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        !self.remaining(now).is_zero()
    }

    /// Whether it is too young for anybody to renew it.
    #[cfg(feature = "store")]
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.age(now) < self.ttl().mul_f64(REFRESH_AT - JITTER)
    }
}

/// After a failed renewal the next one waits so long, and twice as long after each further one.
const BACKOFF_START: Duration = Duration::from_secs(30);

/// The longest such wait.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);

/// The shortest one, however near the end is.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// What makes a new session.
pub(crate) trait Register: Send + Sync + 'static {
    /// Registers once, however many tries that takes.
    fn register(&self) -> impl Future<Output = Result<Session, Error>> + Send;

    /// The longest that [`register`](Self::register) can take.
    fn max_duration(&self) -> Duration;
}

type LoadResult = Result<Arc<Session>, Error>;

/// A session that stays valid.
#[derive(Debug)]
pub(crate) struct SessionCache<R: Register, C: Clock>(SingleFlight<SessionLoader<R, C>>);

/// What the flights are for.
struct SessionLoader<R, C> {
    register: Arc<R>,
    clock: C,
}

/// A session, and what is to be done about it when.
#[derive(Debug)]
struct CacheEntry {
    session: Arc<Session>,
    /// From here on it is not given out any more.
    expires: Moment,
    /// From here on a call looks further; never later than `expires`.
    refresh_at: Moment,
    /// Renewals that failed since.
    failures: u32,
}

impl<R: Register, C: Clock> SessionCache<R, C> {
    pub(crate) fn new(register: Arc<R>, clock: C) -> Self {
        Self(SingleFlight::new(SessionLoader { register, clock }))
    }

    /// A session whose token works: the cached one, or that of a registration.
    pub(crate) async fn session(&self) -> LoadResult {
        match self.fresh(|cached| Arc::clone(&cached.session)) {
            Some(session) => Ok(session),
            None => self.refresh_or_wait().await,
        }
    }

    /// The token of [`session`](Self::session).
    pub(crate) async fn access_token(&self) -> Result<AccessToken, Error> {
        match self.fresh(|cached| cached.session.access_token().clone()) {
            Some(token) => Ok(token),
            None => Ok(self.refresh_or_wait().await?.access_token().clone()),
        }
    }

    /// Forgets the cached session if its token is `token`.
    pub(crate) fn invalidate(&self, token: &AccessToken) {
        self.0.invalidate(|cached| cached.session.access_token() == token);
    }

    /// Takes of the cached session what is wanted, unless there is something to be done about it.
    fn fresh<T>(&self, take: impl FnOnce(&CacheEntry) -> T) -> Option<T> {
        self.0.peek(|registration, cached| {
            (!registration.clock.now().has_reached(cached.refresh_at)).then(|| take(cached))
        })
    }

    async fn refresh_or_wait(&self) -> LoadResult {
        match runtime::with_drivers(self.0.get()).await? {
            Ok(outcome) => outcome,
            Err(LoadError::NoRuntime) => {
                runtime::check()?;
                Err(Error::registration_lost())
            }
            Err(LoadError::TimedOut) => Err(Error::timeout(self.0.loader().register.max_duration())),
            Err(LoadError::LeaderDropped) => Err(Error::registration_lost()),
        }
    }
}

impl<R: Register, C: Clock> Loader for SessionLoader<R, C> {
    type Entry = CacheEntry;
    type Output = LoadResult;

    async fn load(&self) -> LoadResult {
        runtime::in_task(self.register.register()).await?.map(Arc::new)
    }

    fn max_duration(&self) -> Duration {
        self.register.max_duration().saturating_add(Duration::from_secs(1))
    }

    fn freshness(&self, cached: &CacheEntry) -> Freshness<LoadResult> {
        let now = self.clock.now();
        let session = || Ok(Arc::clone(&cached.session));
        match (now.has_reached(cached.refresh_at), now.has_reached(cached.expires)) {
            (_, true) => Freshness::Expired,
            (true, false) => Freshness::Stale(session()),
            (false, false) => Freshness::Fresh(session()),
        }
    }

    /// Keeps a new session, or puts off the next renewal.
    fn complete(&self, outcome: &LoadResult, cached: Option<&CacheEntry>) -> Option<CacheEntry> {
        let now = self.clock.now();
        match outcome {
            Ok(session) => Some(CacheEntry::new(Arc::clone(session), now)),
            Err(_) => Some(cached.filter(|cached| !now.has_reached(cached.expires))?.back_off(now)),
        }
    }

    fn on_complete(&self, outcome: &LoadResult, cached: &CacheEntry) {
        if let Err(error) = outcome {
            let pause = self.clock.now().until(cached.refresh_at);
            tracing::warn!(%error, ?pause, "the renewal of a session failed; the present one goes on");
        }
    }
}

impl CacheEntry {
    fn new(session: Arc<Session>, now: Moment) -> Self {
        let (life, age) = (session.ttl(), session.age(now));
        let expires = now.after(session.remaining(now));
        let due = life.mul_f64(REFRESH_AT - JITTER * fastrand::f64());
        let cached = Self { session, expires, refresh_at: now.after(due.saturating_sub(age)), failures: 0 };
        // Another process has it in hand, or could not renew it.
        if age >= due { cached.back_off(now) } else { cached }
    }

    /// The same session after a renewal that failed at `now`.
    fn back_off(&self, now: Moment) -> Self {
        let left = now.until(self.expires);
        let doubled = BACKOFF_START.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACKOFF_MAX);
        let jittered = doubled.mul_f64(1.0 - fastrand::f64() / 2.0);
        let pause = jittered.min(left / 4).max(BACKOFF_MIN).min(left);
        Self {
            session: Arc::clone(&self.session),
            expires: self.expires,
            refresh_at: now.after(pause),
            failures: self.failures.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod simulation;
