//! `cargo xtask mutants`: lists mutations of the hand-written code that no test detects.
//!
//! Each mutant is built and tested, so the build is as small as these files allow: the committed client, no debug
//! information, and only the tests of these files. An equivalent mutant can be excluded in `.cargo/mutants.toml`,
//! with the reason; so far there is none.

use std::fs;
use std::process::Command;

use crate::tool;

/// The files to mutate by default.
const FILES: [&str; 5] = ["session/mod", "error/mod", "config/credentials", "config/region", "client/retry"];

/// The test targets that cover these files. The others are slower and detect nothing more.
const TESTS: [&str; 2] = ["client", "tool"];

const OUTPUT: &str = "target/mutants";

/// Tests every mutant of [`FILES`], or of `file`, and fails if one is missed.
pub fn run(file: Option<String>) -> Result<(), String> {
    tool::require("mutants", None)?;
    let mut arguments = ["mutants", "--no-default-features", "--features=rustls,cli", "--jobs=1", "-C=--lib"]
        .map(str::to_owned)
        .to_vec();
    arguments.push(format!("--output={OUTPUT}"));
    arguments.extend(TESTS.map(|test| format!("-C=--test={test}")));
    match file {
        Some(file) => arguments.push(format!("--file={file}")),
        None => arguments.extend(FILES.map(|file| format!("--file=src/{file}.rs"))),
    }
    // The simulations cover none of these files.
    arguments.extend(["--", "--", "--skip=simulation::", "--skip=fleet::"].map(str::to_owned));
    fs::create_dir_all(OUTPUT).map_err(|error| format!("{OUTPUT}: {error}"))?;
    let name = format!("cargo {}", arguments.join(" "));
    eprintln!("\n--- {name}");
    let mut command = Command::new("cargo");
    command.args(&arguments).envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_TEST_DEBUG", "0")]);
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    // 2 means that mutants were missed, and 3 that some timed out, which counts as detected.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("{name}: {status}"));
    }

    let list = format!("{OUTPUT}/mutants.out/missed.txt");
    let missed = fs::read_to_string(&list).map_err(|error| format!("{list}: {error}"))?;
    for mutant in missed.lines() {
        print_line!("missed: {mutant}");
    }
    match missed.lines().count() {
        0 => Ok(()),
        count => Err(format!(
            "{count} missed mutants; add a test for each, or exclude it with a reason in .cargo/mutants.toml"
        )),
    }
}
