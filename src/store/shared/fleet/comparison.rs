//! What the two policies for an outage come to, for small fleets of which some processes start anew in it.

use super::outages::{POLICIES, outage, per_client, require_convergence};
use super::run::{Event, Plan};
use super::table::Table;
use super::world::BOTH;
use super::*;

const BEGINS: Duration = Duration::from_secs(10 * 60);
const END: Duration = Duration::from_secs(70 * 60);
const RESTARTED: Duration = Duration::from_secs(15 * 60);

pub(super) fn of_the_two_policies(table: &mut Table) {
    table.line("\nAn outage of the store of an hour, some processes restarted after 5 min of it:");
    table.line("registrations in the outage, share of the reads after the restart that succeeded, registrations after it");
    table.line(format!("{:22}   {:^44}   {:^44}", "", "older tokens are ended", "older tokens are kept"));
    table.line(format!(
        "processes restarted    {:>20} {:>23}    {:>20} {:>23}",
        "Fail", "Register", "Fail", "Register"
    ));
    for processes in [1, 2, 5, 20] {
        let mut counts = vec![0, 1, processes];
        counts.dedup();
        for restarted in counts {
            let cells =
                BOTH.map(|reading| POLICIES.map(|policy| cell(table, reading, policy, processes, restarted)));
            let [[a, b], [c, d]] = cells;
            table.line(format!("{processes:9} {restarted:9}    {a} {b}    {c} {d}"));
        }
    }
}

fn cell(
    table: &mut Table,
    reading: Reading,
    policy: StoreOutage,
    processes: usize,
    restarted: usize,
) -> String {
    let mut plan = Plan::new(format!("{restarted} restarted in an outage"), reading, processes);
    (plan.length, plan.outage, plan.every) = (END + HOUR / 2, policy, every(10));
    plan.events = outage(BEGINS, END - BEGINS, false, false);
    plan.events.insert(1, (RESTARTED, Event::Restart(restarted)));
    let report = table.measure(plan);
    let during = report.registrations_in(BEGINS, END);
    let allowed = match policy {
        _ if restarted == 0 => 0,
        StoreOutage::Register => processes * per_client(END - RESTARTED),
        _ => 0,
    };
    table.require_at_most(&report, allowed, "registrations in the outage", during);
    if restarted == 0 {
        table.require_no_failed_read(&report);
    }
    if policy == StoreOutage::Fail {
        // Only those that started anew have no session.
        let is_warm = |process: usize| process >= restarted;
        let failed = report.reads.iter().find(|read| is_warm(read.process) && !read.outcome.succeeded());
        table.require(&report, failed.is_none(), format!("a process with a session failed: {failed:?}"));
    }
    require_convergence(table, &report, END);
    let share = 100.0 * report.fraction_in(RESTARTED + MINUTE, END);
    format!("{during:8} {share:7.1}% {:3}", report.registrations_in(END, Duration::MAX))
}
