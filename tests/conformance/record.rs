//! What the checks have shown, noted at the place where each of them compares.
//!
//! A check does not stop at a fault: it notes which part of the contract it concerns and goes on, so that a
//! run tells everything at once, and so that a test can ask whether an altered contract is told from the
//! real one *by name*.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use crate::parts::{Part, Proof};

#[derive(Default)]
pub struct Record {
    shown: BTreeSet<(String, Proof)>,
    pub faults: Vec<Fault>,
    /// How many instances were decoded.
    pub decoded: usize,
}

/// A part of the contract that the crate does otherwise.
#[derive(Debug)]
pub struct Fault {
    pub part: String,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.what)
    }
}

impl Record {
    pub fn shown(&mut self, proof: Proof, part: impl Into<String>) {
        self.shown.insert((part.into(), proof));
    }

    pub fn fault(&mut self, part: impl Into<String>, what: impl Into<String>) {
        self.faults.push(Fault { part: part.into(), what: what.into() });
    }

    /// Notes that `part` was shown if `holds`, and a fault otherwise.
    pub fn compare(&mut self, proof: Proof, part: &str, holds: bool, what: impl FnOnce() -> String) {
        if holds { self.shown(proof, part) } else { self.fault(part, what()) }
    }

    pub fn has(&self, part: &str, proof: Proof) -> bool {
        self.shown.contains(&(part.to_owned(), proof))
    }
}

/// The parts of which something was not shown, each with what.
pub fn unexercised<'a>(parts: &[Part], records: impl Iterator<Item = &'a Record> + Clone) -> Vec<String> {
    let lacks = |part: &Part| {
        let missing = part.due.iter().filter(|proof| !records.clone().any(|it| it.has(&part.id, **proof)));
        missing.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let lacking = parts.iter().map(|part| (part, lacks(part))).filter(|(_, lacks)| !lacks.is_empty());
    lacking.map(|(part, lacks)| format!("{} is not {lacks}", part.id)).collect()
}

/// A line for each part: what was shown of it, and by which checks.
pub fn table(parts: &[Part], records: &BTreeMap<&str, Record>) -> String {
    let width = parts.iter().map(|part| part.id.len()).max().unwrap_or_default();
    let mut table = String::new();
    let mut shown = 0;
    for part in parts {
        let of = |proof: &Proof| {
            let by = records.iter().filter(|(_, record)| record.has(&part.id, *proof));
            let by = by.map(|(check, _)| *check).collect::<Vec<_>>().join(", ");
            if by.is_empty() { format!("{proof}: NOT SHOWN") } else { format!("{proof}: {by}") }
        };
        let proofs = part.due.iter().map(of).collect::<Vec<_>>();
        shown += usize::from(!proofs.iter().any(|proof| proof.ends_with("NOT SHOWN")));
        writeln!(table, "{:width$}  {}", part.id, proofs.join("; ")).unwrap();
    }
    let share = 100.0 * shown as f64 / parts.len() as f64;
    writeln!(table, "\n{shown} of {} parts of the contract exercised: {share:.1} %", parts.len()).unwrap();
    table
}
