//! The living session: cached, shared, and renewed before it ends.
//!
//! Whoever asks gets the cached session for the price of reading it. Only when it is due does a call look
//! further: while the token still works, it starts a renewal in the background and returns the present
//! session; without a working token it waits for a registration. There is one registration at a time, in a
//! task of its own, so that everyone who waits gets its result and nobody who gives up disturbs it. Nothing
//! runs between calls: no timer, no task, so there is nothing to stop when the last client is dropped but a
//! registration that may be under way.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::clock::{Clock, Moment};
use crate::{AccessToken, Error, Session};

/// A token counts as expired so long before its end, but no longer than a tenth of its life.
const MARGIN: Duration = Duration::from_secs(30);

/// A renewal is due when this part of a token's life is over, less the jitter.
const RENEWAL: f64 = 0.80;

/// At most this part of a token's life is taken off, at random, so that a fleet does not renew in step.
const JITTER: f64 = 0.05;

impl Session {
    /// How long it can still be given out, from when this process got it.
    fn good_for(&self) -> Duration {
        let margin = MARGIN.min(self.life() / 10);
        self.life().saturating_sub(margin).saturating_sub(self.age())
    }

    /// Whether it can be given out at all.
    #[cfg(feature = "store")]
    pub(crate) fn is_good(&self) -> bool {
        !self.good_for().is_zero()
    }

    /// Whether it is too young for anybody to renew it.
    #[cfg(feature = "store")]
    pub(crate) fn is_fresh(&self) -> bool {
        self.age() < self.life().mul_f64(RENEWAL - JITTER)
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
pub(crate) struct Renewal<R, C: Clock> {
    register: Arc<R>,
    shared: Arc<Shared<C>>,
}

#[derive(Debug)]
struct Shared<C> {
    clock: C,
    cached: ArcSwapOption<Cached>,
    flight: Mutex<Option<Flight>>,
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

/// A registration under way.
#[derive(Debug)]
struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
    task: AbortHandle,
}

impl<R: Register, C: Clock> Renewal<R, C> {
    pub(crate) fn new(register: Arc<R>, clock: C) -> Self {
        let shared = Shared { clock, cached: ArcSwapOption::empty(), flight: Mutex::new(None) };
        Self { register, shared: Arc::new(shared) }
    }

    /// A session whose token works: the cached one, or that of a registration.
    pub(crate) async fn session(&self) -> Outcome {
        match self.fresh(Arc::clone) {
            Some(session) => Ok(session),
            None => self.look_further().await,
        }
    }

    /// The token of [`session`](Self::session).
    pub(crate) async fn access_token(&self) -> Result<AccessToken, Error> {
        match self.fresh(|session| session.access_token().clone()) {
            Some(token) => Ok(token),
            None => Ok(self.look_further().await?.access_token().clone()),
        }
    }

    /// Forgets the cached session if its token is `token`.
    pub(crate) fn invalidate(&self, token: &AccessToken) {
        let cached = self.shared.cached.load();
        if cached.as_ref().is_some_and(|cached| cached.session.access_token() == token) {
            // If another one took its place meanwhile, that one stays.
            self.shared.cached.compare_and_swap(&cached, None);
        }
    }

    /// Takes of the cached session what is wanted, unless there is something to be done about it.
    fn fresh<T>(&self, take: impl FnOnce(&Arc<Session>) -> T) -> Option<T> {
        let cached = self.shared.cached.load();
        let cached = cached.as_ref()?;
        (!self.shared.clock.now().has_reached(cached.due)).then(|| take(&cached.session))
    }

    async fn look_further(&self) -> Outcome {
        // One more round than it takes for a registration that was lost with its runtime to be replaced.
        for _ in 0..2 {
            let mut outcome = match self.board()? {
                Boarded::Cached(session) => return Ok(session),
                Boarded::Waits(outcome) => outcome,
            };
            let longest = self.register.longest().saturating_add(Duration::from_secs(1));
            let landed = timeout(longest, outcome.wait_for(Option::is_some)).await;
            if let Some(landed) = landed.ok().and_then(Result::ok).and_then(|landed| landed.clone()) {
                return landed;
            }
            self.abandon(&outcome);
        }
        Err(Error::timeout(self.register.longest()))
    }

    /// The cached session if it still works, with a renewal under way if one is due; otherwise the flight to
    /// wait for.
    fn board(&self) -> Result<Boarded, Error> {
        let mut flight = lock(&self.shared.flight);
        let now = self.shared.clock.now();
        let cached = self.shared.cached.load_full().filter(|cached| !now.has_reached(cached.expires));
        if let Some(cached) = cached {
            if now.has_reached(cached.due) && self.underway(&flight).is_none() {
                // Without a runtime there is no renewal, but there still is a working token.
                *flight = self.take_off().ok();
            }
            return Ok(Boarded::Cached(Arc::clone(&cached.session)));
        }
        if let Some(outcome) = self.underway(&flight) {
            return Ok(Boarded::Waits(outcome));
        }
        let started = self.take_off()?;
        let outcome = started.outcome.clone();
        *flight = Some(started);
        Ok(Boarded::Waits(outcome))
    }

    fn underway(&self, flight: &Option<Flight>) -> Option<watch::Receiver<Option<Outcome>>> {
        let flight = flight.as_ref()?;
        let going = flight.outcome.borrow().is_none() && flight.outcome.has_changed().is_ok();
        going.then(|| flight.outcome.clone())
    }

    /// Starts a registration that no caller's end can stop.
    fn take_off(&self) -> Result<Flight, Error> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::config("runtime", "a registration needs a Tokio runtime to run in"))?;
        let (sender, outcome) = watch::channel(None);
        let register = Arc::clone(&self.register);
        let shared = Arc::downgrade(&self.shared);
        let task = runtime.spawn(async move {
            let result = register.register().await.map(Arc::new);
            Shared::land(&shared, &result);
            sender.send_replace(Some(result));
        });
        Ok(Flight { outcome, task: task.abort_handle() })
    }

