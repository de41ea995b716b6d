//! `cargo xtask mutants`: changes the hand-written code in small ways and lists what no test notices.
//!
//! Each change is built and tested, so what is built is the least that these files need: the committed client, no
//! debugging information, and the tests that are about these files. A change that makes no difference to anyone
//! can be left out in `.cargo/mutants.toml`, with the reason; so far there is none.

use std::fs;
use std::process::Command;

use crate::tool;

/// Where survivors are either killed or explained.
const FILES: [&str; 5] = ["session/mod", "error/mod", "config/credentials", "config/region", "client/retry"];

/// The tests that are about these files; the others are slower and say no more.
const TESTS: [&str; 2] = ["client", "tool"];

const OUTPUT: &str = "target/mutants";

/// Tries every mutant of these files, or of those named by `file`, and fails if one survives.
pub fn run(file: Option<&str>) -> Result<(), String> {
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
    // The simulations are about none of these files.
    arguments.extend(["--", "--", "--skip=simulation::", "--skip=fleet::"].map(str::to_owned));
    fs::create_dir_all(OUTPUT).map_err(|error| format!("{OUTPUT}: {error}"))?;
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("\n--- {shown}");
    let mut command = Command::new("cargo");
    command.args(&arguments).envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_TEST_DEBUG", "0")]);
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    // 2 says that mutants survived, and 3 that some made the tests take five times as long: that, too, is noticed.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("{shown}: {status}"));
    }

    let list = format!("{OUTPUT}/mutants.out/missed.txt");
    let survivors = fs::read_to_string(&list).map_err(|error| format!("{list}: {error}"))?;
    for survivor in survivors.lines() {
        print_line!("survived: {survivor}");
    }
    match survivors.lines().count() {
        0 => Ok(()),
        count => Err(format!(
            "mutants that survived: {count}; kill each with a test, or explain it in .cargo/mutants.toml"
        )),
    }
}
