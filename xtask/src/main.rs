//! The project's chores: `cargo xtask <chore>`.
//!
//! One small program in place of scripts, so that a chore works wherever Cargo does.

#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

/// Prints a line; whoever closes the pipe does not want the rest, and does not stop the chore.
macro_rules! print_line {
    ($($words:tt)*) => {{
        use std::io::Write;
        _ = writeln!(std::io::stdout(), $($words)*);
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
cargo xtask <chore>

  check            formatting, lints and the tests of what changed since the last commit
  test [--slow]    everything that decides whether a change may land; --slow adds each feature by itself and
                   the long simulation
  regen            check the contract and bring what is made from it up to date; --help tells the rest
  conformance      the parts of the contract, each with the checks that exercise it
  simulate [SEEDS] years in the life of a session, for 1000 seeds if not told otherwise
  fuzz [SECONDS]   each fuzz target, for 60 s if not told otherwise
  mutants [FILE]   small changes of the code that no test notices
  bench            measure what a cached token and a registration cost, and write BENCHMARKS.md
  build-cost       measure what a program pays for this crate while building
";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let chore = arguments.next();
    let mut option = || arguments.next().and_then(|option| option.into_string().ok());
    let done = match chore.as_ref().and_then(|chore| chore.to_str()) {
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
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
