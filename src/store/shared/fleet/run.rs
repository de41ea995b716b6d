//! A fleet in simulated time: what is planned, and what is counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::world::{Attempt, Outcome, Process, Reading, Service, Setup, Trouble};
use super::*;
use crate::error::ErrorKind;
use crate::store::in_memory::{Clocks, Shared};

/// What happens at a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// All stores fail, at once or after the time limit of an operation.
    StoresFail {
        hang: bool,
    },
    /// They work again, with what was in them or without it.
    StoresWork {
        empty: bool,
    },
    Service(Trouble),
    Revoke,
    /// These many processes start anew before their next read.
    Restart(usize),
    /// The processes that register next sleep before they see the answer.
    Sleep {
        processes: usize,
        nap: Duration,
    },
}

/// A fleet and what it goes through.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) processes: usize,
    pub(super) reading: Reading,
    pub(super) life: Duration,
    pub(super) length: Duration,
    /// The mean time between two reads of a process.
    pub(super) every: Duration,
    /// After its first read, no process reads before this.
    pub(super) quiet_until: Duration,
    /// The processes start within this time.
    pub(super) starts_within: Duration,
    /// The mean time that a process runs.
    pub(super) uptime: Option<Duration>,
    pub(super) events: Vec<(Duration, Event)>,
    /// What a process is started with, by its number and the time.
    pub(super) setup: fn(&Stores, usize, Duration) -> Setup,
    pub(super) outage: StoreOutage,
    /// How long an operation of the store takes.
    pub(super) operation: Duration,
}

impl Plan {
    /// Processes that share a store, with tokens of 30 days.
    pub(super) fn new(name: impl Into<String>, reading: Reading, processes: usize) -> Self {
        Self {
            name: name.into(),
            processes,
            reading,
            life: DAY * 30,
            length: HOUR,
            every: Duration::from_secs(20),
            quiet_until: Duration::ZERO,
            starts_within: Duration::ZERO,
            uptime: None,
            events: Vec::new(),
            setup: |stores, _, _| Setup { store: Some(stores.0[0].clone()), ..Setup::default() },
            outage: StoreOutage::Fail,
            operation: Duration::from_millis(2),
        }
    }
}

/// The stores there are: most plans use the first.
#[derive(Clone)]
pub(super) struct Stores(pub(super) [Shared; 2]);

/// A read of a process.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) at: Duration,
    pub(super) process: usize,
    pub(super) outcome: Outcome,
}

/// What happened.
pub(super) struct Report {
    pub(super) plan: Plan,
    pub(super) starts: usize,
    pub(super) reads: Vec<Read>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) operations: usize,
    /// The number of different tokens that the processes read with at the end.
    pub(super) last_tokens: usize,
}

impl Report {
    pub(super) fn registrations(&self) -> usize {
        self.registrations_in(Duration::ZERO, Duration::MAX)
    }

    pub(super) fn registrations_in(&self, from: Duration, to: Duration) -> usize {
        self.attempts.iter().filter(|attempt| attempt.registered && (from..to).contains(&attempt.at)).count()
    }

    /// The largest number of attempts of a process in this time.
    pub(super) fn most_attempts_in(&self, from: Duration, to: Duration) -> usize {
        let mut counts = vec![0; self.plan.processes];
        for attempt in self.attempts.iter().filter(|attempt| (from..to).contains(&attempt.at)) {
            counts[attempt.process] += 1;
        }
        counts.into_iter().max().unwrap_or_default()
    }

