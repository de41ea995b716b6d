//! Fleets whose store is away for a while, and holders of its lease that sleep.

use super::run::{Event, Plan, Report};
use super::table::Table;
use super::world::BOTH;
use super::*;

pub(super) const POLICIES: [StoreOutage; 2] = [StoreOutage::Fail, StoreOutage::Register];

/// The stores fail from then on, for so long.
pub(super) fn outage(begins: Duration, length: Duration, hang: bool, empty: bool) -> Vec<(Duration, Event)> {
    vec![(begins, Event::StoresFail { hang }), (begins + length, Event::StoresWork { empty })]
}

/// At most so many registrations of one client in a time: the first, and replacements at once and after pauses that
/// begin with 2 s and are four times as long each time, up to 20 min. Jitter only lengthens them.
pub(super) fn per_client(time: Duration) -> usize {
    let (mut count, mut at, mut pause) = (2, Duration::ZERO, Duration::from_secs(2));
    while at + pause < time {
        at += pause;
        count += 1;
        pause = (pause * 4).min(MINUTE * 20);
    }
    count
}

/// After the outage all processes end on one session, with at most one more registration, and no read fails once each
/// has read and looked into the store.
pub(super) fn require_convergence(table: &mut Table, report: &Report, end: Duration) {
    let after = report.registrations_in(end, Duration::MAX);
    table.require_at_most(report, 1, "registrations after the outage", after);
    table.require_at_most(report, 1, "sessions at the end", report.last_tokens);
    let round = report.plan.every * 2 + MINUTE * 2;
    let late = report.reads_in(end + round, Duration::MAX).find(|read| !read.outcome.succeeded());
    table.require(report, late.is_none(), format!("a read failed long after the outage: {late:?}"));
}

pub(super) fn warm_processes(table: &mut Table) {
    const BEGINS: Duration = Duration::from_secs(10 * 60);
    for reading in BOTH {
        for policy in POLICIES {
            for (name, length, seconds) in [("1 min", MINUTE, 10), ("1 h", HOUR, 20), ("1 day", DAY, 300)] {
                for (text, hang, empty) in
                    [("is down", false, false), ("hangs", true, false), ("is lost", false, true)]
                {
                    let name = format!("the store {text} for {name}, all warm");
                    let mut plan = Plan::new(name, reading, fleet_of(300));
                    (plan.length, plan.every) = (BEGINS + length + MINUTE * 20, every(seconds));
                    (plan.events, plan.outage) = (outage(BEGINS, length, hang, empty), policy);
                    let report = table.run(plan);
                    table.require_no_failed_read(&report);
                    table.require_at_most(&report, 1, "registrations", report.registrations());
                }
            }
        }
    }
}

/// The session is due for a refresh in the outage, or ends in it, or is revoked in it.
pub(super) fn due_and_revoked_tokens(table: &mut Table) {
    for reading in BOTH {
        for policy in POLICIES {
            let begins = DAY.mul_f64(0.74);
            for (name, length) in [("1 h, a refresh is due", HOUR), ("1 day, tokens of a day", DAY)] {
                let mut plan = Plan::new(format!("an outage of {name}"), reading, fleet_of(300));
                (plan.life, plan.quiet_until, plan.every) = (DAY, begins - MINUTE, every(60));
                plan.length = begins + length + HOUR;
                (plan.events, plan.outage) = (outage(begins, length, false, false), policy);
                let report = table.run(plan);
                let end = begins + length;
                let during = report.registrations_in(begins, end);
                if length == HOUR {
                    table.require_no_failed_read(&report);
                    table.require_at_most(&report, 0, "registrations in the outage", during);
                }
                require_convergence(table, &report, end);
            }
            let (begins, end) = (MINUTE * 30, MINUTE * 90);
            let mut plan = Plan::new("an outage of 1 h, tokens are revoked", reading, fleet_of(300));
            (plan.length, plan.every, plan.outage) = (end + HOUR, every(20), policy);
            plan.events = outage(begins, HOUR, false, false);
            plan.events.insert(1, (begins + MINUTE, Event::Revoke));
            let report = table.run(plan);
            let during = report.registrations_in(begins, end);
            let most = match policy {
                StoreOutage::Register => report.plan.processes * per_client(HOUR),
                _ => 0,
            };
            table.require_at_most(&report, most, "registrations in the outage", during);
            require_convergence(table, &report, end);
        }
    }
}

/// No process has a session when the outage begins, or processes start anew all the time.
pub(super) fn cold_and_rolling_starts(table: &mut Table) {
    for reading in BOTH {
        for policy in POLICIES {
            for is_cold in [true, false] {
                let name =
                    if is_cold { "an outage of 1 h, all cold" } else { "an outage of 1 h, 20 min uptime" };
                let begins = if is_cold { Duration::ZERO } else { MINUTE * 30 };
                let mut plan = Plan::new(name, reading, fleet_of(300));
                (plan.length, plan.every, plan.outage) = (begins + HOUR * 2, every(20), policy);
                plan.events = outage(begins, HOUR, false, false);
                if is_cold {
                    plan.starts_within = HOUR;
                } else {
                    plan.uptime = Some(MINUTE * 20);
                }
                let report = table.run(plan);
                let during = report.registrations_in(begins, begins + HOUR);
                // A process that starts anew begins with a registration again.
                let clients = if is_cold { report.plan.processes } else { report.starts };
                let most = match policy {
                    StoreOutage::Register => clients * per_client(HOUR),
                    _ => 0,
                };
                table.require_at_most(&report, most, "registrations in the outage", during);
                require_convergence(table, &report, begins + HOUR);
            }
        }
    }
}

/// Holders whose lease ends before they publish their session. When they do, others start and look into the store.
pub(super) fn a_sleeping_lease_holder(table: &mut Table) {
    for reading in BOTH {
        for asleep in [1, 3] {
            let mut plan = Plan::new(format!("{asleep} of 6 sleep with the lease"), reading, 6);
            (plan.length, plan.every) = (HOUR / 2, every(1));
            let revoked = MINUTE * 10;
            let nap = Duration::from_secs(90);
            plan.events = vec![(revoked, Event::Sleep { processes: asleep, nap }), (revoked, Event::Revoke)];
            let awake = |seconds| revoked + nap + Duration::from_secs(seconds);
            plan.events.extend((0..15).map(|seconds| (awake(seconds), Event::Restart(5))));
            let report = table.run(plan);
            table.require_at_most(&report, 2 + asleep, "registrations", report.registrations());
            require_convergence(table, &report, MINUTE * 15);
        }
    }
}
