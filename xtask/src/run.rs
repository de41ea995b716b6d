//! Runs commands: prints each one, passes its output through, and reports a failure with its name.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    output(command(arguments).stderr(Stdio::inherit()))
        .map_err(|reason| format!("cargo {arguments}: {reason}"))
}

/// Runs `command` and returns its standard output.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| "its output is not UTF-8".to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(stderr.lines().next().map_or_else(|| output.status.to_string(), str::to_owned))
}

/// Returns a command that runs `cargo` with `arguments`, split at spaces, in the project folder.
pub fn command(arguments: &str) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments.split_whitespace()).current_dir(root());
    command
}

/// Runs the `cargo` of a rustup `toolchain`, such as `+nightly`, in the project folder.
pub fn with_toolchain(toolchain: &str, arguments: &str) -> Result<(), String> {
    // This is rustup's proxy, and `$CARGO` the cargo of the default toolchain.
    let mut command = Command::new("cargo");
    command.arg(toolchain).args(arguments.split_whitespace()).current_dir(root());
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    run(&format!("cargo {toolchain} {arguments}"), &mut command)
}

/// Runs `command`, and calls it `name` in messages.
pub fn run(name: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n--- {name}");
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    eprintln!("--- {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}
