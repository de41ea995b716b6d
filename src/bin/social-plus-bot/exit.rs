//! Exit statuses, and messages on standard error.

use std::fmt;
use std::io::{self, Write};
use std::iter;
use std::process::ExitCode;

use social_plus_bot::{Error, ErrorKind};
#[cfg(unix)]
use tokio::signal::unix::SignalKind;

use crate::printable;

/// The exit statuses, for the help text.
pub const HELP: &str = "Exit status: 0 done, 2 invalid usage or configuration, 3 refused by the service, \
    4 service unavailable or timed out, 5 no session (only `status`), 1 anything else.";

const OTHER: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;
const NO_SESSION: u8 = 5;

/// Added to the number of a signal, as shells do.
#[cfg(unix)]
const SIGNAL: i32 = 128;

/// Why a command failed.
pub enum Failure {
    /// Invalid usage or configuration.
    Usage(String),
    /// An error of the library.
    Client(Error),
    /// An error of the system.
    Io(io::Error),
    /// There is no session, which was printed.
    NoSession,
    /// A signal, from which the terminal had to be restored.
    #[cfg(unix)]
    Signal(SignalKind),
}

impl Failure {
    pub fn status(&self) -> u8 {
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
            Self::NoSession => NO_SESSION,
            #[cfg(unix)]
            Self::Signal(signal) => u8::try_from(SIGNAL + signal.as_raw_value()).unwrap_or(OTHER),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) => reason.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::NoSession => f.write_str("there is no session"),
            #[cfg(unix)]
            Self::Signal(signal) => write!(f, "ended by signal {}", signal.as_raw_value()),
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
        // What there is to say was printed, or is known to the user who interrupted it.
        Failure::NoSession => failure.status().into(),
        #[cfg(unix)]
        Failure::Signal(_) => failure.status().into(),
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
    let tips = rendered.lines().filter_map(|line| line.trim_start().strip_prefix("tip: "));
    let parts =
        iter::once(first).chain(tips).map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let line = parts.collect::<Vec<_>>().join("; ");
    print_line(format_args!("{line}; see --help"));
    USAGE.into()
}
