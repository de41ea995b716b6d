//! Running a command as a person would: shown, its output passed through, a failure named.

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

/// Runs `cargo` with `arguments`, split at spaces.
pub fn cargo(arguments: &str) -> Result<(), String> {
    cargo_with(arguments, &[])
}

/// Runs `cargo` with `arguments`, split at spaces, and further environment variables.
pub fn cargo_with(arguments: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments.split_whitespace()).envs(variables.iter().copied());
    shown(&format!("cargo {arguments}"), &mut command)
}

/// Runs `command` under the name `shown`.
pub fn shown(shown: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n--- {shown}");
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    eprintln!("--- {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}
