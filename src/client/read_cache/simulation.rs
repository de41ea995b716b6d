//! A site in simulated time: pages that search engines ask for, served from the day's reads.
//!
//! The pages change; the service has an outage; the processes are replaced by new ones once a day. What is served is printed
//! as a table, and the requirements are checked. `cargo xtask simulate` runs 30 days with a million views each;
//! `SIMULATE_DAYS` and `SIMULATE_VIEWS` set both, and `TEST_SEED` runs a seed again.

use std::{env, thread};

use tokio::runtime::Builder;

use super::fetch::{Fetch, Response, Validators};

mod site;
mod stats;
mod world;

use site::{Plan, run};
use stats::Stats;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn any_number_of_views_is_served_from_the_days_reads() {
    let seed = setting("TEST_SEED", fastrand::u64(..));
    let days = setting("SIMULATE_DAYS", 4);
    let views = setting("SIMULATE_VIEWS", 20_000);
    println!("TEST_SEED={seed}: {days} days with {views} views each, 100 reads a day\n{}", stats::HEADING);
    let pages = if views < 1_000_000 { 2_000 } else { 10_000 };
    let plan = Plan { name: "one process", pages, days, views, processes: 1, ..Plan::default() };
    let plans = [
        plan,
        Plan { name: "20 processes", processes: 20, ..plan },
        Plan {
            name: "20 processes, and the store fails for an hour",
            processes: 20,
            store_fails: true,
            ..plan
        },
        Plan { name: "20 processes, without lists", processes: 20, lists: false, ..plan },
    ];
    thread::scope(|scope| {
        let runs = plans.map(|plan| (plan, scope.spawn(move || simulate(plan, seed))));
        for (plan, run) in runs {
            check(plan, &run.join().unwrap(), seed);
        }
    });
}

fn simulate(plan: Plan, seed: u64) -> Stats {
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let stats = runtime.block_on(run(plan));
    println!("{}", stats.row());
    stats
}

fn check(plan: Plan, stats: &Stats, seed: u64) {
    let name = plan.name;
    for (day, reads) in stats.reads_by_day.iter().enumerate() {
        assert!(*reads <= 100, "TEST_SEED={seed}: {name}: {reads} reads on day {day}");
    }
    assert_eq!(stats.wrong, 0, "TEST_SEED={seed}: {name}: pages with another body");
    // Without lists, the reads do not suffice for all pages, and without the store, a process has some of them.
    if plan.lists {
        assert!(stats.is_filled_on_first_day, "TEST_SEED={seed}: {name}: not all pages were filled");
    }
    if plan.lists && !plan.store_fails {
        assert_eq!(stats.refused_although_kept, 0, "TEST_SEED={seed}: {name}: pages that were kept");
    }
}
