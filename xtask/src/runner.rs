//! Runs tests with cargo-nextest, or with `cargo test` if it is not installed. At the end it lists the failed tests
//! with their seeds and the commands that repeat them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::Command;
use std::time::Instant;

use crate::run::command;

/// The variable that a test with random input prints on failure, and reads to repeat the same input.
const SEED: &str = "TEST_SEED=";

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Failed {
    binary: Binary,
    name: String,
}

/// The test binary, as arguments of `cargo test`.
type Binary = String;

/// The features of all tests. Each further feature set would build the dependencies again.
const ALL: &str = "--workspace --all-features";

/// Runs the tests of `targets` with all features, or all tests if it is empty.
pub fn test(targets: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    test_with(&format!("{ALL} {targets}"), variables)
}

/// Runs the tests that `arguments` select, split at spaces.
pub fn test_with(arguments: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let nextest = command("nextest --version").output().is_ok_and(|output| output.status.success());
    let (shown, read): (_, fn(&[String]) -> Report) = if nextest {
        (format!("nextest run {arguments}"), nextest_report)
    } else {
        (format!("test {arguments} --no-fail-fast"), cargo_report)
    };
    eprintln!("\n--- cargo {shown}");
    let start = Instant::now();
    let (status, lines) = output(command(&shown).envs(variables.iter().copied()))
        .map_err(|error| format!("cargo {shown}: {error}"))?;
    eprintln!("--- {:.1} s", start.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("cargo {shown}: {status}\n{}", read(&lines))) }
}

/// Runs `command`, passes its output through, and returns its lines.
fn output(command: &mut Command) -> io::Result<(std::process::ExitStatus, Vec<String>)> {
    // One pipe for both streams preserves the order of their lines.
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // `command` holds write ends of the pipe. Reading would never end if they stayed open.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut lines = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        // If standard error is closed, the tests still run to their end.
        writeln!(io::stderr(), "{line}").ok();
        lines.push(line);
    }
    Ok((child.wait()?, lines))
}

/// The failed tests, with the seed if one was printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report(BTreeMap<Failed, Option<String>>);

impl Report {
    fn record_seed(&mut self, failed: &Failed, line: &str) {
        if let Some((_, seed)) = line.split_once(SEED) {
            let seed = seed.chars().take_while(char::is_ascii_digit).collect();
            self.0.insert(failed.clone(), Some(seed));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Failed { binary, name }, seed) in &self.0 {
            let seed = seed.as_ref().map(|seed| format!("{SEED}{seed} ")).unwrap_or_default();
            writeln!(f, "failed: {name}\n  repeat with: {seed}cargo test {ALL} {binary} -- --exact {name}")?;
        }
        Ok(())
    }
}

/// Parses lines such as `FAIL [ 0.005s] ( 1/17) social-plus-bot::store file::name`, each followed by the output of the
/// test.
fn nextest_report(lines: &[String]) -> Report {
    let mut report = Report::default();
    let mut current = None;
    for line in lines {
        match nextest_failed(line) {
            Some(failed) => {
                report.0.entry(failed.clone()).or_default();
                current = Some(failed);
            }
            None => {
                if let Some(failed) = &current {
                    report.record_seed(failed, line);
                }
            }
        }
    }
    report
}

fn nextest_failed(line: &str) -> Option<Failed> {
    let (status, rest) = line.trim_start().split_once(' ')?;
    let failed = matches!(status, "FAIL" | "TIMEOUT" | "ABORT") || status.starts_with("SIG");
    let (_, rest) = failed.then(|| rest.split_once(')'))??;
    let (binary, name) = rest.trim().split_once(' ')?;
    let (_, target) = binary.split_once("::").unwrap_or((binary, ""));
    let target = match target.split_once('/') {
        _ if target.is_empty() => "--lib".to_owned(),
        Some((kind, target)) => format!("--{kind} {target}"),
        None => format!("--test {target}"),
    };
    Some(Failed { binary: target, name: name.trim().to_owned() })
}

/// Parses lines such as `Running tests/store/main.rs (…)`, `test file::name ... FAILED` and `---- file::name stdout ----`.
fn cargo_report(lines: &[String]) -> Report {
    let mut report = Report::default();
    let mut binary = String::new();
    let mut current = None;
    for line in lines {
        if let Some(running) = line.trim_start().strip_prefix("Running ") {
            binary = cargo_binary(running);
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            report.0.entry(Failed { binary: binary.clone(), name: name.to_owned() }).or_default();
        } else if let Some(name) =
            line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----"))
        {
            current = Some(Failed { binary: binary.clone(), name: name.to_owned() });
        } else if let Some(failed) = &current {
            report.record_seed(failed, line);
        }
    }
    report
}

fn cargo_binary(running: &str) -> Binary {
    let path = running.trim_start_matches("unittests ").split(" (").next().unwrap_or_default();
    // The name of the binary is its file name without the hash.
    let program = running.rsplit(['/', '\\']).next().and_then(|file| file.rsplit_once('-'));
    let program = program.map(|(name, _)| name).unwrap_or_default();
    match path {
        "src/lib.rs" => "--lib".to_owned(),
        _ if path.starts_with("src") => format!("--bin {program}"),
        _ => format!("--test {program}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nextest_failures_are_listed_with_seeds_and_commands() {
        let printed = "\
        PASS [   0.005s] ( 1/17) social-plus-bot::store file::good
        FAIL [   0.005s] ( 2/17) social-plus-bot::store file::bad
  stdout ───
    TEST_SEED=42: no token
        FAIL [   0.005s] ( 3/17) social-plus-bot retry::tests::worse
     TIMEOUT [ 900.005s] ( 4/17) xtask::bin/xtask hangs
     Summary [   1.0s] 17 tests run: 14 passed, 3 failed
        FAIL [   0.005s] ( 2/17) social-plus-bot::store file::bad";
        let report = nextest_report(&lines(printed)).to_string();
        assert_eq!(
            report,
            "\
failed: hangs
  repeat with: cargo test --workspace --all-features --bin xtask -- --exact hangs
failed: retry::tests::worse
  repeat with: cargo test --workspace --all-features --lib -- --exact retry::tests::worse
failed: file::bad
  repeat with: TEST_SEED=42 cargo test --workspace --all-features --test store -- --exact file::bad
"
        );
    }

    #[test]
    fn cargo_test_failures_are_listed_with_seeds_and_commands() {
        let printed = "     Running unittests src/lib.rs (target/debug/deps/social_plus_bot-0123)
test good ... ok
     Running tests/store/main.rs (target/debug/deps/store-4567)
test file::bad ... FAILED
---- file::bad stdout ----
TEST_SEED=42
thread panicked";
        let report = cargo_report(&lines(printed)).to_string();
        assert_eq!(
            report,
            "\
failed: file::bad
  repeat with: TEST_SEED=42 cargo test --workspace --all-features --test store -- --exact file::bad
"
        );
    }
}
