//! The session cache: one session, shared by all callers and refreshed before it expires.
//!
//! A fresh session is returned for the cost of reading it. When it is stale, a call starts a refresh in the background
//! and returns the cached session; when it has expired, callers wait for one registration, which runs in a task of its
//! own. After a failure, calls fail at once until the [`Gate`] lets the next registration through. Between calls there is
//! no timer and no task, so dropping the last client leaves nothing to stop but a registration in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::AccessToken;
use crate::error::{Error, Limit};
use crate::session::clock::{Clock, Moment};
use crate::session::gate::{Gate, Refusal};
use crate::session::single_flight::{Completion, Freshness, LoadError, Loader, SingleFlight};
use crate::session::source::{Need, Source};
use crate::session::{Session, runtime};

/// A token counts as expired this long before its end, or a tenth of its lifetime if that is less.
const BUFFER_TIME: Duration = Duration::from_secs(30);

/// A session is refreshed when this fraction of its lifetime is over, less the jitter.
const REFRESH_AT: f64 = 0.80;

/// The largest jitter, as a fraction of the lifetime. It keeps a fleet from refreshing in step.
const JITTER: f64 = 0.05;

/// Until this fraction of its lifetime, a refresh waits for a store that is down.
#[cfg(feature = "store")]
const ENDING_AT: f64 = 0.95;

impl Session {
    /// When the session is refreshed at the latest, by the service's clock: when 80 % of its lifetime is over.
    pub fn refresh_due(&self) -> DateTime<Utc> {
        self.issued_at() + self.lifetime().mul_f64(REFRESH_AT)
    }

    /// How long the session can still be returned to callers.
    pub(crate) fn remaining(&self, now: Moment) -> Duration {
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

    /// Whether the session is so near its end that it is refreshed even without the store.
    #[cfg(feature = "store")]
    pub(crate) fn is_ending(&self, now: Moment) -> bool {
        self.age(now) >= self.ttl().mul_f64(ENDING_AT) || !self.is_usable(now)
    }
}

/// The wait after the first failed refresh. It doubles with each further one.
const BACKOFF_START: Duration = Duration::from_secs(30);

/// The longest wait between refreshes.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);

/// The shortest wait, however near the expiry is.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// How often a shared session is compared with the store, or ten times in the life of a short one.
const CHECK: Duration = Duration::from_secs(60);

/// Without a session, the store is read this often at most.
const POLL: Duration = Duration::from_secs(2);

type LoadResult = Result<Arc<Session>, Error>;

/// Caches a session and keeps it valid.
#[derive(Debug)]
pub(crate) struct SessionCache<S: Source, C: Clock>(SingleFlight<SessionLoader<S, C>>);

/// Loads sessions for the single flight.
struct SessionLoader<S, C> {
    source: Arc<S>,
    gate: Gate,
    clock: C,
    /// Sessions that replaced one that was due.
    refreshes: AtomicU64,
    /// Tokens that were refused.
    refused: AtomicU64,
}

#[derive(Debug)]
enum CacheEntry {
    Session(CachedSession),
    /// There is no session, and until then calls fail.
    Failed {
        error: Error,
        until: Moment,
    },
}

/// A cached session and its schedule.
#[derive(Debug)]
struct CachedSession {
    session: Arc<Session>,
    /// From here on it is not returned any more.
    expires: Moment,
    /// From here on a call registers.
    due: Moment,
    /// From here on a call starts a load; never later than `due`, unless refreshes failed, nor than `expires`.
    load_at: Moment,
    /// Refreshes that failed in a row.
    failures: u32,
    /// Whether the service accepted the token.
    worked: AtomicBool,
}

impl<S: Source, C: Clock> SessionCache<S, C> {
    pub(crate) fn new(source: Arc<S>, device_id: &str, clock: C) -> Self {
        let (gate, refreshes, refused) = (Gate::new(device_id), AtomicU64::new(0), AtomicU64::new(0));
        Self(SingleFlight::new(SessionLoader { source, gate, clock, refreshes, refused }))
    }

    /// The cached session, or that of a registration if it has expired.
    pub(crate) async fn session(&self) -> LoadResult {
        match self.fresh(|cached| Arc::clone(&cached.session)) {
            Some(session) => Ok(session),
            None => self.outcome(runtime::with_drivers(self.0.get()).await?),
        }
    }

    /// The token of [`session`](Self::session).
    pub(crate) async fn access_token(&self) -> Result<AccessToken, Error> {
        match self.fresh(|cached| cached.session.access_token().clone()) {
            Some(token) => Ok(token),
            None => Ok(self.session().await?.access_token().clone()),
        }
    }