    /// Ends a flight of which nothing is to be expected any more, unless another one took its place.
    fn abandon(&self, outcome: &watch::Receiver<Option<Outcome>>) {
        let mut flight = lock(&self.shared.flight);
        if let Some(abandoned) = flight.take_if(|flight| flight.outcome.same_channel(outcome)) {
            abandoned.task.abort();
        }
    }
}

enum Boarded {
    Cached(Arc<Session>),
    Waits(watch::Receiver<Option<Outcome>>),
}

impl<C: Clock> Shared<C> {
    /// Keeps a new session, or puts off the next renewal.
    fn land(shared: &Weak<Self>, result: &Outcome) {
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.clock.now();
        match result {
            Ok(session) => shared.cached.store(Some(Arc::new(Cached::new(Arc::clone(session), now)))),
            Err(error) => {
                let present = shared.cached.load();
                if let Some(cached) = present.as_ref().filter(|cached| !now.has_reached(cached.expires)) {
                    let put_off = cached.put_off(now);
                    let pause = now.until(put_off.due);
                    tracing::warn!(%error, ?pause, "the renewal of a session failed; the present one goes on");
                    shared.cached.compare_and_swap(&present, Some(Arc::new(put_off)));
                }
            }
        }
    }
}

impl Cached {
    fn new(session: Arc<Session>, now: Moment) -> Self {
        let (life, age) = (session.life(), session.age());
        let expires = now.after(session.good_for());
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

/// The last client takes a registration under way with it.
impl<R, C: Clock> Drop for Renewal<R, C> {
    fn drop(&mut self) {
        if let Some(flight) = lock(&self.shared.flight).take() {
            flight.task.abort();
        }
    }
}

/// Nothing panics while it holds this lock, so a poisoned one would be as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "renewal_simulation.rs"]
mod simulation;
