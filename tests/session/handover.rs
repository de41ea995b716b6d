//! The hand-over from one token to the next, as the session cache uses the single flight.
//!
//! A registration ends the token before it at the service, and only later does the load complete. Meanwhile callers hold
//! the old token, report it when it is refused, soon or late, and ask for the next one. A load that looked into the store
//! before that returns the refused token, and is discarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::thread;

use super::check;
use super::single_flight::{Completion, Freshness, Loader, SingleFlight};

/// Registers tokens 1, 2, 3 and so on.
#[derive(Default)]
struct Registrar {
    /// The newest token at the service, the only one that it accepts.
    newest: AtomicUsize,
    /// The newest token in the store.
    stored: AtomicUsize,
    /// The newest token that was refused.
    refused: AtomicUsize,
    /// Cached tokens up to this one are due for a refresh.
    due: AtomicUsize,
    /// So often, another process has the lease.
    busy: AtomicUsize,
    /// Refused tokens that were about to be cached again.
    discarded: AtomicUsize,
}

impl Loader for Registrar {
    type Entry = usize;
    type Output = usize;

    async fn load(&self, kept: Option<Arc<usize>>, renew: bool) -> usize {
        let stored = self.stored.load(SeqCst);
        let is_refused = stored <= self.refused.load(SeqCst);
        yield_now().await;
        let is_newer = kept.is_none_or(|kept| *kept < stored);
        let is_good = is_newer && stored > self.due.load(SeqCst);
        let is_busy = || self.busy.fetch_update(SeqCst, SeqCst, |busy| busy.checked_sub(1)).is_ok();
        if !renew && !is_refused && (is_good || is_busy()) {
            return stored;
        }
        let number = self.newest.fetch_add(1, SeqCst) + 1;
        yield_now().await;
        self.stored.fetch_max(number, SeqCst);
        number
    }

    fn max_duration(&self) -> Duration {
        Duration::MAX
    }

    fn freshness(&self, kept: &usize) -> Freshness<usize> {
        if *kept <= self.due.load(SeqCst) { Freshness::Stale(*kept) } else { Freshness::Fresh(*kept) }
    }

    fn complete(&self, outcome: &usize, _: Option<&usize>) -> Completion<usize> {
        if *outcome <= self.refused.load(SeqCst) {
            self.discarded.fetch_add(1, SeqCst);
            return Completion::Discard;
        }
        Completion::Replace(*outcome)
    }

    fn on_complete(&self, outcome: &usize, kept: &usize) {
        assert_eq!(outcome, kept);
    }
}

type Flights = Arc<SingleFlight<Registrar>>;

fn flights() -> Flights {
    Arc::new(SingleFlight::new(Registrar::default()))
}

fn newest(flights: &Flights) -> usize {
    flights.loader().newest.load(SeqCst)
}

async fn get(flights: &Flights) -> usize {
    let due = |registrar: &Registrar| registrar.due.load(SeqCst);
    match flights.peek(|registrar, kept| (*kept > due(registrar)).then_some(*kept)) {
        Some(number) => number,
        None => flights.get().await.unwrap(),
    }
}

fn report(flights: &Flights, number: usize) {
    let refused = &flights.loader().refused;
    flights.invalidate(|kept| *kept == number && refused.fetch_max(number, SeqCst) <= number);
}

/// Sends a request: whether the service accepts the token when it comes.
fn accepts(flights: &Flights, number: usize) -> bool {
    newest(flights) == number
}

