//! The command line tool, run as a process.

mod command_line;
mod failed;
mod process;
mod scene;
mod token;
mod watch;
