//! Tools that only some chores need: found, or asked for.

use std::process::Command;

/// Sees to it that `cargo <subcommand>` exists.
pub fn require(subcommand: &str, toolchain: Option<&str>) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(toolchain).args([subcommand, "--version"]);
    let there = command.output().is_ok_and(|output| output.status.success());
    if there {
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