fn run_all(callers: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = callers.into_iter().map(thread::spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// The token that is due dies before the load of the next one completes. Callers report it at any time, and their repeat
/// succeeds.
#[test]
fn a_renewal_that_ends_the_old_token_costs_one_registration_however_late_the_token_is_reported() {
    check(|| {
        let flights = flights();
        assert_eq!(block_on(get(&flights)), 1);
        flights.loader().due.store(1, SeqCst);
        let caller = |flights: &Flights| -> Box<dyn FnOnce() + Send> {
            let flights = Arc::clone(flights);
            Box::new(move || {
                let first = block_on(get(&flights));
                if !accepts(&flights, first) {
                    report(&flights, first);
                    let second = block_on(get(&flights));
                    assert!(accepts(&flights, second), "the repeat with {second} after {first} failed");
                }
            })
        };
        run_all((0..3).map(|_| caller(&flights)).collect());
        block_on(flights.wait_idle());
        assert_eq!(newest(&flights), 2);
    });
}

/// An admin revokes each of the first tokens as soon as a caller has it, and all callers report it.
#[test]
fn a_token_that_dies_as_it_is_returned_is_replaced_once_for_all_callers() {
    const REVOKED: usize = 2;
    check(|| {
        let flights = flights();
        let caller = |flights: &Flights| -> Box<dyn FnOnce() + Send> {
            let flights = Arc::clone(flights);
            Box::new(move || {
                let mut number = block_on(get(&flights));
                while number <= REVOKED {
                    report(&flights, number);
                    let next = block_on(get(&flights));
                    assert!(next > number, "{next} came after {number} was reported");
                    number = next;
                }
                assert!(accepts(&flights, number));
            })
        };
        run_all((0..3).map(|_| caller(&flights)).collect());
        assert_eq!(newest(&flights), REVOKED + 1);
    });
}

/// The load of a refresh has looked into the store before the refusal, and another process has the lease.
#[test]
fn a_token_that_was_refused_while_it_was_loaded_is_discarded_and_the_waiting_callers_get_the_next() {
    static DISCARDED: AtomicUsize = AtomicUsize::new(0);
    check(|| {
        let flights = flights();
        assert_eq!(block_on(get(&flights)), 1);
        let registrar = flights.loader();
        registrar.due.store(1, SeqCst);
        registrar.busy.store(1, SeqCst);
        let refuses = {
            let flights = Arc::clone(&flights);
            move || report(&flights, 1)
        };
        let asks = |flights: &Flights| -> Box<dyn FnOnce() + Send> {
            let flights = Arc::clone(flights);
            Box::new(move || {
                for _ in 0..2 {
                    let refused = flights.loader().refused.load(SeqCst);
                    let number = block_on(get(&flights));
                    assert!(number > refused, "{number} was returned after {refused} had been refused");
                }
            })
        };
        run_all(vec![asks(&flights), Box::new(refuses), asks(&flights)]);
        block_on(flights.wait_idle());
        DISCARDED.fetch_add(flights.loader().discarded.load(SeqCst), SeqCst);
        assert!(newest(&flights) <= 2, "{} registrations", newest(&flights));
    });
    assert!(DISCARDED.load(SeqCst) > 0, "no schedule discarded anything");
}

/// Renewals end tokens while others read with them. Another process has stored a newer token, which readers take; a
/// renewal registers all the same.
#[test]
fn a_renewal_registers_and_readers_go_on_with_its_token() {
    check(|| {
        let flights = flights();
        assert_eq!(block_on(get(&flights)), 1);
        let registrar = flights.loader();
        registrar.newest.store(2, SeqCst);
        registrar.stored.store(2, SeqCst);
        registrar.due.store(1, SeqCst);
        let renews = |flights: &Flights| -> Box<dyn FnOnce() + Send> {
            let flights = Arc::clone(flights);
            Box::new(move || {
                let number = block_on(flights.refresh()).unwrap();
                assert!(number > 2, "the renewal returned {number}, which another process registered");
            })
        };
        let reads = |flights: &Flights| -> Box<dyn FnOnce() + Send> {
            let flights = Arc::clone(flights);
            Box::new(move || {
                let mut last = 0;
                for _ in 0..2 {
                    let number = block_on(get(&flights));
                    assert!(number >= last, "{number} came after {last}");
                    last = number;
                    if !accepts(&flights, number) {
                        report(&flights, number);
                        last = block_on(get(&flights));
                        assert!(last > number, "{last} came after {number} was reported");
                    }
                }
            })
        };
        run_all(vec![renews(&flights), reads(&flights), renews(&flights), reads(&flights)]);
        block_on(flights.wait_idle());
        assert!(newest(&flights) <= 4, "{} registrations", newest(&flights));
        assert_eq!(block_on(get(&flights)), newest(&flights));
    });
}
