//! Checks for Cargo subcommands that only some tasks need.

use std::process::Command;

/// Returns an error with installation instructions if `cargo <subcommand>` is missing.
pub fn require(subcommand: &str, toolchain: Option<&str>) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(toolchain).args([subcommand, "--version"]);
    if command.output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let name = toolchain.map(|toolchain| toolchain.trim_start_matches('+'));
    let first = name.map(|name| format!("rustup toolchain install {name} and ")).unwrap_or_default();
    Err(format!("cargo {subcommand} is missing; install it: {first}cargo install cargo-{subcommand}"))
}
