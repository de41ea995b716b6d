//! How the tool ends: a line on standard error, and a status that a script can act on.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use social_plus_bot::{Error, ErrorKind};

/// The statuses, for the help text.
pub const HELP: &str = "Exit status: 0 done, 2 wrong usage or configuration, 3 refused by the service, \
    4 service unavailable or timed out, 1 anything else.";

const OTHER: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;

/// Why a command did not do what it was asked.
pub enum Failure {
    /// A setting is wrong in a way that only the tool knows of.
    Usage(String),
    /// The crate says so.
    Client(Error),
    /// The machine says so.
    Io(io::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Client(error) => match error.kind() {
                ErrorKind::Config => USAGE,
                ErrorKind::Rejected => REFUSED,
                ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Timeout => UNAVAILABLE,
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

/// Tells of something that ends nothing.
pub fn note(note: impl fmt::Display) {
    say(format_args!("note: {note}"));
}

/// Writes a line to standard error. If nobody reads it any more, there is nobody to tell of that either.
fn say(line: fmt::Arguments<'_>) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Ends after `failure`. Whoever stopped reading the output got all they wanted.
pub fn failure(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        failure => {
            say(format_args!("error: {failure}"));
            failure.status().into()
        }
    }
}

/// Ends after arguments that make no command: with help if it was asked for, with one line otherwise.
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
    say(format_args!("{line}; see --help"));
    USAGE.into()
}
