//! Years in the life of a session, in simulated time.
//!
//! Each seed is a service and a reader of its own: a lifetime between a minute and 30 days, outages, slow
//! answers, revocations and bans, lost answers, a service that ends older tokens when it registers or keeps them, and either a wall clock that steps or a machine that sleeps. (Not both:
//! if each clock misses some time, no clock is left to notice.) It goes on for three years, or for 10,000
//! lifetimes where they are short (500 in an unoptimized build), and asserts throughout that
//!
//! - no caller gets a token that has expired, or that the caller itself reported as revoked,
//! - a caller gets a valid token while the service responds,
//! - there is no registration without a reason, and renewals that fail keep their distance.
//!
//! `SIMULATE_SEEDS` says how many seeds, `TEST_SEED` runs a single one.

use std::collections::{HashMap, HashSet};
use std::env;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use fastrand::Rng;
use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::*;
use crate::error::ErrorKind;
use crate::error::ServiceMessage;
use crate::session::single_flight::lock;
use crate::session::source::Register;

const DAY: u64 = 24 * 60 * 60;
const YEARS: u64 = 3 * 365 * DAY;
/// As many as an unoptimized build lives through in the time of a test run, or all that are asked for.
const LIFETIMES: u64 = if cfg!(debug_assertions) { 500 } else { 10_000 };
const SEEDS: u64 = 200;

/// The true time, and what the machine's clocks make of it.
#[derive(Clone)]
struct SimWorld(Arc<Mutex<State>>);

struct State {
    rng: Rng,
    start: Instant,
    /// Time during which the machine slept, and Tokio's clock with it.
    slept: Duration,
    /// How much the wall clock is ahead of the true time, less ten days.
    skew: Duration,
    life: Duration,
    /// Whether a registration ends the older tokens.
    ends_older: bool,
    /// Whether an answer was lost, so that nobody has the newest token.
    was_lost: bool,
    outage: Option<Duration>,
    ban: Option<Duration>,
    tokens: HashMap<String, Issued>,
    issued: u64,
    registrations: Vec<Registration>,
}

/// A token as the service knows it.
#[derive(Clone, Copy)]
struct Issued {
    ends: Duration,
    revoked: bool,
    /// Whether a later registration ended it.
    is_replaced: bool,
}

struct Registration {
    asked: Duration,
    at: Duration,
    succeeded: bool,
}

/// Twenty minutes and the jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(25 * 60);

const TEN_DAYS: Duration = Duration::from_secs(10 * DAY);

impl SimWorld {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        // As many short lives as long ones.
        let life = Duration::from_secs_f64(60.0 * (rng.f64() * (30.0 * 24.0 * 60.0_f64).ln()).exp());
        let ends_older = rng.bool();
        Self(Arc::new(Mutex::new(State {
            rng,
            start: Instant::now(),
            slept: Duration::ZERO,
            skew: TEN_DAYS,
            life,
            ends_older,
            was_lost: false,
            outage: None,
            ban: None,
            tokens: HashMap::new(),
            issued: 0,
            registrations: Vec::new(),
        })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut lock(&self.0))
    }
}

impl State {
    fn now(&self) -> Duration {
        self.start.elapsed() + self.slept
    }

    fn reachable(&self) -> bool {
        let now = self.now();
        [self.outage, self.ban].iter().flatten().all(|until| *until <= now)
    }
}

impl Clock for SimWorld {
    fn now(&self) -> Moment {
        self.with(|world| Moment { monotonic: world.start.elapsed(), wall: world.now() + world.skew })
    }
}

impl Register for SimWorld {
    async fn register(&self) -> Result<Session, Error> {
        let slow = self.with(|world| match world.rng.u8(..10) {
            0 => Duration::from_secs_f64(world.rng.f64() * 20.0),
            _ => Duration::from_millis(world.rng.u64(10..500)),
        });
        let (sent, asked) = (Clock::now(self), self.with(|world| world.now()));
        let there = slow.mul_f64(self.with(|world| world.rng.f64()));
        sleep(there).await;
        let is_carried_out = self.with(|world| {
            let is_carried_out = world.reachable();
            if is_carried_out && world.ends_older {
                world.tokens.values_mut().for_each(|token| token.is_replaced = true);
            }
            is_carried_out
        });
        sleep(slow - there).await;
        self.with(|world| {
            let at = world.now();
            let succeeded = world.reachable();
            world.registrations.push(Registration { asked, at, succeeded });
            if !succeeded {
                world.was_lost |= is_carried_out;
                let is_banned = world.ban.is_some_and(|until| until > at);
                let status = if is_carried_out {
                    504
                } else if is_banned {
                    403
                } else {
                    503
                };
                return Err(Error::service(
                    StatusCode::from_u16(status).unwrap(),
                    ServiceMessage::default(),
                    None,
                ));
            }
            if world.ends_older {
                world.tokens.values_mut().for_each(|token| token.is_replaced = true);
            }
            let life = world.life.mul_f64(0.9 + world.rng.f64() / 10.0);
            world.issued += 1;
            let token = format!("token-{}", world.issued);
            let long_ago = at.saturating_sub(life * 10);
            world.tokens.retain(|_, token| token.ends > long_ago);
            world
                .tokens
                .insert(token.clone(), Issued { ends: at + life, revoked: false, is_replaced: false });
            Ok(Session::of(&token, life, sent))
        })
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// What a seed came to.
#[derive(Default)]
struct Stats {
    calls: u64,
    refused: u64,
    /// Tokens that were given although a registration had ended them.
    replaced: u64,
    registrations: usize,
}

impl Stats {
    fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            refused: self.refused + other.refused,
            replaced: self.replaced + other.replaced,
            registrations: self.registrations + other.registrations,
        }
    }
}

