//! `cargo xtask check`: formatting, lints, and the tests of what changed since the last commit.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{run, runner, test};

/// The conformance suite, the model checks and the long simulations are left to `cargo xtask test`.
const QUICK: &str =
    "--bins --lib --test=api --test=client --test=memory --test=sandbox --test=store --test=tool";
/// The tests in the examples, and those that run them as processes.
const EXAMPLES: &str = "--examples --test=examples";
const XTASK: &str = "--bins --test=description --test=regen --test=without_generator";

/// The test targets that a file affects, by the start of its path. The first one counts.
const AFFECTED: [(&str, &[&str]); 19] = [
    ("xtask/", &[XTASK]),
    ("src/bin/", &["--bins --test=tool"]),
    ("src/store/", &["--lib --test=store --test=tool"]),
    ("src/", &[QUICK]),
    ("build/", &[QUICK]),
    ("openapi/", &[QUICK]),
    ("tests/api/", &["--test=api"]),
    ("tests/client/", &["--test=client"]),
    ("tests/co", &["--test=conformance"]),
    ("tests/memory.rs", &["--test=memory"]),
    ("tests/sandbox/", &["--test=sandbox"]),
    ("tests/session/", &["--test=session"]),
    ("tests/store/", &["--test=store"]),
    ("tests/tool/", &["--test=tool"]),
    ("tests/examples.rs", &[EXAMPLES]),
    ("tests/", &[QUICK]),
    ("examples/", &[EXAMPLES]),
    ("build.rs", &[QUICK, XTASK]),
    ("Cargo.", &[QUICK, XTASK]),
];

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
    runner::test(&format!("{} {targets}", runner::ALL), &[("SIMULATE_SEEDS", "2")])
}

/// Returns the files that differ from the last commit, including untracked ones, one per line.
fn changed_files() -> Result<String, String> {
    let git = |arguments: &str| {
        let mut git = Command::new("git");
        git.args(arguments.split(' ')).current_dir(run::root());
        run::output(&mut git).map_err(|reason| format!("git {arguments}: {reason}"))
    };
    Ok(git("diff --name-only HEAD")? + &git("ls-files --others --exclude-standard --full-name")?)
}

/// Returns the test targets that the changed files affect.
fn selection(changed: &str) -> BTreeSet<&'static str> {
    let mut targets = BTreeSet::new();
    for path in changed.lines() {
        let affected = AFFECTED.iter().find(|(prefix, _)| path.starts_with(prefix));
        let affected = affected.into_iter().flat_map(|(_, targets)| *targets);
        targets.extend(affected.flat_map(|targets| targets.split(' ')));
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_selects_the_tests_of_its_module() {
        let selected = |changed| selection(changed).into_iter().collect::<Vec<_>>();
        assert_eq!(selected("tests/store/file.rs\nREADME.md"), ["--test=store"]);
        assert_eq!(selected("src/bin/social-plus-bot/main.rs"), ["--bins", "--test=tool"]);
        assert_eq!(selected("src/client/retry.rs"), QUICK.split(' ').collect::<Vec<_>>());
        assert_eq!(selected("tests/session/main.rs"), ["--test=session"]);
        assert_eq!(selected("xtask/src/main.rs"), XTASK.split(' ').collect::<Vec<_>>());
        assert_eq!(selected("examples/errors.rs"), EXAMPLES.split(' ').collect::<Vec<_>>());
        assert_eq!(selected("tests/examples.rs"), EXAMPLES.split(' ').collect::<Vec<_>>());
        assert_eq!(selected("README.md"), [""; 0]);
    }
}
