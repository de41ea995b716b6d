//! Runs commands: prints each one, passes its output through, and reports a failure with its name.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Returns the project folder that Cargo runs this program in, or else the current folder.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    manifest.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned()
}

/// Runs `cargo` with `arguments`, split at spaces.
pub fn cargo(arguments: &str) -> Result<(), String> {
    cargo_with(arguments, &[])
}

/// Runs `cargo` with `arguments`, split at spaces, and further environment variables.
pub fn cargo_with(arguments: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    run(&format!("cargo {arguments}"), command(arguments).envs(variables.iter().copied()))
}

/// Runs `cargo` with `arguments`, split at spaces, and returns its standard output.
pub fn cargo_output(arguments: &str) -> Result<String, String> {
    eprintln!("\n--- cargo {arguments}");
    let output = command(arguments).output().map_err(|error| format!("cargo {arguments}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Returns a command that runs `cargo` with `arguments`, split at spaces.
pub fn command(arguments: &str) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments.split_whitespace());
    command
}

/// Runs `command`, and calls it `name` in messages.
pub fn run(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n--- {name}");
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    eprintln!("--- {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}
