//! Clients of one device that do not share a session, and users that stay refused.

use super::run::{Event, Plan, Report};
use super::table::Table;
#[cfg(feature = "sealing")]
use super::world::Outcome;
use super::world::{BOTH, Reading, Setup, Trouble};
use super::*;
use crate::error::ErrorKind;

pub(super) fn a_refused_user(table: &mut Table) {
    let troubles = [
        ("all tokens are refused", Trouble::RefusesTokens),
        ("tokens and registrations are refused", Trouble::RefusesAll),
        ("429, back in an hour", Trouble::Busy(HOUR)),
    ];
    for (name, trouble) in troubles {
        for (begins, begun) in [(Duration::ZERO, ""), (MINUTE * 20, ", later")] {
            for processes in [1, 20] {
                let mut plan = Plan::new(format!("{name}{begun}"), Reading::Ends, processes);
                (plan.length, plan.every) = (begins + HOUR, every(5));
                plan.starts_within = Duration::from_secs(1);
                plan.events = vec![(begins, Event::Service(trouble)), (begins, Event::Revoke)];
                let report = table.run(plan);
                let requests = report.attempts.iter().filter(|attempt| attempt.at >= begins).count();
                table.require_at_most(&report, 5, "requests in an hour", requests);
            }
        }
    }
}

/// No client registers more than 10 times in the first hour, nor more than 4 times in one after it. In each minute but
/// `idle_most` one of them reads, and what fails says why.
fn require_pacing(table: &mut Table, report: &Report, from: Duration, idle_most: usize) {
    let periods = |period: Duration| {
        let starts = std::iter::successors(Some(from), move |start| Some(*start + period));
        starts.take_while(|start| *start < report.plan.length).map(move |start| (start, start + period))
    };
    let hours: Vec<_> = periods(HOUR).map(|(from, to)| report.most_attempts_in(from, to)).collect();
    table.line(format!("    most registrations of a client in each hour: {hours:?}"));
    for (hour, count) in hours.into_iter().enumerate() {
        let most = if hour == 0 { 10 } else { 4 };
        table.require_at_most(report, most, &format!("registrations of a client in hour {hour}"), count);
    }
    let is_idle = |(from, to): &_| !report.reads_in(*from, *to).any(|read| read.outcome.succeeded());
    let idle = periods(MINUTE).filter(is_idle).count();
    table.require_at_most(report, idle_most, "minutes in which no read succeeded", idle);
    let kinds = report.kinds();
    let is_named = kinds.iter().all(|(kind, _)| *kind == ErrorKind::DeviceInUse);
    table.require(report, is_named, format!("reads failed with {kinds:?}"));
}

pub(super) fn no_store(table: &mut Table) {
    for reading in BOTH {
        for processes in [1, 2, 3, 8, fleet_of(50)] {
            let mut plan = Plan::new("no store", reading, processes);
            (plan.length, plan.every) = (HOUR * 6, every(if processes > 8 { 9 } else { 5 }));
            plan.starts_within = MINUTE;
            plan.setup = |_, _, _| Setup::default();
            let report = table.run(plan);
            match (reading, processes) {
                (Reading::Ends, 2..) => require_pacing(table, &report, Duration::ZERO, 0),
                _ => {
                    table.require_no_failed_read(&report);
                    table.require_at_most(&report, processes, "registrations", report.registrations());
                }
            }
        }
    }
}

/// Two deployments that use one device id by mistake. A rotation of the API key looks the same, since a session is
/// stored for one API key.
pub(super) fn two_stores(table: &mut Table) {
    for reading in BOTH {
        let mut plan = Plan::new("two stores, or API keys", reading, 20);
        (plan.length, plan.every) = (HOUR * 6, every(10));
        plan.starts_within = MINUTE;
        plan.setup =
            |stores, number, _| Setup { store: Some(stores.0[number % 2].clone()), ..Setup::default() };
        let report = table.run(plan);
        match reading {
            Reading::Ends => require_pacing(table, &report, Duration::ZERO, 0),
            Reading::Keeps => {
                table.require_no_failed_read(&report);
                table.require_at_most(&report, 2, "registrations", report.registrations());
            }
        }
    }
}

/// Half of the processes start anew with the new key, and three hours later all of them.
#[cfg(feature = "sealing")]
pub(super) fn two_sealing_keys(table: &mut Table) {
    const HALF: Duration = Duration::from_secs(10 * 60);
    const ALL: Duration = Duration::from_secs(10 * 60 + 3 * 60 * 60);
    for reading in BOTH {
        let mut plan = Plan::new("half of them have another sealing key", reading, 20);
        (plan.length, plan.every) = (ALL + HOUR, every(10));
        plan.events = vec![(HALF, Event::Restart(10)), (ALL, Event::Restart(20))];
        plan.setup = |stores, _, started| Setup {
            store: Some(stores.0[0].clone()),
            seal: Some(if started < HALF { 1 } else { 2 }),
            ..Setup::default()
        };
        let report = table.run(plan);
        let before = report.registrations_in(Duration::ZERO, HALF);
        table.require_at_most(&report, 1, "registrations before it", before);
        let after = report.registrations_in(ALL + MINUTE, Duration::MAX);
        table.require_at_most(&report, 1, "registrations after it", after);
        table.require_at_most(&report, 1, "sessions at the end", report.last_tokens);
        if reading == Reading::Keeps {
            table.require_no_failed_read(&report);
            continue;
        }
        // Each half overwrites what the other has stored of refused tokens, so both can wait for the longest pause.
        require_pacing(table, &report, HALF, 20);
        let is_named = |outcome: &Outcome| match outcome {
            Outcome::Failed(error) => error.to_string().contains("sealed with another key"),
            _ => false,
        };
        let named = report.reads.iter().filter(|read| is_named(&read.outcome)).count();
        table.line(format!("    {named} of {} errors name the sealing key", report.failed()));
        table.require(&report, named * 2 > report.failed(), "most errors do not name the sealing key");
    }
}

#[cfg(not(feature = "sealing"))]
pub(super) fn two_sealing_keys(_: &mut Table) {}
