//! The command line tool, run as a process.

mod command_line;
// Elsewhere the files of locks stay.
#[cfg(unix)]
mod created;
mod failed;
mod fixture;
mod help;
mod process;
#[cfg(target_os = "linux")]
mod prompt;
mod proxy;
mod status;
mod token;
mod watch;
