//! `cargo xtask semver`: compares the public API with that of the last release, with cargo-semver-checks.

use std::process::Command;

use crate::run::{self, cargo, root};
use crate::tool;

/// Fails if the version in `Cargo.toml` is not high enough for what changed since the last release.
pub fn run() -> Result<(), String> {
    let Some(tag) = last_release()? else {
        print_line!("no release to compare with: no tag of a version is part of this branch");
        return Ok(());
    };
    tool::require("semver-checks")?;
    cargo(&format!("semver-checks --package social-plus-bot --all-features --baseline-rev {tag}"))
}

/// Returns the tag of the highest version that is part of this branch.
pub fn last_release() -> Result<Option<String>, String> {
    let tags = ["tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname"];
    let tags = run::output(Command::new("git").args(tags).current_dir(root()))
        .map_err(|reason| format!("git tag: {reason}"))?;
    Ok(tags.lines().next().map(str::to_owned))
}
