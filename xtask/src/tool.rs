//! Checks for Cargo subcommands that only some tasks need.

use std::process::Command;

/// Returns an error with installation instructions if `cargo <subcommand>` is missing.
pub fn require(subcommand: &str, toolchain: Option<&str>) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(toolchain).args([subcommand, "--version"]);
    let installed = command.output().is_ok_and(|output| output.status.success());
    if installed {
        return Ok(());
    }
    let toolchain = match toolchain {
        Some(toolchain) => {
            let name = toolchain.trim_start_matches('+');
            format!("rustup toolchain install {name} and ")
        }
        None => String::new(),
    };
    Err(format!("cargo {subcommand} is missing; install it: {toolchain}cargo install cargo-{subcommand}"))
}
