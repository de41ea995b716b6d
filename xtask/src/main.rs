//! The project's development tasks: `cargo xtask <task>`.
//!
//! This is a Rust program instead of scripts, so that each task works wherever Cargo does.

#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

/// Prints a line to standard output. Unlike `println!`, it does not panic if the pipe is closed.
macro_rules! print_line {
    ($($arguments:tt)*) => {{
        use std::io::Write;
        _ = writeln!(std::io::stdout(), $($arguments)*);
    }};
}

mod bench;
mod build_cost;
mod check;
mod conformance;
mod fuzz;
mod mutants;
mod regen;
mod run;
mod runner;
mod simulate;
mod system;
mod test;
mod tool;

const HELP: &str = "\
cargo xtask <task>

  check             run formatting, lints and the tests of what changed since the last commit
  test [--slow]     run lints, tests and doc tests; --slow adds the single features and the long simulation
  regen             validate the contract and update the files that are generated from it; see regen --help
  conformance       list the parts of the contract with the checks that exercise them
  simulate [SEEDS]  simulate years of a session's life, for 1000 seeds by default
  fuzz [SECONDS]    run each fuzz target, for 60 seconds by default
  mutants [FILE]    list mutations of the code that no test detects
  bench             measure a cached token and a registration, and write BENCHMARKS.md
  build-cost        measure what this crate adds to the build of a program
";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let task = arguments.next();
    let mut option = || arguments.next().and_then(|option| option.into_string().ok());
    let result = match task.as_ref().and_then(|task| task.to_str()) {
        Some("check") => check::run(),
        Some("test") => test::run(option().as_deref()),
        Some("regen") => return regen::run(arguments),
        Some("conformance") => conformance::run(),
        Some("simulate") => simulate::run(option().as_deref()),
        Some("fuzz") => fuzz::run(option().as_deref()),
        Some("mutants") => mutants::run(option().as_deref()),
        Some("bench") => bench::run(),
        Some("build-cost") => build_cost::run(),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
