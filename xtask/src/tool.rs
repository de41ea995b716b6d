//! Checks for Cargo subcommands that only some tasks need.

use crate::run;

/// Returns an error with installation instructions if `cargo <subcommand>` is missing.
pub fn require(subcommand: &str) -> Result<(), String> {
    if run::command(subcommand).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!("cargo {subcommand} is missing; install it: cargo install cargo-{subcommand}"))
}