    pub(super) fn reads_in(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Read> {
        self.reads.iter().filter(move |read| (from..to).contains(&read.at))
    }

    pub(super) fn failed(&self) -> usize {
        self.reads.iter().filter(|read| !read.outcome.succeeded()).count()
    }

    pub(super) fn repeated(&self) -> usize {
        let is_repeated = |read: &&Read| matches!(read.outcome, Outcome::Read { refused: 1.., .. });
        self.reads.iter().filter(is_repeated).count()
    }

    /// The fraction of the reads in this time that succeeded.
    pub(super) fn fraction_in(&self, from: Duration, to: Duration) -> f64 {
        let (all, good) = self
            .reads_in(from, to)
            .fold((0, 0), |(all, good), read| (all + 1, good + usize::from(read.outcome.succeeded())));
        if all == 0 { 1.0 } else { f64::from(good as u32) / f64::from(all as u32) }
    }

    pub(super) fn fraction(&self) -> f64 {
        self.fraction_in(Duration::ZERO, Duration::MAX)
    }

    /// How many reads failed with each kind of error.
    pub(super) fn kinds(&self) -> Vec<(ErrorKind, usize)> {
        let mut kinds: Vec<(ErrorKind, usize)> = Vec::new();
        for kind in self.reads.iter().filter_map(|read| read.outcome.kind()) {
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        kinds
    }

    pub(super) fn operations_each(&self) -> f64 {
        self.operations as f64 / self.plan.processes as f64
    }
}

/// What the processes and the events share.
struct World {
    plan: Plan,
    start: Instant,
    service: Arc<Service>,
    stores: Stores,
    restarts: Vec<AtomicUsize>,
}

/// Runs the plan in time of its own. The same seed gives the same report.
pub(super) fn run(plan: Plan, seed: u64) -> Report {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(live(plan, seed))
}

async fn live(plan: Plan, seed: u64) -> Report {
    let clocks = Clocks::start();
    let stores = Stores([Shared::default(), Shared::default()]);
    for store in &stores.0 {
        store.0.with(|content| content.takes = plan.operation);
    }
    let world = Arc::new(World {
        start: Instant::now(),
        service: Arc::new(Service::new(plan.reading, plan.life, clocks)),
        stores,
        restarts: (0..plan.processes).map(|_| AtomicUsize::new(0)).collect(),
        plan,
    });
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut processes = JoinSet::new();
    for number in 0..world.plan.processes {
        processes.spawn(world.clone().process(number, rng.fork()));
    }
    let events = tokio::spawn(world.clone().events());
    let (mut starts, mut reads, mut last) = (0, Vec::new(), Vec::new());
    for (started, mut read) in processes.join_all().await {
        starts += started;
        let token = read.iter().rev().find_map(|read| match &read.outcome {
            Outcome::Read { token, .. } => Some(token.expose_secret().to_owned()),
            _ => None,
        });
        last.extend(token);
        reads.append(&mut read);
    }
    events.abort();
    last.sort();
    last.dedup();
    reads.sort_by_key(|read| read.at);
    let operations = world.stores.0.iter().map(|store| store.0.with(|content| content.operations)).sum();
    let attempts = world.service.attempts();
    Report { plan: world.plan.clone(), starts, reads, attempts, operations, last_tokens: last.len() }
}

impl World {
    async fn process(self: Arc<Self>, number: usize, mut rng: fastrand::Rng) -> (usize, Vec<Read>) {
        let Plan { every, length, uptime, outage, quiet_until, .. } = self.plan;
        let started = || {
            let setup = (self.plan.setup)(&self.stores, number, self.start.elapsed());
            Process::start(&self.service, number, &Setup { outage, ..setup })
        };
        sleep(self.plan.starts_within.mul_f64(rng.f64())).await;
        let (mut process, mut starts, mut reads) = (started(), 1, Vec::new());
        while self.start.elapsed() < length {
            let at = self.start.elapsed();
            reads.push(Read { at, process: number, outcome: process.read().await });
            let wait = every.mul_f64(rng.f64() * 2.0);
            sleep(wait.max(quiet_until.saturating_sub(self.start.elapsed()))).await;
            let is_over = uptime.is_some_and(|uptime| rng.f64() < every.as_secs_f64() / uptime.as_secs_f64());
            if self.restarts[number].swap(0, Ordering::Relaxed) > 0 || is_over {
                process = started();
                starts += 1;
            }
        }
        (starts, reads)
    }

    async fn events(self: Arc<Self>) {
        for (at, event) in &self.plan.events {
            sleep_until(self.start + *at).await;
            match *event {
                Event::StoresFail { hang } => self.each_store(|content| match hang {
                    true => content.hangs = true,
                    false => content.down = true,
                }),
                Event::StoresWork { empty } => self.each_store(|content| {
                    (content.down, content.hangs) = (false, false);
                    if empty {
                        content.records.clear();
                        content.lease = None;
                    }
                }),
                Event::Service(trouble) => self.service.set(trouble),
                Event::Revoke => self.service.revoke(),
                Event::Restart(count) => {
                    for restart in self.restarts.iter().take(count) {
                        restart.store(1, Ordering::Relaxed);
                    }
                }
                Event::Sleep { processes, nap } => self.service.send_to_sleep(processes, nap),
            }
        }
    }

    fn each_store(&self, change: impl Fn(&mut in_memory::Content)) {
        for store in &self.stores.0 {
            store.0.with(&change);
        }
    }
}
