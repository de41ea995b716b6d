//! Fleets whose store works, most of the time.

use super::outages::{POLICIES, outage};
use super::run::{Event, Plan, Report};
use super::table::Table;
use super::world::{BOTH, Reading, Trouble};
use super::*;

/// No read fails, and there are at most one and a half registrations in the life of a token.
fn require_one_session(table: &mut Table, report: &Report) {
    let Plan { length, life, .. } = report.plan;
    let most = 1.0 + 1.5 * length.as_secs_f64() / life.as_secs_f64();
    table.require_no_failed_read(report);
    table.require_at_most(report, most as usize, "registrations", report.registrations());
}

pub(super) fn a_month(table: &mut Table) {
    for reading in BOTH {
        for processes in [1, 20, 1_000] {
            let mut plan = Plan::new("a month, each starts once a day", reading, fleet_of(processes));
            (plan.life, plan.length, plan.every) = (DAY, DAY * 30, HOUR * 8);
            plan.uptime = Some(DAY);
            let report = table.run(plan);
            require_one_session(table, &report);
        }
    }
}

/// The service and the store fail in turn, for an hour each time. In the policy that fails, no read fails at another
/// time, and the outages cost no registration.
pub(super) fn a_month_with_outages(table: &mut Table) {
    const OUTAGES: u32 = 10;
    for reading in BOTH {
        for policy in POLICIES {
            let mut plan = Plan::new("a month, 10 outages of 1 h", reading, fleet_of(1_000));
            (plan.life, plan.length, plan.every) = (DAY, DAY * 30, HOUR * 8);
            (plan.uptime, plan.outage) = (Some(DAY), policy);
            let part = plan.length / OUTAGES;
            let begins = (0..OUTAGES).map(|number| part * number + part.mul_f64(0.1 + 0.7 * fastrand::f64()));
            let begins: Vec<_> = begins.collect();
            plan.events = begins
                .iter()
                .enumerate()
                .flat_map(|(number, begins)| match number % 2 {
                    0 => vec![
                        (*begins, Event::Service(Trouble::Down)),
                        (*begins + HOUR, Event::Service(Trouble::None)),
                    ],
                    _ => outage(*begins, HOUR, false, false),
                })
                .collect();
            let report = table.run(plan);
            // In the other policy, who registered in the outage publishes its session with its next read, hours later.
            if policy == StoreOutage::Fail {
                let is_explained = |at: Duration| {
                    begins.iter().any(|begins| (*begins..*begins + HOUR + MINUTE * 2).contains(&at))
                };
                let failed =
                    report.reads.iter().find(|read| !read.outcome.succeeded() && !is_explained(read.at));
                table.require(
                    &report,
                    failed.is_none(),
                    format!("a read failed without a reason: {failed:?}"),
                );
                table.require_at_most(&report, 46, "registrations", report.registrations());
            }
        }
    }
}

pub(super) fn rolling_restarts(table: &mut Table) {
    for reading in BOTH {
        let mut plan = Plan::new("each starts every 10 min", reading, 20);
        (plan.life, plan.length, plan.every) = (HOUR, HOUR * 10, every(60));
        plan.uptime = Some(MINUTE * 10);
        let report = table.run(plan);
        require_one_session(table, &report);
    }
}

/// Many requests are in flight while a renewal ends their token.
pub(super) fn short_tokens(table: &mut Table) {
    for reading in BOTH {
        let mut plan = Plan::new("tokens of a minute", reading, 16);
        (plan.life, plan.length, plan.every) = (MINUTE, MINUTE * 20, every(1));
        let report = table.run(plan);
        require_one_session(table, &report);
    }
}

pub(super) fn revocation(table: &mut Table) {
    for reading in BOTH {
        for (store, operation) in [("", 2), (", slow store", 300)] {
            let mut plan = Plan::new(format!("an admin revokes 3 times{store}"), reading, fleet_of(1_000));
            (plan.length, plan.every) = (HOUR * 2, every(20));
            plan.operation = Duration::from_millis(operation);
            plan.events = [30, 35, 90].map(|minutes| (MINUTE * minutes, Event::Revoke)).into();
            let report = table.run(plan);
            table.require_no_failed_read(&report);
            table.require_at_most(&report, 4, "registrations", report.registrations());
        }
    }
}

/// At most so many registrations are tried in a time, if the pause after the first is `pause`, and doubles up to
/// `longest`.
fn tries(time: Duration, mut pause: Duration, longest: Duration) -> usize {
    let (mut count, mut at) = (1, Duration::ZERO);
    while at + pause < time {
        at += pause;
        count += 1;
        pause = (pause * 2).min(longest);
    }
    count
}

/// Each try is up to four requests. A process that has a session looks into the store once for each try of whichever
/// process, and one that has none for each of its reads.
pub(super) fn a_service_that_fails(table: &mut Table) {
    const TIME: Duration = Duration::from_secs(2 * 60 * 60);
    for (name, is_warm) in [("2 h of failing refreshes", true), ("2 h of failing registrations", false)] {
        let mut plan = Plan::new(name, Reading::Ends, fleet_of(300));
        plan.life = DAY;
        let begins = if is_warm { DAY.mul_f64(0.8) } else { Duration::ZERO };
        (plan.quiet_until, plan.length, plan.every) = (begins, begins + TIME, every(20));
        plan.starts_within = if is_warm { Duration::ZERO } else { MINUTE };
        plan.events = vec![(Duration::from_secs(5), Event::Service(Trouble::Down))];
        if !is_warm {
            plan.events[0].0 = Duration::ZERO;
            // A process that starts anew knows nothing of the failures but what is stored.
            plan.uptime = Some(MINUTE * 10);
        }
        let report = table.run(plan);
        let (tries, operations) = if is_warm {
            table.require_no_failed_read(&report);
            let tries = tries(TIME, MINUTE / 2, MINUTE * 15);
            (tries, tries * 6)
        } else {
            let reads_each = report.reads.len() / report.plan.processes;
            (tries(TIME, Duration::from_secs(1), MINUTE), reads_each * 3 / 2)
        };
        let requests = report.attempts.iter().filter(|attempt| !attempt.registered).count();
        table.require_at_most(&report, tries * 4, "requests", requests);
        let each = report.operations_each();
        let unmet = format!("{each} store operations of a process, more than {operations}");
        table.require(&report, each <= operations as f64, unmet);
    }
}

/// Refreshes fail, and when the service works again, the token has ended: in the one reading with the first answer that
/// was lost, or because an admin revokes it.
pub(super) fn tokens_that_end_after_failed_refreshes(table: &mut Table) {
    for reading in BOTH {
        for (text, trouble) in [("lost answers", Trouble::LosesAnswers), ("503", Trouble::Down)] {
            let name = format!("1 h of {text}, then a revocation");
            let mut plan = Plan::new(name, reading, fleet_of(300));
            let begins = DAY.mul_f64(0.8);
            let ends = begins + HOUR;
            (plan.life, plan.quiet_until, plan.length, plan.every) = (DAY, begins, ends + HOUR, every(10));
            plan.events = vec![
                (MINUTE, Event::Service(trouble)),
                (ends, Event::Service(Trouble::None)),
                (ends, Event::Revoke),
            ];
            let report = table.run(plan);
            let late = report.reads_in(ends, Duration::MAX).filter(|read| !read.outcome.succeeded());
            let last = late.map(|read| read.at - ends).max().unwrap_or_default();
            table.line(format!("    the last read that failed began {last:.0?} after the hour"));
            table.require(&report, last < MINUTE * 2, format!("a read failed {last:.0?} after the hour"));
        }
    }
}
