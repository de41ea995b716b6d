//! `cargo xtask check`: formatting, lints, and the tests of what changed since the last commit.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{runner, test};

/// The conformance suite, the model checks and the long simulations are left to `cargo xtask test`.
const QUICK: [&str; 8] = [
    "--bins",
    "--lib",
    "--test api",
    "--test client",
    "--test memory",
    "--test sandbox",
    "--test store",
    "--test tool",
];

const XTASK: [&str; 4] = ["--bins", "--test description", "--test regen", "--test without_generator"];

/// Runs the checks.
pub fn run() -> Result<(), String> {
    test::format_and_lint()?;
    let changed = changed_files()?;
    let targets = selection(&changed);
    if targets.is_empty() {
        return Ok(());
    }
    test::install_requirements()?;
    let targets = targets.into_iter().collect::<Vec<_>>().join(" ");
    runner::test(&targets, &[("SIMULATE_SEEDS", "2")])
}

/// Returns the files that differ from the last commit, including untracked ones, one per line.
fn changed_files() -> Result<String, String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().map_err(|error| format!("git: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    };
    let new = git(&["ls-files", "--others", "--exclude-standard", "--full-name"])?;
    Ok(git(&["diff", "--name-only", "HEAD"])? + &new)
}

/// Returns the test targets that the changed files affect.
fn selection(changed: &str) -> BTreeSet<&'static str> {
    let mut targets = BTreeSet::new();
    for path in changed.lines() {
        let mut folders = path.split('/');
        match (folders.next(), folders.next()) {
            (Some("xtask"), _) => targets.extend(XTASK),
            (Some("src"), Some("bin")) => targets.extend(["--bins", "--test tool"]),
            (Some("src"), Some("store")) => targets.extend(["--lib", "--test store", "--test tool"]),
            (Some("src" | "build" | "openapi"), _) => targets.extend(QUICK),
            (Some("tests"), Some(folder)) => {
                let own_target = QUICK.iter().find(|target| target.strip_prefix("--test ") == Some(folder));
                match (own_target, folder) {
                    (Some(target), _) => drop(targets.insert(*target)),
                    (None, "conformance" | "corpus") => drop(targets.insert("--test conformance")),
                    (None, "memory.rs") => drop(targets.insert("--test memory")),
                    (None, "session") => drop(targets.insert("--test session")),
                    (None, _) => targets.extend(QUICK),
                }
            }
            (Some("examples"), _) => drop(targets.insert("--test client")),
            (Some("build.rs" | "Cargo.toml" | "Cargo.lock"), _) => {
                targets.extend(QUICK);
                targets.extend(XTASK);
            }
            _ => {}
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_selects_the_tests_of_its_module() {
        let selected = |changed| selection(changed).into_iter().collect::<Vec<_>>();
        assert_eq!(selected("tests/store/file.rs\nREADME.md"), ["--test store"]);
        assert_eq!(selected("src/bin/social-plus-bot/main.rs"), ["--bins", "--test tool"]);
        assert_eq!(selected("src/client/retry.rs"), QUICK);
        assert_eq!(selected("tests/session/main.rs"), ["--test session"]);
        assert_eq!(selected("xtask/src/main.rs"), XTASK);
        assert_eq!(selected("README.md"), [""; 0]);
    }
}
