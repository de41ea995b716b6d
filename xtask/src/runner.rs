//! Runs tests with cargo-nextest, or with `cargo test` if it is not installed. At the end it lists the failed tests
//! with their seeds and the commands that repeat them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::Command;
use std::time::Instant;

use crate::run::command;

/// The variable that a test with random input prints on failure, and reads to repeat the same input.
const SEED: &str = "TEST_SEED=";

/// The features of all tests. Each further feature set would build the dependencies again.
pub const ALL: &str = "--workspace --all-features";

/// Runs the tests that `arguments` select, split at spaces.
pub fn test(arguments: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let nextest = command("nextest --version").output().is_ok_and(|output| output.status.success());
    let shown =
        if nextest { format!("nextest run {arguments}") } else { format!("test {arguments} --no-fail-fast") };
    eprintln!("\n--- cargo {shown}");
    let start = Instant::now();
    let (status, lines) = output(command(&shown).envs(variables.iter().copied()))
        .map_err(|error| format!("cargo {shown}: {error}"))?;
    eprintln!("--- {:.1} s", start.elapsed().as_secs_f64());
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {shown}: {status}\n{}", report(&lines, arguments)))
    }
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

/// Lists the failed tests, each with its seed if one was printed, and the command that runs it again.
fn report(lines: &[String], arguments: &str) -> String {
    let mut seeds: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = None;
    for line in lines {
        if let Some(name) = failed(line) {
            seeds.entry(name).or_default();
            current = Some(name);
        } else if let (Some(name), Some((_, seed))) = (current, line.split_once(SEED)) {
            let digits: String = seed.chars().take_while(char::is_ascii_digit).collect();
            seeds.insert(name, format!("{SEED}{digits} "));
        }
    }
    let lines = seeds.iter().map(|(name, seed)| {
        format!("failed: {name}\n  repeat with: {seed}cargo test {arguments} -- --exact {name}\n")
    });
    lines.collect()
}

/// Returns the test that a line reports as failed. Its output follows in both formats:
///
/// - cargo-nextest: `FAIL [   0.005s] ( 1/17) social-plus-bot::store file::name`
/// - `cargo test`: `test file::name ... FAILED`, and `---- file::name stdout ----`
fn failed(line: &str) -> Option<&str> {
    let between = |start: &str, end: &str| line.strip_prefix(start)?.strip_suffix(end);
    let by_cargo = between("test ", " ... FAILED").or_else(|| between("---- ", " stdout ----"));
    by_cargo.or_else(|| {
        let (status, rest) = line.trim_start().split_once(' ')?;
        let failed = matches!(status, "FAIL" | "TIMEOUT" | "ABORT") || status.starts_with("SIG");
        let (_, rest) = failed.then(|| rest.split_once(')'))??;
        Some(rest.trim().split_once(' ')?.1.trim())
    })
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
        let report = report(&lines(printed), ALL);
        assert_eq!(
            report,
            "\
failed: file::bad
  repeat with: TEST_SEED=42 cargo test --workspace --all-features -- --exact file::bad
failed: hangs
  repeat with: cargo test --workspace --all-features -- --exact hangs
failed: retry::tests::worse
  repeat with: cargo test --workspace --all-features -- --exact retry::tests::worse
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
        let report = report(&lines(printed), "--workspace --all-features --test store");
        assert_eq!(
            report,
            "\
failed: file::bad
  repeat with: TEST_SEED=42 cargo test --workspace --all-features --test store -- --exact file::bad
"
        );
    }
}