    /// Registers, and caches the new session.
    pub(crate) async fn refresh(&self) -> LoadResult {
        self.outcome(runtime::with_drivers(self.0.refresh()).await?)
    }

    /// Removes the cached session if it has this token, since the service refused it.
    pub(crate) fn invalidate(&self, token: &AccessToken) {
        let SessionLoader { gate, clock, refused, .. } = self.0.loader();
        self.0.invalidate(|cached| match cached {
            CacheEntry::Session(cached) if cached.session.access_token() == token => {
                let now = clock.now();
                let refusal = Refusal::of(&cached.session, cached.worked.load(Ordering::Relaxed), now);
                gate.refuse(token, refusal, now);
                refused.fetch_add(1, Ordering::Relaxed);
                true
            }
            _ => false,
        });
    }

    /// The sessions that replaced one that was due, and the tokens that were refused.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let SessionLoader { refreshes, refused, .. } = self.0.loader();
        (refreshes.load(Ordering::Relaxed), refused.load(Ordering::Relaxed))
    }

    /// Notes that the service accepted this token.
    pub(crate) fn accepted(&self, token: &AccessToken) {
        self.0.peek(|_, cached| {
            if let CacheEntry::Session(cached) = cached
                && !cached.worked.load(Ordering::Relaxed)
                && cached.session.access_token() == token
            {
                cached.worked.store(true, Ordering::Relaxed);
            }
            None::<()>
        });
    }

    /// The token of the cached session, if there is one.
    #[cfg(feature = "read-cache")]
    pub(crate) fn cached_token(&self) -> Option<AccessToken> {
        self.0.peek(|_, cached| match cached {
            CacheEntry::Session(cached) => Some(cached.session.access_token().clone()),
            CacheEntry::Failed { .. } => None,
        })
    }

    /// The error for a refused token that can't be replaced yet.
    pub(crate) fn refused_again(&self, is_repeat: bool) -> Option<Error> {
        let SessionLoader { gate, clock, .. } = self.0.loader();
        gate.refused_again(is_repeat, clock.now())
    }

    /// Reads the cached session if it is fresh.
    fn fresh<T>(&self, take: impl FnOnce(&CachedSession) -> T) -> Option<T> {
        self.0.peek(|loader, cached| match cached {
            CacheEntry::Session(cached) if !loader.clock.now().has_reached(cached.load_at) => {
                Some(take(cached))
            }
            _ => None,
        })
    }

    fn outcome(&self, loaded: Result<LoadResult, LoadError>) -> LoadResult {
        match loaded {
            Ok(outcome) => outcome,
            Err(LoadError::NoRuntime) => {
                runtime::check()?;
                Err(Error::registration_lost())
            }
            Err(LoadError::TimedOut) => {
                Err(Error::timeout(Limit::Session(self.0.loader().source.max_duration())))
            }
            Err(LoadError::LeaderDropped) => Err(Error::registration_lost()),
        }
    }
}

impl<S: Source, C: Clock> Loader for SessionLoader<S, C> {
    type Entry = CacheEntry;
    type Output = LoadResult;

