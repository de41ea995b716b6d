//! The project's chores: `cargo xtask <chore>`.
//!
//! One small program in place of scripts, so that a chore works wherever Cargo does.

use std::env;
use std::process::ExitCode;

mod run;
mod system;
mod test;

const HELP: &str = "\
cargo xtask <chore>

  test    everything that has to hold before a change lands
";

fn main() -> ExitCode {
    let chore = env::args().nth(1);
    let done = match chore.as_deref() {
        Some("test") => test::all(),
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
