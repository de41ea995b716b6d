//! The single flight of the cache session, model-checked.
//!
//! This compiles `src/session/single_flight.rs` itself with primitives that shuttle schedules, and runs each scenario under
//! thousands of schedules. Tokio's channel and arc-swap's slot are the real ones, each use of them one step. A
//! failure prints the schedule and how to repeat it.

mod handover;
mod primitives;
// The same source needs other primitives here, which a program chooses when it compiles. As a `cfg` that would be a
// second build of the crate and all its dependencies.
#[path = "../../src/session/single_flight.rs"]
mod single_flight;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::sync::{Mutex, mpsc};
use shuttle::thread;
use single_flight::{Completion, Freshness, LoadError, Loader, SingleFlight, lock};

/// So many schedules are drawn at random, and so many in which a few switches decide.
const SCHEDULES: usize = 2_000;
const SWITCHES: usize = 3;

fn check(scenario: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(scenario, SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, SWITCHES);
}

/// Fetches 1, 2, 3 and so on, and fails and hangs as told.
struct Fetch {
    fails: fn(usize) -> bool,
    hangs: fn(usize) -> bool,
    longest: Duration,
    /// Whether what is kept should be renewed.
    aging: AtomicBool,
    runs: AtomicUsize,
    /// Runs that have neither ended nor been dropped.
    running: Arc<AtomicUsize>,
    most_running: AtomicUsize,
    /// Closed when the last one lets go of the loader.
    _open: Option<mpsc::Sender<()>>,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            fails: |_| false,
            hangs: |_| false,
            longest: Duration::MAX,
            aging: AtomicBool::new(false),
            runs: AtomicUsize::new(0),
            running: Arc::default(),
            most_running: AtomicUsize::new(0),
            _open: None,
        }
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

struct Kept {
    number: usize,
    failures: usize,
}

impl Loader for Fetch {
    type Entry = Kept;
    type Output = Result<usize, usize>;

    async fn load(&self, _: Option<Arc<Kept>>, _: bool) -> Self::Output {
        let number = self.runs.fetch_add(1, SeqCst) + 1;
        let running = Running(Arc::clone(&self.running));
        self.most_running.fetch_max(self.running.fetch_add(1, SeqCst) + 1, SeqCst);
        yield_now().await;
        if (self.hangs)(number) {
            std::future::pending::<()>().await;
        }
        drop(running);
        if (self.fails)(number) { Err(number) } else { Ok(number) }
    }

    fn max_duration(&self) -> Duration {
        self.longest
    }

    fn freshness(&self, kept: &Kept) -> Freshness<Self::Output> {
        match self.aging.load(SeqCst) {
            true => Freshness::Stale(Ok(kept.number)),
            false => Freshness::Fresh(Ok(kept.number)),
        }
    }

    fn complete(&self, outcome: &Self::Output, kept: Option<&Kept>) -> Completion<Kept> {
        match *outcome {
            Ok(number) => Completion::Replace(Kept { number, failures: 0 }),
            Err(_) => match kept {
                Some(kept) => Completion::Replace(Kept { number: kept.number, failures: kept.failures + 1 }),
                None => Completion::Keep,
            },
        }
    }

    fn on_complete(&self, outcome: &Self::Output, kept: &Kept) {
        assert_eq!(outcome.is_err(), kept.failures > 0);
    }
}

type Flights = Arc<SingleFlight<Fetch>>;

fn flights(fetch: Fetch) -> Flights {
    Arc::new(SingleFlight::new(fetch))
}

/// What a caller gets, as the cache session asks: what is kept and good, or else what there is to get.
async fn ask(flights: &Flights) -> Result<usize, usize> {
    let good = flights.peek(|fetch, kept| (!fetch.aging.load(SeqCst)).then_some(kept.number));
    match good {
        Some(number) => Ok(number),
        None => flights.get().await.unwrap(),
    }
}

/// What callers get who ask at once.
fn ask_at_once(flights: &Flights, callers: usize) -> Vec<Result<usize, usize>> {
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let flights = Arc::clone(flights);
            thread::spawn(move || block_on(ask(&flights)))
        })
        .collect();
    callers.into_iter().map(|caller| caller.join().unwrap()).collect()
}

fn runs(flights: &Flights) -> usize {
    flights.loader().runs.load(SeqCst)
}

#[test]
fn one_load_serves_all_callers() {
    check(|| {
        let flights = flights(Fetch::default());
        assert_eq!(ask_at_once(&flights, 3), [Ok(1); 3]);
        assert_eq!(runs(&flights), 1);
    });
}

#[test]
fn waiting_callers_share_a_failure_and_a_later_caller_loads_again() {
    check(|| {
        let flights = flights(Fetch { fails: |number| number <= 2, ..Fetch::default() });
        let outcomes: BTreeSet<_> = ask_at_once(&flights, 3).into_iter().collect();
        // Nothing was fetched for nobody, and nobody got what was not fetched.
        let fetched: BTreeSet<_> =
            (1..=runs(&flights)).map(|n| if n <= 2 { Err(n) } else { Ok(n) }).collect();
        assert_eq!(outcomes, fetched);
        assert_eq!(flights.loader().most_running.load(SeqCst), 1);
        while let Err(number) = block_on(ask(&flights)) {
            assert_eq!(number, runs(&flights));
        }
        assert_eq!(block_on(ask(&flights)), Ok(3));
    });
}

