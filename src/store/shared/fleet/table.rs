//! The table of what the fleets went through, and what was required of them.

use std::fmt::{Display, Write};

use super::run::{Plan, Report, run};
use super::world::Reading;

/// Rows, and the requirements that were not met.
pub(super) struct Table {
    seed: u64,
    pub(super) text: String,
    pub(super) unmet: Vec<String>,
}

pub(super) const LEGEND: &str = "\
older tokens: whether a registration ends them. outage: what a client does that needs a session while its store is down.
registrations: those that issued a token, and requests. operations: of the store, for each process.
";

pub(super) fn heading() -> String {
    format!(
        "{:42} {:6} {:8} {:>9} {:>6} {:>13} {:>8} {:>6} {:>9} {:>8} {:>10}  failed",
        "set-up",
        "older",
        "outage",
        "processes",
        "starts",
        "registrations",
        "requests",
        "reads",
        "succeeded",
        "repeated",
        "operations"
    )
}

impl Table {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, text: String::new(), unmet: Vec::new() }
    }

    pub(super) fn line(&mut self, line: impl Display) {
        writeln!(self.text, "{line}").unwrap();
    }

    /// Runs a plan.
    pub(super) fn measure(&self, plan: Plan) -> Report {
        run(plan, self.seed)
    }

    /// Runs a plan, and writes a row about it.
    pub(super) fn run(&mut self, plan: Plan) -> Report {
        let report = self.measure(plan);
        let Plan { name, reading, processes, outage, .. } = &report.plan;
        let reading = match reading {
            Reading::Ends => "ended",
            Reading::Keeps => "kept",
        };
        let failed: Vec<_> = report.kinds().iter().map(|(kind, count)| format!("{count} {kind:?}")).collect();
        let row = format!(
            "{name:42} {reading:6} {:8} {processes:9} {:6} {:13} {:8} {:6} {:8.2}% {:8} {:10.1}  {}",
            format!("{outage:?}"),
            report.starts,
            report.registrations(),
            report.attempts.len(),
            report.reads.len(),
            100.0 * report.fraction(),
            report.repeated(),
            report.operations_each(),
            failed.join(", "),
        );
        self.line(row.trim_end());
        report
    }

    /// Notes what was required of the report, if it is not met.
    pub(super) fn require(&mut self, report: &Report, is_met: bool, unmet: impl Display) {
        if !is_met {
            let Plan { name, reading, outage, processes, .. } = &report.plan;
            self.unmet.push(format!("{name}, {reading:?}, {outage:?}, {processes} processes: {unmet}"));
        }
    }

    pub(super) fn require_at_most(&mut self, report: &Report, most: usize, what: &str, count: usize) {
        self.require(report, count <= most, format!("{count} {what}, more than {most}"));
    }

    pub(super) fn require_no_failed_read(&mut self, report: &Report) {
        let failed = report.reads.iter().find(|read| !read.outcome.succeeded());
        let unmet = format!("{} reads failed, the first: {failed:?}", report.failed());
        self.require(report, failed.is_none(), unmet);
    }
}
