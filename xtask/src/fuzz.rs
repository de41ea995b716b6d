//! `cargo xtask fuzz`: runs each fuzz target.

use crate::{run, tool};

/// The fuzz targets in `fuzz/`.
const TARGETS: [&str; 3] = ["response", "error_body", "headers"];

/// Lets the stable toolchain build with the sanitizers that cargo-fuzz uses.
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Runs each target for `seconds`. New inputs are not added to the committed corpus, which is small
/// and curated.
pub fn run(seconds: u32) -> Result<(), String> {
    tool::require("fuzz")?;
    for target in TARGETS {
        // The fuzzer writes new inputs to the first folder and only reads the second.
        let found = format!("fuzz/target/corpus/{target}");
        std::fs::create_dir_all(run::root().join(&found)).map_err(|error| format!("{found}: {error}"))?;
        let arguments =
            format!("fuzz run {target} {found} tests/corpus/{target} -- -max_total_time={seconds}");
        run::cargo_with(&arguments, &[UNSTABLE])?;
    }
    Ok(())
}
