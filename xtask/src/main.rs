//! The project's development tasks: `cargo xtask <task>`.
//!
//! This is a Rust program instead of scripts, so that each task works wherever Cargo does.

#![forbid(unsafe_code)]

use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;

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
mod fuzz;
mod mutants;
mod regen;
mod responses;
mod run;
mod runner;
mod simulate;
mod system;
mod test;
mod tool;

/// Runs the main test of the conformance suite, which prints the table.
const CONFORMANCE: &str = "test --quiet --workspace --all-features --test conformance -- --exact --nocapture \
                           every_part_of_the_contract_is_exercised";

/// Development tasks of social-plus-bot
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Run formatting, lints and the tests of what changed since the last commit
    Check,
    /// Run lints, tests and doc tests
    Test {
        /// Also test the single features, and run the benches once and the long simulation
        #[arg(long)]
        slow: bool,
    },
    /// Validate the contract, update the files that are generated from it and report what changed
    Regen(regen::Options),
    /// List the parts of the contract with the checks that exercise them
    Conformance,
    /// Simulate years of a session's life
    Simulate {
        #[arg(default_value = "1000")]
        seeds: NonZeroU32,
    },
    /// Simulate a site that is served from the reads of a bot
    SimulateReads {
        #[arg(default_value = "30")]
        days: NonZeroU32,
        #[arg(default_value = "1000000")]
        views: NonZeroU32,
    },
    /// Compare random responses with the rules of what a caller must get
    Responses {
        #[arg(default_value = "100000")]
        draws: NonZeroU32,
    },
    /// Run each fuzz target
    Fuzz {
        #[arg(default_value = "60")]
        seconds: u32,
    },
    /// List mutations of the code that no test detects
    Mutants { file: Option<String> },
    /// Measure a cached token and a registration, and write BENCHMARKS.md
    Bench,
    /// Measure what this crate adds to the build of a program
    BuildCost,
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Regen(options) => return regen::run(&options),
        Task::Check => check::run(),
        Task::Test { slow } => test::run(slow),
        Task::Conformance => run::cargo(CONFORMANCE),
        Task::Simulate { seeds } => simulate::run(seeds),
        Task::SimulateReads { days, views } => simulate::reads(days, views),
        Task::Responses { draws } => responses::run(draws),
        Task::Fuzz { seconds } => fuzz::run(seconds),
        Task::Mutants { file } => mutants::run(file),
        Task::Bench => bench::run(),
        Task::BuildCost => build_cost::run(),
    };
    let failed = |reason| {
        eprintln!("error: {reason}");
        ExitCode::FAILURE
    };
    result.map_or_else(failed, |()| ExitCode::SUCCESS)
}
