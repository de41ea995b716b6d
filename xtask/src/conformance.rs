//! `cargo xtask conformance`: lists the parts of the contract with the checks that exercise them.

use crate::run::cargo;

/// Runs the main test of the suite, which prints the table.
pub fn run() -> Result<(), String> {
    cargo(
        "test --quiet --workspace --all-features --test conformance -- --exact --nocapture every_part_of_the_contract_is_exercised",
    )
}
