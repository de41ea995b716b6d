//! The session cache: one session, shared by all callers and refreshed before it expires.
//!
//! A fresh session is returned for the cost of reading it. When it is stale, a call starts a refresh in the background
//! and returns the cached session; when it has expired, callers wait for one registration, which runs in a task of its
//! own. Between calls there is no timer and no task, so dropping the last client leaves nothing to stop but a
//! registration in flight.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::AccessToken;
use crate::error::Error;
use crate::session::clock::{Clock, Moment};
use crate::session::single_flight::{Freshness, LoadError, Loader, SingleFlight};
use crate::session::{Session, runtime};

/// A token counts as expired this long before its end, or a tenth of its lifetime if that is less.
const BUFFER_TIME: Duration = Duration::from_secs(30);

/// A session is refreshed when this fraction of its lifetime is over, less the jitter.
const REFRESH_AT: f64 = 0.80;

/// The largest jitter, as a fraction of the lifetime. It keeps a fleet from refreshing in step.
const JITTER: f64 = 0.05;

impl Session {
    /// When the session is refreshed at the latest, by the service's clock: when 80 % of its lifetime is over.
    pub fn refresh_due(&self) -> DateTime<Utc> {
        let due = self.lifetime().num_milliseconds() as f64 * REFRESH_AT;
        self.issued_at() + TimeDelta::milliseconds(due as i64)
    }

    /// How long the session can still be returned to callers.
    fn remaining(&self, now: Moment) -> Duration {
        let margin = BUFFER_TIME.min(self.ttl() / 10);
        self.ttl().saturating_sub(margin).saturating_sub(self.age(now))
    }

    /// Whether the session can still be returned to callers.
    #[cfg(feature = "store")]
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        !self.remaining(now).is_zero()
    }

    /// Whether no process would refresh the session yet.
    #[cfg(feature = "store")]
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.age(now) < self.ttl().mul_f64(REFRESH_AT - JITTER)
    }
}

/// The wait after the first failed refresh. It doubles with each further one.
const BACKOFF_START: Duration = Duration::from_secs(30);

/// The longest wait between refreshes.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);

/// The shortest wait, however near the expiry is.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// A source of new sessions.
pub(crate) trait Register: Send + Sync + 'static {
    /// Registers once, retries included.
    fn register(&self) -> impl Future<Output = Result<Session, Error>> + Send;

    /// The longest that [`register`](Self::register) can take.
    fn max_duration(&self) -> Duration;
}

type LoadResult = Result<Arc<Session>, Error>;

/// Caches a session and keeps it valid.
#[derive(Debug)]
pub(crate) struct SessionCache<R: Register, C: Clock>(SingleFlight<SessionLoader<R, C>>);

/// Loads sessions for the single flight.
struct SessionLoader<R, C> {
    register: Arc<R>,
    clock: C,
}

/// A cached session and its schedule.
#[derive(Debug)]
struct CacheEntry {
    session: Arc<Session>,
    /// From here on it is not returned any more.
    expires: Moment,
    /// From here on a call starts a refresh; never later than `expires`.
    refresh_at: Moment,
    /// Refreshes that failed in a row.
    failures: u32,
}

impl<R: Register, C: Clock> SessionCache<R, C> {
    pub(crate) fn new(register: Arc<R>, clock: C) -> Self {
        Self(SingleFlight::new(SessionLoader { register, clock }))
    }

    /// The cached session, or that of a registration if it has expired.
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

    /// Removes the cached session if it has this token.
    pub(crate) fn invalidate(&self, token: &AccessToken) {
        self.0.invalidate(|cached| cached.session.access_token() == token);
    }

    /// Reads the cached session if it is fresh.
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

    /// Caches a new session, or backs off after a failed refresh.
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
            tracing::warn!(%error, ?pause, "refreshing the session failed; the cached one is still valid");
        }
    }
}

impl CacheEntry {
    fn new(session: Arc<Session>, now: Moment) -> Self {
        let (life, age) = (session.ttl(), session.age(now));
        let expires = now.after(session.remaining(now));
        let due = life.mul_f64(REFRESH_AT - JITTER * fastrand::f64());
        let cached = Self { session, expires, refresh_at: now.after(due.saturating_sub(age)), failures: 0 };
        // It came from a store and is already due: another process is refreshing it, or failed to.
        if age >= due { cached.back_off(now) } else { cached }
    }

    /// The same session after a refresh that failed at `now`.
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
