//! `social-plus-bot man`.

use std::io;

use clap::Command;
use clap_mangen::Man;

use crate::exit::Failure;

/// Print a man page.
#[derive(clap::Args)]
#[command(after_help = "Example:
  social-plus-bot man token | man -l -")]
pub struct Arguments {
    /// The command that the page is about; without one, the page is about all
    command: Option<String>,
}

pub fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let source = format!("{} {}", command.get_name(), env!("CARGO_PKG_VERSION"));
    let page = match &arguments.command {
        None => command,
        Some(name) => command.find_subcommand(name).cloned().ok_or_else(|| {
            let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            Failure::Usage(format!("man: no such command; the commands are {}", known.join(", ")))
        })?,
    };
    Ok(Man::new(page).source(source).render(&mut io::stdout().lock())?)
}
