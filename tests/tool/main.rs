//! The command line tool, run as a process.

mod command_line;
mod failed;
mod fixture;
mod process;
mod proxy;
mod token;
mod watch;
