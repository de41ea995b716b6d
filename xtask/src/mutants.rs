//! `cargo xtask mutants`: changes the hand-written code in small ways and lists what no test notices.

use std::process::Command;

use crate::{run, tool};

/// Where survivors are either killed or explained.
const FILES: [&str; 5] = ["session", "error", "credentials", "region", "retry"];

/// The tests that are about these files; the others are slower and say no more.
const TESTS: [&str; 5] = ["command_line", "configuration", "refusals", "registration", "secrets"];

/// Tries every mutant of these files, or of those named by `file`.
pub fn survivors(file: Option<&str>) -> Result<(), String> {
    tool::need("mutants", None)?;
    let mut arguments =
        ["mutants", "--all-features", "-j1", "--timeout=90", "--output=target/mutants", "-C=--lib"]
            .map(str::to_owned)
            .to_vec();
    arguments.extend(TESTS.map(|test| format!("-C=--test={test}")));
    match file {
        Some(file) => arguments.push(format!("--file={file}")),
        None => arguments.extend(FILES.map(|file| format!("--file=src/{file}.rs"))),
    }
    run::shown(&format!("cargo {}", arguments.join(" ")), Command::new("cargo").args(&arguments))
}
