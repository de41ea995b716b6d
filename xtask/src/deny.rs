//! `cargo xtask deny`: checks licences, versions, sources and known vulnerabilities of the dependencies, as `deny.toml`
//! says.

use crate::run::cargo;
use crate::tool;

/// Runs the `checks` of cargo-deny, or all if there are none. All of them fetch the database of vulnerabilities.
pub fn run(checks: &[String]) -> Result<(), String> {
    tool::require("deny")?;
    // A duplicate that is gone is a warning of its own, so that the list of exceptions stays true.
    cargo(&format!("deny check --deny warnings {}", checks.join(" ")))
}