async fn simulate(seed: u64) -> Stats {
    let world = SimWorld::new(seed);
    let cache = SessionCache::new(Arc::new(world.clone()), "crawler-1", world.clone());
    let (life, sleeps) = world.with(|world| (world.life, world.rng.bool()));
    let end = Duration::from_secs(YEARS).min(life.mul_f64(LIFETIMES as f64));
    let mut stats = Stats::default();
    let mut known_revoked = HashSet::new();
    // Since then a registration may have had another reason than that the last token grew old.
    let mut disturbed = Duration::ZERO;
    let mut last_success: Option<Duration> = None;
    let mut last_failure: Option<Duration> = None;

    while world.with(|world| world.now()) < end {
        let step = life.mul_f64(world.with(|world| world.rng.f64().powi(3)) * 0.6);
        sleep(step).await;
        disturb(&world, life, sleeps, &mut disturbed);

        let reachable_before = world.with(|world| world.reachable());
        let asked = world.with(|world| world.now());
        let outcome = cache.access_token().await;
        stats.calls += 1;
        let now = world.with(|world| world.now());
        match outcome {
            Ok(token) => {
                let token = token.expose_secret().to_owned();
                assert!(
                    !known_revoked.contains(&token),
                    "TEST_SEED={seed}: a revoked token was given again at {now:?}"
                );
                let Issued { ends, revoked, is_replaced } = world.with(|world| world.tokens[&token]);
                assert!(now < ends, "TEST_SEED={seed}: a token that ended at {ends:?} was given at {now:?}");
                // The caller learns of it when the service refuses the token.
                if revoked || is_replaced {
                    cache.invalidate(&AccessToken::from(token.clone()));
                    known_revoked.insert(token);
                    stats.replaced += u64::from(is_replaced);
                }
                // A token that a registration ended is no reason for another one, unless its answer was lost.
                if revoked || (is_replaced && world.with(|world| std::mem::take(&mut world.was_lost))) {
                    disturbed = now;
                }
            }
            Err(error) => {
                stats.refused += 1;
                assert_ne!(error.kind(), ErrorKind::Timeout, "TEST_SEED={seed}: {error}");
                let reachable = reachable_before && world.with(|world| world.reachable());
                // After a failure, or a second refusal within minutes, it says when to come back.
                let pauses = error.retry_after().is_some_and(|wait| wait <= LONGEST_PAUSE);
                assert!(
                    !reachable || pauses,
                    "TEST_SEED={seed}: no token at {now:?} although the service answers: {error}"
                );
            }
        }

        for Registration { asked: sent, at, succeeded } in
            world.with(|world| std::mem::take(&mut world.registrations))
        {
            stats.registrations += 1;
            if succeeded {
                let aged = last_success.is_none_or(|last| sent - last >= life.mul_f64(0.9 * 0.74));
                let reason = aged || disturbed >= last_success.unwrap_or_default();
                assert!(reason, "TEST_SEED={seed}: a registration at {at:?} without a reason");
                // Its life counts from here, and so does a clock that stepped.
                last_success = Some(sent);
            } else {
                // Between two failures there is a pause, or a clock that stepped over it, or a caller who had no
                // token and asked.
                let apart = last_failure.is_none_or(|last| at - last >= BACKOFF_MIN || disturbed >= last);
                assert!(apart || at >= asked, "TEST_SEED={seed}: failed renewals too close at {at:?}");
                last_failure = Some(at);
            }
        }
    }
    stats
}

/// Lets something happen, now and then.
fn disturb(world: &SimWorld, life: Duration, sleeps: bool, disturbed: &mut Duration) {
    world.with(|world| {
        let now = world.now();
        let a_while = life.mul_f64(world.rng.f64() * 1.5);
        match world.rng.u16(..400) {
            0..=7 => world.outage = Some(now + a_while),
            8..=9 => world.ban = Some(now + a_while),
            10..=12 if sleeps => {
                world.slept += a_while;
                *disturbed = world.now();
            }
            10..=12 => {
                world.skew = TEN_DAYS.mul_f64(0.9 + world.rng.f64() * 0.2);
                *disturbed = now;
            }
            13 => {
                for token in world.tokens.values_mut() {
                    token.revoked = true;
                }
            }
            _ => {}
        }
    });
}

#[test]
fn a_session_stays_valid_for_years() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds: Vec<u64> = match number("TEST_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = fastrand::u64(..u64::MAX / 2);
            (first..).take(number("SIMULATE_SEEDS").unwrap_or(SEEDS) as usize).collect()
        }
    };
    println!("seeds {:?} to {:?}", seeds.first(), seeds.last());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let total = thread::scope(|scope| {
        let share = seeds.len().div_ceil(threads);
        let shares: Vec<_> = seeds.chunks(share).map(|seeds| scope.spawn(|| live_through(seeds))).collect();
        shares.into_iter().map(|share| share.join().unwrap()).reduce(Stats::plus).unwrap()
    });
    println!(
        "{} seeds: {} calls, {} of them without a token to give and {} with one that a registration had ended, {} \
         registrations",
        seeds.len(),
        total.calls,
        total.refused,
        total.replaced,
        total.registrations
    );
    assert!(total.registrations > seeds.len() * 30, "too little happened");
}

fn live_through(seeds: &[u64]) -> Stats {
    let tallies = seeds.iter().map(|seed| {
        // The jitter is drawn from here.
        fastrand::seed(*seed);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(simulate(*seed))
    });
    tallies.reduce(Stats::plus).unwrap()
}
