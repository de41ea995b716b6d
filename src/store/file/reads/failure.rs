//! Why an operation of the database failed.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use super::super::{busy, failed};
use crate::error::Error;

/// Reading beyond the end of a file that was cut off.
const SHORT_READ: i32 = rusqlite::ffi::SQLITE_IOERR_SHORT_READ;

#[derive(Debug)]
pub(super) enum Failure {
    /// The database can't be read. This says why.
    Damaged(&'static str),
    /// Other processes have it locked.
    Busy,
    /// It is no longer at its path.
    Removed,
    /// The caller no longer waits.
    GivenUp,
    Io(io::Error),
    /// Another error, complete.
    Error(Error),
}

impl Failure {
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Damaged(reason) => Error::store(format!(
                "{}: the database is damaged ({reason}); stop the programs that use it and remove it",
                path.display()
            )),
            Self::Busy => busy(path),
            Self::Removed => Error::store(format!("{}: it was removed while it was used", path.display())),
            Self::GivenUp => Error::store(format!("{}: it took too long to use it", path.display())),
            Self::Io(error) => failed("can't be used", path, error),
            Self::Error(error) => error,
        }
    }
}

/// Takes the code and what it stands for: SQLite's own text can quote what it is about.
impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error() {
            // A value of another type than the one that was written.
            None => return Self::Damaged("it has unexpected content"),
            Some(error) if error.extended_code == SHORT_READ => return Self::Damaged("it is cut off"),
            Some(error) => match error.code {
                ErrorCode::DatabaseCorrupt => return Self::Damaged("its structure is broken"),
                ErrorCode::NotADatabase => return Self::Damaged("it is not a database"),
                ErrorCode::Unknown => return Self::Damaged("it lacks a table"),
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => return Self::Busy,
                ErrorCode::DiskFull => io::ErrorKind::StorageFull,
                ErrorCode::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
                ErrorCode::PermissionDenied | ErrorCode::CannotOpen => io::ErrorKind::PermissionDenied,
                _ => io::ErrorKind::Other,
            },
        };
        let code = error.sqlite_error().map_or(0, |error| error.extended_code);
        Self::Io(io::Error::new(kind, format!("{} (SQLite error {code})", rusqlite::ffi::code_to_str(code))))
    }
}
