//! That client, contract and sandbox say the same, and how much of the contract that covers.
//!
//! `parts` lists what the contract consists of and what has to be shown of each part, by walking the
//! document. Each check compares, and notes what it has shown in a `record`. The suite holds if nothing is
//! wrong and nothing is left unshown. `cargo xtask conformance` prints the table.
//!
//! The suite is tested as well: `complete` leaves out each check, `altered` changes each part of a copy of
//! the contract, and `forgetful` makes the sandbox forget each rule. Each time the part has to be named.

#![forbid(unsafe_code)]

mod altered;
mod answering;
mod complete;
mod contract;
mod corpus;
mod decoding;
mod documented;
mod forbidden;
mod forgetful;
mod mismatching;
mod parts;
mod reading;
mod record;
mod refusing;
mod sending;
mod subject;
mod typing;
mod usable;
mod values;
mod walk;

use std::collections::BTreeMap;
use std::env;

use contract::Contract;
use record::Record;
use subject::Subject;

/// A check compares, notes what it has shown, and notes what is wrong.
type Check = fn(&Subject, &mut Record);

/// Every check, by the name that the table shows.
const CHECKS: [(&str, Check); 8] = [
    ("answering", answering::check),
    ("decoding", decoding::check),
    ("documented", documented::check),
    ("forbidden", forbidden::check),
    ("mismatching", mismatching::check),
    ("refusing", refusing::check),
    ("sending", sending::check),
    ("typing", typing::check),
];

/// Random instances of a normal run, at least.
const CASES: usize = 10_000;

fn run(subject: &Subject) -> BTreeMap<&'static str, Record> {
    let run = |(name, check): &(&'static str, Check)| {
        let mut record = Record::default();
        let start = std::time::Instant::now();
        check(subject, &mut record);
        println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
        (*name, record)
    };
    CHECKS.iter().map(run).collect()
}

/// The seed of this run: `TEST_SEED` repeats one that was printed before.
fn seed() -> u64 {
    let given = env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..))
}

#[test]
fn every_part_of_the_contract_is_exercised() {
    let seed = seed();
    println!("TEST_SEED={seed}");
    let subject = Subject::new(Contract::of_the_crate(), 3200, seed);
    let parts = parts::parts(&subject.contract);
    let records = run(&subject);
    println!("{}", record::table(&parts, &records));

    let decoded = records.values().map(|record| record.decoded).sum::<usize>();
    println!("{decoded} answers decoded");
    let faults =
        records.values().flat_map(|record| &record.faults).map(ToString::to_string).collect::<Vec<_>>();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let unexercised = record::unexercised(&parts, records.values());
    assert!(unexercised.is_empty(), "not exercised:\n{}", unexercised.join("\n"));
    assert!(decoded >= CASES, "{decoded}");
}