    async fn load(&self, kept: Option<Arc<CacheEntry>>, refresh: bool) -> LoadResult {
        let now = self.clock.now();
        let need = match kept.as_deref() {
            _ if refresh => Need::Registered,
            Some(CacheEntry::Session(cached)) if !now.has_reached(cached.expires) => {
                let session = Arc::clone(&cached.session);
                if now.has_reached(cached.due) { Need::Refresh(session) } else { Need::Newer(session) }
            }
            _ => Need::Valid,
        };
        let loaded = runtime::in_task(self.source.load(&need, &self.gate, &self.clock)).await?;
        match (loaded?, need) {
            (Some(session), need) => {
                if matches!(need, Need::Refresh(_)) {
                    self.refreshes.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(Arc::new(session));
            }
            (None, Need::Newer(session) | Need::Refresh(session))
                if !session.remaining(self.clock.now()).is_zero() && !self.gate.is_refused(&session) =>
            {
                return Ok(session);
            }
            (None, _) => {}
        }
        // The session has ended in the meantime.
        let loaded = runtime::in_task(self.source.load(&Need::Valid, &self.gate, &self.clock)).await?;
        loaded?.map(Arc::new).ok_or_else(Error::registration_lost)
    }

    fn max_duration(&self) -> Duration {
        self.source.max_duration().saturating_add(Duration::from_secs(1))
    }

    fn freshness(&self, cached: &CacheEntry) -> Freshness<LoadResult> {
        let now = self.clock.now();
        match cached {
            CacheEntry::Session(cached) => {
                let session = || Ok(Arc::clone(&cached.session));
                match (now.has_reached(cached.load_at), now.has_reached(cached.expires)) {
                    (_, true) => Freshness::Expired,
                    (true, false) => Freshness::Stale(session()),
                    (false, false) => Freshness::Fresh(session()),
                }
            }
            CacheEntry::Failed { until, .. } if now.has_reached(*until) => Freshness::Expired,
            CacheEntry::Failed { error, until } => {
                // With a store, the next load may come sooner than the next registration.
                let wait = match self.gate.closed(now) {
                    Some(closed) => closed.retry_after().unwrap_or_default(),
                    None => now.until(*until),
                };
                Freshness::Fresh(Err(error.clone().retry_in(wait)))
            }
        }
    }

    /// Caches a new session, or backs off after a failed refresh.
    fn complete(&self, outcome: &LoadResult, kept: Option<&CacheEntry>) -> Completion<CacheEntry> {
        let now = self.clock.now();
        let valid = match kept {
            Some(CacheEntry::Session(cached)) if !now.has_reached(cached.expires) => Some(cached),
            _ => None,
        };
        let entry = match (outcome, valid) {
            (Ok(session), _) if self.gate.is_refused(session) => return Completion::Discard,
            (Ok(session), Some(cached)) if cached.session.access_token() == session.access_token() => {
                if now.has_reached(cached.due) {
                    // Another process is refreshing it, or failed to.
                    cached.back_off(self.gate.closed(now), now)
                } else {
                    cached.checked(now)
                }
            }
            (Ok(session), _) => CachedSession::new(Arc::clone(session), self.source.is_shared(), now),
            // Another process may have a newer session before this one may register.
            (Err(_), Some(cached)) if self.source.is_shared() && !now.has_reached(cached.due) => {
                cached.checked(now)
            }
            (Err(_), Some(cached)) => cached.back_off(self.gate.closed(now), now),
            (Err(error), None) if error.is_local() => return Completion::Keep,
            (Err(error), None) => {
                let pause = match self.gate.closed(now) {
                    Some(closed) => closed.retry_after().unwrap_or_default(),
                    None => POLL,
                };
                let pause = match self.source.is_shared() {
                    true => pause.min(POLL).mul_f64(1.0 - fastrand::f64() / 2.0),
                    false => pause,
                };
                return Completion::Replace(CacheEntry::Failed {
                    error: error.clone(),
                    until: now.after(pause),
                });
            }
        };
        Completion::Replace(CacheEntry::Session(entry))
    }

    fn on_complete(&self, outcome: &LoadResult, cached: &CacheEntry) {
        let now = self.clock.now();
        if let (Err(error), CacheEntry::Session(cached)) = (outcome, cached)
            && now.has_reached(cached.due)
        {
            let pause = now.until(cached.load_at);
            tracing::warn!(%error, ?pause, "refreshing the session failed; the cached one is still valid");
        }
    }
}

impl CachedSession {
    fn new(session: Arc<Session>, is_shared: bool, now: Moment) -> Self {
        let (ttl, age) = (session.ttl(), session.age(now));
        let expires = now.after(session.remaining(now));
        let due = ttl.mul_f64(REFRESH_AT - JITTER * fastrand::f64());
        let due_at = now.after(due.saturating_sub(age));
        let worked = AtomicBool::new(false);
        let cached = Self { session, expires, due: due_at, load_at: due_at, failures: 0, worked };
        match age >= due {
            // It came from a store and is already due: another process is refreshing it, or failed to.
            true => cached.back_off(None, now),
            false if is_shared => cached.checked(now),
            false => cached,
        }
    }

    /// The same session after a comparison with the store.
    fn checked(&self, now: Moment) -> Self {
        let pause = CHECK.min(self.session.ttl() / 10).mul_f64(1.0 - fastrand::f64() / 2.0);
        let check = now.after(pause);
        let load_at = if self.due.has_reached(check) { check } else { self.due };
        Self { load_at, failures: 0, ..self.copy() }
    }

    /// The same session after a refresh that failed at `now`. `closed` says how long the gate stays closed.
    fn back_off(&self, closed: Option<Error>, now: Moment) -> Self {
        let left = now.until(self.expires);
        let doubled = BACKOFF_START.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACKOFF_MAX);
        let jittered = doubled.mul_f64(1.0 - fastrand::f64() / 2.0).min(left / 4).max(BACKOFF_MIN);
        let closed = closed.and_then(|error| error.retry_after());
        let pause = closed.unwrap_or(jittered).min(left);
        Self { load_at: now.after(pause), failures: self.failures.saturating_add(1), ..self.copy() }
    }

    fn copy(&self) -> Self {
        Self {
            session: Arc::clone(&self.session),
            worked: AtomicBool::new(self.worked.load(Ordering::Relaxed)),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod simulation;
