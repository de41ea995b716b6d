//! `cargo xtask msrv` and `cargo xtask minimal-versions`: checks that the versions in `Cargo.toml` are true.

use std::process::Command;

use crate::regen::project::manifest;
use crate::{package, run};

/// Checks the crate with the oldest Rust version that it promises.
pub fn oldest_rust() -> Result<(), String> {
    let version = manifest("rust-version")?;
    let install = format!("rustup toolchain install {version} --profile minimal");
    let mut rustup = Command::new("rustup");
    run::run(&install, rustup.args(install.split(' ').skip(1)))?;
    let arguments = "check --locked --package social-plus-bot --all-features";
    run::with_toolchain(&format!("+{version}"), arguments)
}

/// Checks the crate with the oldest version of each dependency that `Cargo.toml` allows.
pub fn oldest_dependencies() -> Result<(), String> {
    // The packed crate has a lock file of its own, so that the project's stays as it is.
    let folder = package::unpacked()?;
    let run = |arguments: &str, bootstrap: &[(&str, &str)]| {
        let mut command = run::command(arguments);
        command.current_dir(&folder).envs(bootstrap.iter().copied());
        command.env("CARGO_TARGET_DIR", run::root().join("target"));
        run::run(&format!("cargo {arguments} (in the packed crate)"), &mut command)
    };
    // Tests are left out: users don't build them.
    run("update -Z direct-minimal-versions", &[("RUSTC_BOOTSTRAP", "1")])?;
    run("check --locked --all-features", &[])
}
