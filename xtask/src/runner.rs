//! Runs tests, with cargo-nextest where it is installed and `cargo test` elsewhere, and repeats at the end which ones
//! failed, with their seeds and the commands that run them again.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::Command;
use std::time::Instant;

use crate::run::command;

/// What a test with random input prints, and reads to use the same input again.
const SEED: &str = "TEST_SEED=";

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Failed {
    binary: Binary,
    name: String,
}

/// The program that a test is part of, as arguments of `cargo test`.
type Binary = String;

/// One set of features for all tests: each further one builds the dependencies anew.
const ALL: &str = "--workspace --all-features";

/// Runs the tests that `targets` select of those with all features; all of them if it is empty.
pub fn test(targets: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    test_with(&format!("{ALL} {targets}"), variables)
}

/// Runs the tests that `arguments`, split at spaces, select.
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

/// Runs `command`, passes on what it prints, and returns it in lines.
fn output(command: &mut Command) -> io::Result<(std::process::ExitStatus, Vec<String>)> {
    // One pipe for both keeps their order.
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds ends of the pipe, and would keep it open.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut lines = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        // Who closed the output still wants the tests to end.
        writeln!(io::stderr(), "{line}").ok();
        lines.push(line);
    }
    Ok((child.wait()?, lines))
}

/// The failed tests and their seeds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report(BTreeMap<Failed, Option<String>>);

impl Report {
    fn note(&mut self, failed: &Failed, line: &str) {
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
            writeln!(f, "failed: {name}\n  again: {seed}cargo test {ALL} {binary} -- --exact {name}")?;
        }
        Ok(())
    }
}

/// Reads lines such as `FAIL [ 0.005s] ( 1/17) social-plus-bot::store file::name`, each followed by what the test
/// printed.
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
                    report.note(failed, line);
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

/// Reads lines such as `Running tests/store/main.rs (…)`, `test file::name ... FAILED` and `---- file::name stdout ----`.
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
            report.note(failed, line);
        }
    }
    report
}

fn cargo_binary(running: &str) -> Binary {
    let path = running.trim_start_matches("unittests ").split(" (").next().unwrap_or_default();
    // The name of the program is that of its file, less the hash.
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
    fn failures_of_nextest_are_listed_with_seeds_and_commands() {
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
  again: cargo test --workspace --all-features --bin xtask -- --exact hangs
failed: retry::tests::worse
  again: cargo test --workspace --all-features --lib -- --exact retry::tests::worse
failed: file::bad
  again: TEST_SEED=42 cargo test --workspace --all-features --test store -- --exact file::bad
"
        );
    }

    #[test]
    fn failures_of_cargo_test_are_listed_with_seeds_and_commands() {
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
  again: TEST_SEED=42 cargo test --workspace --all-features --test store -- --exact file::bad
"
        );
    }
}
