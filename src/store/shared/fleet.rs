//! A fleet in simulated time: a thousand processes that share one store for thirty days.
//!
//! Each process asks for a token now and then, and starts anew about once a day. The store and the service fail at
//! times. What it costs is printed as a table: registrations for each lifetime of a token, which without a store
//! would be one for each process and start, and operations of the store. `TEST_SEED` runs one seed again.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::in_memory::{Clocks, DAY, HOUR, Shared, handle};
use super::*;
use crate::error::ServiceMessage;
use crate::session::cache::SessionCache;

/// Fewer in an unoptimized build, as in the simulation of a session.
const PROCESSES: usize = if cfg!(debug_assertions) { 200 } else { 1_000 };
const DAYS: u32 = 30;

/// How often a process asks.
const EVERY: Duration = Duration::from_secs(8 * 60 * 60);

/// A service that is away at times.
struct Service {
    ttl: Duration,
    clocks: Clocks,
    start: Instant,
    outages: Vec<(Duration, Duration)>,
    registrations: AtomicUsize,
}

impl Service {
    fn answers(&self) -> bool {
        let now = self.start.elapsed();
        !self.outages.iter().any(|(from, to)| (*from..*to).contains(&now))
    }
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let sent = self.clocks.now();
        sleep(Duration::from_millis(300)).await;
        if !self.answers() {
            return Err(Error::service(503, ServiceMessage::default(), None));
        }
        let number = self.registrations.fetch_add(1, Ordering::SeqCst);
        Ok(Session::of(&format!("token-{number}"), self.ttl, sent))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// What a fleet went through, and what it cost.
struct Stats {
    calls: usize,
    without_token: usize,
    starts: usize,
    registrations: usize,
    operations: usize,
}

/// Times of this length, one in each part of the month.
fn times(rng: &mut fastrand::Rng, count: u32, length: Duration) -> Vec<(Duration, Duration)> {
    let part = DAY * DAYS / count;
    let starts = (0..count).map(|number| part * number + part.mul_f64(0.1 + rng.f64() * 0.7));
    starts.map(|start| (start, start + length)).collect()
}

async fn fleet(seed: u64, ttl: Duration, service_fails: u32, store_fails: u32) -> Stats {
    let mut rng = fastrand::Rng::with_seed(seed);
    fastrand::seed(seed);
    let start = Instant::now();
    let clocks = Clocks::start();
    let service = Arc::new(Service {
        ttl,
        clocks,
        start,
        outages: times(
            &mut rng,
            service_fails.max(1),
            if service_fails == 0 { Duration::ZERO } else { HOUR },
        ),
        registrations: AtomicUsize::new(0),
    });
    let store = Shared::default();
    let mut all = JoinSet::new();
    for _ in 0..PROCESSES {
        let (service, store, mut rng) = (Arc::clone(&service), store.clone(), rng.fork());
        all.spawn(async move {
            let process = || {
                let source = SharedSource::new(Arc::clone(&service), handle(&store), StoreOutage::Register);
                SessionCache::new(Arc::new(source), "crawler-1", clocks)
            };
            let (mut living, mut calls, mut without_token, mut starts) = (process(), 0, 0, 1);
            while start.elapsed() < DAY * DAYS {
                sleep(EVERY.mul_f64(rng.f64() * 2.0)).await;
                if rng.u32(..3) == 0 {
                    living = process();
                    starts += 1;
                }
                let answered = service.answers();
                calls += 1;
                if let Err(error) = living.access_token().await {
                    without_token += 1;
                    assert!(
                        !answered || !service.answers(),
                        "TEST_SEED={seed}: no token although the service is up: {error}"
                    );
                }
            }
            (calls, without_token, starts)
        });
    }
    all.spawn({
        let (store, outages) = (store.clone(), times(&mut rng, store_fails.max(1), HOUR));
        async move {
            for (from, to) in outages.into_iter().take(store_fails as usize) {
                tokio::time::sleep_until(start + from).await;
                store.0.with(|content| content.down = true);
                tokio::time::sleep_until(start + to).await;
                store.0.with(|content| content.down = false);
            }
            (0, 0, 0)
        }
    });
    let mut stats = Stats { calls: 0, without_token: 0, starts: 0, registrations: 0, operations: 0 };
    for (calls, without_token, starts) in all.join_all().await {
        stats.calls += calls;
        stats.without_token += without_token;
        stats.starts += starts;
    }
    stats.registrations = service.registrations.load(Ordering::SeqCst);
    stats.operations = store.0.with(|content| content.operations);
    stats
}

#[test]
fn a_fleet_registers_about_once_a_lifetime() {
    let seed = env::var("TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!(
        "TEST_SEED={seed}, {PROCESSES} processes, {DAYS} days, a call every 8 hours, a new start every day"
    );
    println!(
        "lifetime, outages of the service and of the store (an hour each): registrations for each lifetime, operations"
    );
    for (ttl, service_fails, store_fails) in [(DAY, 0, 0), (DAY, 10, 10), (DAY * 30, 5, 5)] {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let stats = runtime.block_on(fleet(seed, ttl, service_fails, store_fails));
        let lives = (DAY * DAYS).as_secs_f64() / ttl.as_secs_f64();
        let per_life = stats.registrations as f64 / lives;
        let per_process = stats.operations as f64 / (PROCESSES as f64 * f64::from(DAYS));
        println!(
            "{:4} h, {service_fails:2}, {store_fails:2}: {per_life:6.2} registrations a lifetime, {per_process:5.2} operations a \
             process and day; {} calls, {} without a token, {} starts, {} registrations",
            ttl.as_secs() / 3600,
            stats.calls,
            stats.without_token,
            stats.starts,
            stats.registrations
        );
        // A life ends for renewal after three quarters of it at the earliest. While the store is away, who starts
        // or is due registers for itself, which in an hour are those that start and the share of those that renew.
        let in_store_outages = f64::from(store_fails) * PROCESSES as f64 * (1.0 / 24.0 + 0.5);
        let bound = lives / 0.75 + 1.0 + in_store_outages;
        assert!((stats.registrations as f64) <= bound, "TEST_SEED={seed}: more than {bound} registrations");
        assert!(stats.starts > PROCESSES * DAYS as usize / 2, "TEST_SEED={seed}: too little happened");
        let renewals = DAY.as_secs_f64() / ttl.as_secs_f64() / 0.75;
        // A start and a renewal are a look each, and a few more if it is this process's turn, or the service is away.
        assert!(
            per_process < 3.0 + 3.0 * renewals + f64::from(service_fails),
            "TEST_SEED={seed}: too many operations"
        );
        if service_fails == 0 {
            assert_eq!(stats.without_token, 0, "TEST_SEED={seed}");
        }
    }
}
