//! `social-plus-bot completions`.

use std::io;

use clap::Command;
use clap_complete::Shell;

use crate::exit::Failure;

/// Print a completion script for a shell.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  social-plus-bot completions bash > ~/.local/share/bash-completion/completions/social-plus-bot"
)]
pub struct Arguments {
    /// The shell to complete in
    shell: Shell,
}

pub fn run(arguments: &Arguments, mut command: Command) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    // To memory first: the generator panics if its output fails.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    Ok(io::Write::write_all(&mut io::stdout().lock(), &script)?)
}
