//! `cargo xtask fuzz`: runs each fuzz target.

use std::process::Command;

use crate::{run, tool};

/// The fuzz targets in `fuzz/`.
const TARGETS: [&str; 2] = ["response", "error_body"];

const NIGHTLY: &str = "+nightly";

/// Runs each target for `seconds`. New inputs are not added to the committed corpus, which is small
/// and curated.
pub fn run(seconds: u32) -> Result<(), String> {
    tool::require("fuzz", Some(NIGHTLY))?;
    for target in TARGETS {
        // The fuzzer writes new inputs to the first folder and only reads the second.
        let found = format!("fuzz/target/corpus/{target}");
        std::fs::create_dir_all(&found).map_err(|error| format!("{found}: {error}"))?;
        let arguments =
            format!("fuzz run {target} {found} tests/corpus/{target} -- -max_total_time={seconds}");
        // Run rustup's proxy instead of `$CARGO`, which is the cargo of the default toolchain.
        let mut command = Command::new("cargo");
        command.arg(NIGHTLY).args(arguments.split_whitespace());
        command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        run::run(&format!("cargo {NIGHTLY} {arguments}"), &mut command)?;
    }
    Ok(())
}