#[test]
fn dropping_a_caller_does_not_affect_the_others() {
    check(|| {
        let flights = flights(Fetch::default());
        let asks = |flights: &Flights| {
            let flights = Arc::clone(flights);
            shuttle::future::spawn(async move { ask(&flights).await })
        };
        let (first, second, third) = (asks(&flights), asks(&flights), asks(&flights));
        first.abort();
        third.abort();
        assert_eq!(block_on(second).unwrap(), Ok(1));
        _ = (block_on(first), block_on(third));
        assert_eq!(runs(&flights), 1);
    });
}

#[test]
fn a_load_without_callers_still_completes() {
    check(|| {
        let flights = flights(Fetch::default());
        let caller = {
            let flights = Arc::clone(&flights);
            shuttle::future::spawn(async move { ask(&flights).await })
        };
        caller.abort();
        _ = block_on(caller);
        block_on(flights.wait_idle());
        assert_eq!(flights.peek(|_, kept| Some(kept.number)), (runs(&flights) == 1).then_some(1));
        assert_eq!(block_on(ask(&flights)), Ok(1));
    });
}

#[test]
fn a_stale_value_is_returned_while_one_load_refreshes_it() {
    check(|| {
        let flights = flights(Fetch { fails: |number| number == 2, ..Fetch::default() });
        assert_eq!(block_on(ask(&flights)), Ok(1));
        flights.loader().aging.store(true, SeqCst);
        for outcome in ask_at_once(&flights, 3) {
            assert!(matches!(outcome, Ok(1 | 3 | 4)), "{outcome:?}");
        }
        assert_eq!(flights.loader().most_running.load(SeqCst), 1);
    });
}

/// Each caller reports its value as refused, and so do others with the same value; meanwhile loads complete, good
/// and bad.
#[test]
fn an_invalidated_value_is_not_returned_again() {
    check(|| {
        let flights = flights(Fetch { fails: |number| number % 2 == 0, ..Fetch::default() });
        let forgotten = Arc::new(Mutex::new(BTreeSet::new()));
        let callers: Vec<_> = (0..3)
            .map(|caller| {
                let (flights, forgotten) = (Arc::clone(&flights), Arc::clone(&forgotten));
                thread::spawn(move || {
                    for _ in 0..2 {
                        flights.loader().aging.store(caller == 0, SeqCst);
                        let known = lock(&forgotten).clone();
                        let Ok(number) = block_on(ask(&flights)) else { continue };
                        assert!(!known.contains(&number), "{number} was forgotten");
                        flights.invalidate(|kept| kept.number == number);
                        lock(&forgotten).insert(number);
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

#[test]
fn invalidating_a_value_keeps_its_replacement() {
    check(|| {
        let flights = flights(Fetch::default());
        assert_eq!(block_on(ask(&flights)), Ok(1));
        flights.loader().aging.store(true, SeqCst);
        assert_eq!(block_on(ask(&flights)), Ok(1));
        let forgets = {
            let flights = Arc::clone(&flights);
            thread::spawn(move || flights.invalidate(|kept| kept.number == 1))
        };
        block_on(flights.wait_idle());
        forgets.join().unwrap();
        assert_eq!(flights.peek(|_, kept| Some(kept.number)), Some(2));
    });
}

#[test]
fn dropping_it_cancels_the_load_in_flight() {
    check(|| {
        let (open, is_open) = mpsc::channel();
        let flights = flights(Fetch { hangs: |_| true, _open: Some(open), ..Fetch::default() });
        let caller = {
            let flights = Arc::clone(&flights);
            shuttle::future::spawn(async move { ask(&flights).await })
        };
        caller.abort();
        _ = block_on(caller);
        drop(flights);
        // Comes only when the task has let go of the loader, and with it of all it had.
        is_open.recv().unwrap_err();
    });
}

/// The time runs out whenever the scheduler likes, before a flight lands or after.
fn with_little_time(hangs: fn(usize) -> bool) {
    let (open, is_open) = mpsc::channel();
    let fetch = Fetch { hangs, longest: Duration::ZERO, _open: Some(open), ..Fetch::default() };
    let running = Arc::clone(&fetch.running);
    let flights = flights(fetch);
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let flights = Arc::clone(&flights);
            thread::spawn(move || {
                let mut newest = 0;
                for _ in 0..2 {
                    match block_on(flights.get()) {
                        Ok(outcome) => {
                            let number = outcome.unwrap();
                            assert!(!(flights.loader().hangs)(number));
                            assert!(number >= newest, "{number} came after {newest}");
                            newest = number;
                        }
                        Err(error) => assert!(!matches!(error, LoadError::NoRuntime)),
                    }
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    drop(flights);
    is_open.recv().unwrap_err();
    assert_eq!(running.load(SeqCst), 0);
}

#[test]
fn a_load_that_takes_too_long_is_cancelled_and_replaced() {
    check(|| with_little_time(|number| number == 1));
}

#[test]
fn a_cancelled_load_caches_nothing() {
    check(|| with_little_time(|_| false));
}
