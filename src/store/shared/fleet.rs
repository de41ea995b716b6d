//! Fleets in simulated time: up to a thousand processes that share a device.
//!
//! Each process asks for a token now and then and reads with it, as the client's `send` does. Processes start anew; the
//! store and the service fail at times; tokens are revoked. The service ends the device's older tokens when it registers,
//! or it keeps them: the documentation can be read in both ways, so all of it runs in both. What it costs is printed as a
//! table, and the requirements are checked. `TEST_SEED` runs a seed again.

use std::env;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use super::*;
use crate::config::AccessToken;
use crate::store::in_memory::{self, DAY, HOUR};

mod comparison;
mod contention;
mod outages;
mod run;
mod table;
mod undisturbed;
mod world;

use run::Plan;
use table::{LEGEND, Table, heading};
use world::Reading;

const MINUTE: Duration = Duration::from_secs(60);

/// Where there are many processes, an unoptimized build has fewer.
const fn fleet_of(processes: usize) -> usize {
    if cfg!(debug_assertions) && processes > 20 { 10 + processes / 50 } else { processes }
}

/// The mean time between two reads of a process; three times as long in an unoptimized build.
const fn every(seconds: u64) -> Duration {
    Duration::from_secs(if cfg!(debug_assertions) { seconds * 3 } else { seconds })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn seed() -> u64 {
    env::var("TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap())
}

#[test]
fn processes_of_one_device_live_on_one_session() {
    let seed = seed();
    let parts: [fn(&mut Table); 16] = [
        undisturbed::a_month,
        undisturbed::a_month_with_outages,
        undisturbed::rolling_restarts,
        undisturbed::short_tokens,
        undisturbed::revocation,
        undisturbed::a_service_that_fails,
        undisturbed::tokens_that_end_after_failed_refreshes,
        contention::a_refused_user,
        contention::no_store,
        contention::two_stores,
        contention::two_sealing_keys,
        outages::warm_processes,
        outages::due_and_revoked_tokens,
        outages::cold_and_rolling_starts,
        outages::a_sleeping_lease_holder,
        comparison::of_the_two_policies,
    ];
    println!("TEST_SEED={seed}\n{LEGEND}{}", heading());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((number, part)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|number| Some((number, parts.get(number)?)))
        {
            let mut table = Table::new(seed);
            fastrand::seed(seed);
            part(&mut table);
            done.push((number, table));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut tables: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    tables.sort_by_key(|(number, _)| *number);
    for (_, table) in &tables {
        print!("{}", table.text);
    }
    let unmet: Vec<_> = tables.iter().flat_map(|(_, table)| &table.unmet).collect();
    assert!(unmet.is_empty(), "TEST_SEED={seed}:\n{unmet:#?}");
}

#[test]
fn a_seed_gives_the_same_report_each_time() {
    let seed = seed();
    let outcomes = [(); 2].map(|()| {
        let mut plan = Plan::new("two clients without a store", Reading::Ends, 3);
        plan.setup = |_, _, _| world::Setup::default();
        let report = run::run(plan, seed);
        format!("{:?} {:?}", report.attempts, report.reads)
    });
    assert!(outcomes[0] == outcomes[1], "TEST_SEED={seed}");
}
