//! `cargo xtask fuzz`: each fuzz target, for a minute.

use std::process::Command;

use crate::{run, tool};

/// The targets of `fuzz/`.
const TARGETS: [&str; 2] = ["response", "error_body"];

const NIGHTLY: &str = "+nightly";

/// Runs each target for `seconds`, 60 if not given. What is found new stays out of the corpus, which is
/// small and chosen.
pub fn run(seconds: Option<&str>) -> Result<(), String> {
    tool::require("fuzz", Some(NIGHTLY))?;
    let seconds: u32 = seconds
        .map_or(Ok(60), str::parse)
        .map_err(|_| "cargo xtask fuzz takes a number of seconds for each target".to_owned())?;
    for target in TARGETS {
        // The first folder is where the fuzzer writes, the second is only read.
        let found = format!("fuzz/target/corpus/{target}");
        std::fs::create_dir_all(&found).map_err(|error| format!("{found}: {error}"))?;
        let arguments =
            format!("fuzz run {target} {found} tests/corpus/{target} -- -max_total_time={seconds}");
        // Through rustup's own cargo: the one that runs this is that of the default toolchain.
        let mut command = Command::new("cargo");
        command.arg(NIGHTLY).args(arguments.split_whitespace());
        command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        run::run(&format!("cargo {NIGHTLY} {arguments}"), &mut command)?;
    }
    Ok(())
}
