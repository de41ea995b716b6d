//! The project's chores: `cargo xtask <chore>`.
//!
//! One small program in place of scripts, so that a chore works wherever Cargo does.

use std::env;
use std::process::ExitCode;

mod conformance;
mod fuzz;
mod mutants;
mod run;
mod system;
mod test;
mod tool;

const HELP: &str = "\
cargo xtask <chore>

  test             everything that has to hold before a change lands
  conformance      the parts of the contract, each with the checks that exercise it
  fuzz [SECONDS]   each fuzz target, for 60 s if not told otherwise
  mutants [FILE]   small changes of the code that no test notices
";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (chore, option) = (arguments.next(), arguments.next());
    let done = match chore.as_deref() {
        Some("test") => test::all(),
        Some("conformance") => conformance::table(),
        Some("fuzz") => fuzz::each(option.as_deref()),
        Some("mutants") => mutants::survivors(option.as_deref()),
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
