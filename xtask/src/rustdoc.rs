//! Documentation with rustdoc's unstable options, on a stable toolchain.
//!
//! The variable that allows them is set for rustdoc alone: Cargo runs this program in its place. Set for all of Cargo,
//! it would build each dependency again whose build script looks at it.

use std::env;
use std::process::{Command, ExitCode};

use crate::run::cargo_with;

/// The name of the real rustdoc, if Cargo started this program as rustdoc.
const REAL: &str = "XTASK_RUSTDOC";

/// Runs rustdoc if Cargo started this program for it.
pub fn as_rustdoc() -> Option<ExitCode> {
    let rustdoc = env::var_os(REAL)?;
    let status = Command::new(&rustdoc).args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    let code = match status {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        Err(error) => {
            eprintln!("error: {}: {error}", rustdoc.display());
            1
        }
    };
    Some(ExitCode::from(code))
}

/// Documents the crate with all features, with unstable `flags` for rustdoc.
pub fn document(flags: &str) -> Result<(), String> {
    let this = env::current_exe().map_err(|error| format!("failed to find this program: {error}"))?;
    let this = this.to_str().ok_or("the path of this program is not UTF-8")?;
    // Linux says so of a program that was replaced, as by a build of the tests. What is at its path is the same program.
    let this = this.strip_suffix(" (deleted)").unwrap_or(this);
    let rustdoc = env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".to_owned());
    // The features of dependencies are those of the whole workspace, so that they are not built again.
    cargo_with(
        "doc --workspace --lib --no-deps --all-features",
        &[("RUSTDOC", this), (REAL, &rustdoc), ("RUSTDOCFLAGS", flags)],
    )
}

/// `cargo xtask docs`: builds the documentation as docs.rs does, where a warning is an error.
pub fn docs() -> Result<(), String> {
    document("--cfg docsrs -D warnings")
}
