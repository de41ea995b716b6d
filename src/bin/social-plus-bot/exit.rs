//! Exit statuses, and messages on standard error.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use social_plus_bot::{Error, ErrorKind};

use crate::printable;

/// The exit statuses, for the help text.
pub const HELP: &str = "Exit status: 0 done, 2 invalid usage or configuration, 3 refused by the service, \
    4 service unavailable or timed out, 1 anything else.";

const OTHER: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;

/// Why a command failed.
pub enum Failure {
    /// Invalid usage or configuration.
    Usage(String),
    /// An error of the library.
    Client(Error),
    /// An error of the system.
    Io(io::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Client(error) => match error.kind() {
                ErrorKind::Config | ErrorKind::Runtime | ErrorKind::Origin | ErrorKind::InvalidInput => USAGE,
                ErrorKind::Rejected => REFUSED,
                ErrorKind::RateLimited
                | ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::DeviceInUse => UNAVAILABLE,
                _ => OTHER,
            },
            Self::Io(_) => OTHER,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => reason.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Prints something that is not fatal.
pub fn note(note: impl fmt::Display) {
    print_line(format_args!("note: {note}"));
}

/// Writes a line to standard error, without what would control a terminal, and ignores that it may be closed.
fn print_line(line: fmt::Arguments<'_>) {
    writeln!(io::stderr().lock(), "{}", printable::line(&line.to_string())).ok();
}

/// Prints `failure` and returns its exit status. A closed standard output is not a failure.
pub fn failure(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        failure => {
            print_line(format_args!("error: {failure}"));
            failure.status().into()
        }
    }
}

/// Prints help if it was requested, or else a line about the invalid arguments.
pub fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error.into()),
        };
    }
    let rendered = error.to_string();
    let first = rendered.split("\n\n").next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    print_line(format_args!("{line}; see --help"));
    USAGE.into()
}
