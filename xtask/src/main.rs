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
mod deny;
mod fuzz;
mod mutants;
mod package;
mod public_api;
mod regen;
mod release;
mod responses;
mod run;
mod runner;
mod rustdoc;
mod semver;
mod simulate;
mod system;
mod test;
mod tool;
mod versions;

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
        /// Run only the tests that need nothing but Rust
        #[arg(long, conflicts_with = "slow")]
        portable: bool,
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
    /// Check the crate with each feature alone, and run the tests that differ with fewer features
    Features,
    /// Build the documentation as docs.rs does
    Docs,
    /// Check with the oldest Rust version that the crate promises
    Msrv,
    /// Check with the oldest dependencies that Cargo.toml allows
    MinimalVersions,
    /// Check licences, sources, versions and vulnerabilities of the dependencies
    Deny {
        /// The checks of cargo-deny to run: advisories, bans, licenses, sources; all by default
        checks: Vec<String>,
    },
    /// Compare the public API with public-api.txt
    PublicApi {
        /// Write the file
        #[arg(long)]
        bless: bool,
    },
    /// Compare the public API with that of the last release
    Semver,
    /// Pack the crate and use it in a program, with each feature alone
    Package,
    /// Check that the project can be released as VERSION, and make the tag
    Release { version: String },
    /// List mutations of the code that no test detects
    Mutants { file: Option<String> },
    /// Measure a cached token and a registration, and write BENCHMARKS.md
    Bench,
    /// Measure what this crate adds to the build of a program
    BuildCost,
}

fn main() -> ExitCode {
    if let Some(code) = rustdoc::as_rustdoc() {
        return code;
    }
    let result = match Task::parse() {
        Task::Regen(options) => return regen::run(&options),
        Task::Check => check::run(),
        Task::Test { portable: true, .. } => test::portable(),
        Task::Test { slow, .. } => test::run(slow),
        Task::Conformance => run::cargo(CONFORMANCE),
        Task::Simulate { seeds } => simulate::run(seeds),
        Task::SimulateReads { days, views } => simulate::reads(days, views),
        Task::Responses { draws } => responses::run(draws),
        Task::Fuzz { seconds } => fuzz::run(seconds),
        Task::Features => test::features(),
        Task::Docs => rustdoc::docs(),
        Task::Msrv => versions::oldest_rust(),
        Task::MinimalVersions => versions::oldest_dependencies(),
        Task::Deny { checks } => deny::run(&checks),
        Task::PublicApi { bless } => public_api::run(bless),
        Task::Semver => semver::run(),
        Task::Package => package::run(),
        Task::Release { version } => release::run(&version),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const CI: &str = include_str!("../../.github/workflows/ci.yml");
    const WEEKLY: &str = include_str!("../../.github/workflows/weekly.yml");

    #[test]
    fn public_ci_runs_tasks_that_exist() {
        let run = |line: &str| {
            let task = line.trim().trim_start_matches("- ");
            let task = task.strip_prefix("task: ").or_else(|| task.strip_prefix("run: cargo xtask "))?;
            // The name of the matrix's task comes from the lines with `task:`.
            (!task.contains('$')).then(|| task.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let tasks: Vec<_> = CI.lines().chain(WEEKLY.lines()).filter_map(run).collect();
        assert!(tasks.len() > 10, "{tasks:?}");
        for task in tasks {
            let arguments = ["xtask".to_owned()].into_iter().chain(task.clone());
            assert!(Task::command().try_get_matches_from(arguments).is_ok(), "{task:?}");
        }
    }

    #[test]
    fn public_ci_describes_the_api_with_the_supported_rust_version() {
        let job = format!("- task: public-api\n            rust: \"{}\"\n", public_api::RUST);
        assert!(CI.contains(&job), "{job}");
    }
}
