//! The command line tool: registers a bot session, keeps one between runs, or serves the sandbox.
//!
//! Only results are printed to standard output. The API key comes from a file or the environment, never from an
//! argument, which other users of the machine could read. [`exit`] has the exit statuses.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod bounded;
mod completions;
mod device_id;
mod exit;
mod man;
#[path = "../../error/printable.rs"]
mod printable;
mod prompt;
mod register;
mod sandbox;
mod secret;
mod settings;
mod status;
mod store;
mod token;
mod watch;

/// Bot sessions of social.plus: read-only access tokens for search crawlers and automated readers.
#[derive(Parser)]
#[command(name = "social-plus-bot", version, arg_required_else_help = false, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Register(register::Arguments),
    Token(token::Arguments),
    Status(status::Arguments),
    Sandbox(sandbox::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failure(&error.into()),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Register(arguments) => register::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Status(arguments) => status::run(arguments).await,
            Command::Sandbox(arguments) => sandbox::run(arguments).await,
            Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
            Command::Man(arguments) => man::run(&arguments, Arguments::command()),
        }
    });
    // Name resolution and file systems can hang; they are not waited for.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit::failure(&failure),
    }
}
