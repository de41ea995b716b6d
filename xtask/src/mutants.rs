//! `cargo xtask mutants`: lists mutations of the hand-written code that no test detects.
//!
//! Each mutant is built and tested, so the build is as small as these files allow: the committed client, no debug
//! information, and only the tests of these files. An equivalent mutant can be excluded in `.cargo/mutants.toml`,
//! with the reason; so far there is none.

use std::fs;

use crate::run::{command, root};
use crate::tool;

/// The files to mutate by default.
const FILES: &str = "--file=src/session/mod.rs --file=src/error/mod.rs --file=src/config/credentials.rs \
                     --file=src/config/region.rs --file=src/client/retry.rs";

/// The test targets that cover these files. The others are slower and detect nothing more.
const TESTS: &str = "-C=--lib -C=--test=client -C=--test=tool";

const OUTPUT: &str = "target/mutants";

/// Tests every mutant of [`FILES`], or of `file`, and fails if one is missed.
pub fn run(file: Option<String>) -> Result<(), String> {
    tool::require("mutants")?;
    let files = file.map_or_else(|| FILES.to_owned(), |file| format!("--file={file}"));
    // The simulations cover none of these files.
    let arguments = format!(
        "mutants --no-default-features --features=rustls,cli,unstable-api --jobs=1 --output={OUTPUT} {TESTS} {files} \
         -- -- --skip=simulation:: --skip=fleet::"
    );
    let output = root().join(OUTPUT);
    fs::create_dir_all(&output).map_err(|error| format!("{OUTPUT}: {error}"))?;
    let name = format!("cargo {arguments}");
    eprintln!("\n--- {name}");
    let mut command = command(&arguments);
    command.envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_TEST_DEBUG", "0")]);
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    // 2 means that mutants were missed, and 3 that some timed out, which counts as detected.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("{name}: {status}"));
    }

    let list = output.join("mutants.out/missed.txt");
    let missed = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
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
