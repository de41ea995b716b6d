//! `cargo xtask conformance`: which part of the contract is exercised by which check.

use crate::run::cargo;

/// Runs the suite's main test and shows the table that it prints.
pub fn run() -> Result<(), String> {
    cargo(
        "test --quiet --workspace --all-features --test conformance -- --exact --nocapture every_part_of_the_contract_is_exercised",
    )
}
