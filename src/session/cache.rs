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
use crate::session::single_flight::{Errand, SingleFlight, Stranded, Worth};
use crate::session::{Session, runtime};

/// A token counts as expired so long before its end, but no longer than a tenth of its life.
const MARGIN: Duration = Duration::from_secs(30);

/// A renewal is due when this part of a token's life is over, less the jitter.
const RENEWAL: f64 = 0.80;

/// At most this part of a token's life is taken off, at random, so that a fleet does not renew in step.
const JITTER: f64 = 0.05;

impl Session {
    /// How long it can still be given out.
    fn good_for(&self, now: Moment) -> Duration {
        let margin = MARGIN.min(self.life() / 10);
        self.life().saturating_sub(margin).saturating_sub(self.age(now))
    }

    /// Whether it can be given out at all.
    #[cfg(feature = "store")]
    pub(crate) fn is_good(&self, now: Moment) -> bool {
        !self.good_for(now).is_zero()
    }

    /// Whether it is too young for anybody to renew it.
    #[cfg(feature = "store")]
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.age(now) < self.life().mul_f64(RENEWAL - JITTER)
    }
}

/// After a failed renewal the next one waits so long, and twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The longest such wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The shortest one, however near the end is.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What makes a new session.
pub(crate) trait Register: Send + Sync + 'static {
    /// Registers once, however many tries that takes.
    fn register(&self) -> impl Future<Output = Result<Session, Error>> + Send;

    /// The longest that [`register`](Self::register) can take.
    fn longest(&self) -> Duration;
}

type Outcome = Result<Arc<Session>, Error>;

/// A session that stays valid.
#[derive(Debug)]
pub(crate) struct Renewal<R: Register, C: Clock>(SingleFlight<Registration<R, C>>);

/// What the flights are for.
struct Registration<R, C> {
    register: Arc<R>,
    clock: C,
}

/// A session, and what is to be done about it when.
#[derive(Debug)]
struct Cached {
    session: Arc<Session>,
    /// From here on it is not given out any more.
    expires: Moment,
    /// From here on a call looks further; never later than `expires`.
    due: Moment,
    /// Renewals that failed since.
    failures: u32,
}

impl<R: Register, C: Clock> Renewal<R, C> {
    pub(crate) fn new(register: Arc<R>, clock: C) -> Self {
        Self(SingleFlight::new(Registration { register, clock }))
    }

    /// A session whose token works: the cached one, or that of a registration.
    pub(crate) async fn session(&self) -> Outcome {
        match self.fresh(|cached| Arc::clone(&cached.session)) {
            Some(session) => Ok(session),
            None => self.look_further().await,
        }
    }

    /// The token of [`session`](Self::session).
    pub(crate) async fn access_token(&self) -> Result<AccessToken, Error> {
        match self.fresh(|cached| cached.session.access_token().clone()) {
            Some(token) => Ok(token),
            None => Ok(self.look_further().await?.access_token().clone()),
        }
    }

    /// Forgets the cached session if its token is `token`.
    pub(crate) fn invalidate(&self, token: &AccessToken) {
        self.0.forget(|cached| cached.session.access_token() == token);
    }

    /// Takes of the cached session what is wanted, unless there is something to be done about it.
    fn fresh<T>(&self, take: impl FnOnce(&Cached) -> T) -> Option<T> {
        self.0.peek(|registration, cached| {
            (!registration.clock.now().has_reached(cached.due)).then(|| take(cached))
        })
    }

    async fn look_further(&self) -> Outcome {
        match runtime::with_drivers(self.0.get()).await? {
            Ok(outcome) => outcome,
            Err(Stranded::NoRuntime) => {
                runtime::check()?;
                Err(Error::registration_lost())
            }
            Err(Stranded::TooLong) => Err(Error::timeout(self.0.errand().register.longest())),
            Err(Stranded::Lost) => Err(Error::registration_lost()),
        }
    }
}

impl<R: Register, C: Clock> Errand for Registration<R, C> {
    type Kept = Cached;
    type Outcome = Outcome;

    async fn run(&self) -> Outcome {
        runtime::in_task(self.register.register()).await?.map(Arc::new)
    }

    fn longest(&self) -> Duration {
        self.register.longest().saturating_add(Duration::from_secs(1))
    }

    fn worth(&self, cached: &Cached) -> Worth<Outcome> {
        let now = self.clock.now();
        let session = || Ok(Arc::clone(&cached.session));
        match (now.has_reached(cached.due), now.has_reached(cached.expires)) {
            (_, true) => Worth::Nothing,
            (true, false) => Worth::Aging(session()),
            (false, false) => Worth::Good(session()),
        }
    }

    /// Keeps a new session, or puts off the next renewal.
    fn land(&self, outcome: &Outcome, cached: Option<&Cached>) -> Option<Cached> {
        let now = self.clock.now();
        match outcome {
            Ok(session) => Some(Cached::new(Arc::clone(session), now)),
            Err(_) => Some(cached.filter(|cached| !now.has_reached(cached.expires))?.put_off(now)),
        }
    }

    fn landed(&self, outcome: &Outcome, cached: &Cached) {
        if let Err(error) = outcome {
            let pause = self.clock.now().until(cached.due);
            tracing::warn!(%error, ?pause, "the renewal of a session failed; the present one goes on");
        }
    }
}

impl Cached {
    fn new(session: Arc<Session>, now: Moment) -> Self {
        let (life, age) = (session.life(), session.age(now));
        let expires = now.after(session.good_for(now));
        let due = life.mul_f64(RENEWAL - JITTER * fastrand::f64());
        let cached = Self { session, expires, due: now.after(due.saturating_sub(age)), failures: 0 };
        // Another process has it in hand, or could not renew it.
        if age >= due { cached.put_off(now) } else { cached }
    }

    /// The same session after a renewal that failed at `now`.
    fn put_off(&self, now: Moment) -> Self {
        let left = now.until(self.expires);
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST_PAUSE);
        let jittered = doubled.mul_f64(1.0 - fastrand::f64() / 2.0);
        let pause = jittered.min(left / 4).max(SHORTEST_PAUSE).min(left);
        Self {
            session: Arc::clone(&self.session),
            expires: self.expires,
            due: now.after(pause),
            failures: self.failures.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod simulation;
