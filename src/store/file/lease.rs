//! The lease of a session, and mutual exclusion of changes to its files.
//!
//! A lease is the operating system's lock on `<fingerprint>.lock`, which ends with its process. A suspended process
//! keeps its locks, so the file also contains a deadline. After the deadline, another process replaces the file and locks
//! the new one.
//!
//! Checking and replacing the file must be atomic. Both happen under the lock of another file, `<fingerprint>.turn`, which
//! is held only briefly and never replaced. (The lock of the folder itself may be used by other programs, such as
//! `flock FOLDER …`.) On Windows a locked file can't be read, so a lease ends only with its process.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::{failed, platform};
use crate::error::Error;
use crate::store::LONGEST_LEASE;

/// The interval of polling for the turn.
const POLL: Duration = Duration::from_millis(1);

/// There is no lease on a disk that has less room. A session takes a few kibibytes.
const ROOM: [u8; 16 * 1024] = [0; 16 * 1024];

/// The number of polls before an error.
const POLLS: u32 = 500;

/// A locked file. The lock of a file that was only closed may last longer on Windows.
pub(super) struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it ends the lock in any case.
        self.0.unlock().ok();
    }
}

/// The right to change the files of a session, until it is dropped.
pub(super) enum Turn {
    /// Held by this lock.
    Own(#[allow(dead_code, reason = "it is held, not used")] Locked),
    /// The file system does not support locks.
    Unlocked,
}

/// Takes the turn to change the files beside `path`. Fails if others take too long, or if it is no longer `wanted`.
pub(super) fn turn(path: &Path, wanted: impl Fn() -> bool) -> Option<Turn> {
    let Ok(handle) = platform::open_private(path) else { return Some(Turn::Unlocked) };
    for _ in 0..POLLS {
        match handle.try_lock() {
            Ok(()) => return Some(Turn::Own(Locked(handle))),
            Err(TryLockError::WouldBlock) => sleep(POLL),
            Err(TryLockError::Error(_)) => return Some(Turn::Unlocked),
        }
        if !wanted() {
            return None;
        }
    }
    None
}

/// Takes the lease of `path` in `folder` for `limit`, unless another process holds it. Dropping it releases the lease.
/// Fails if there is no room for a session, since a registration whose session can't be stored ends that of the others.
pub(super) fn try_acquire(folder: &Path, path: &Path, limit: Duration) -> Result<Option<Locked>, Error> {
    tempfile::tempfile_in(folder)
        .and_then(|mut file| platform::write_at_start(&mut file, &ROOM))
        .map_err(|error| failed("can't be written", folder, error))?;
    let Some(turn) = turn(&path.with_extension("turn"), || true) else { return Ok(None) };
    let mut file = platform::open_private(path).map_err(|error| failed("can't be opened", path, error))?;
    let until = now().saturating_add(limit.min(LONGEST_LEASE));
    match file.try_lock() {
        Ok(()) => {
            write_deadline(&mut file, until).map_err(|error| failed("can't be written", path, error))?;
            Ok(Some(Locked(file)))
        }
        Err(TryLockError::WouldBlock) if matches!(turn, Turn::Own(_)) && is_over(&mut file) => {
            tracing::warn!(file = %path.display(), "the holder of a lease does not end; the lease is taken over");
            let new = replace(folder, path, until);
            new.map(|file| Some(Locked(file))).map_err(|error| failed("can't be replaced", path, error))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("can't be locked", path, error)),
    }
}

/// Whether the deadline in this file has passed.
fn is_over(file: &mut File) -> bool {
    let mut said = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(32).read_to_string(&mut said));
    let until = read.ok().and_then(|_| said.trim().parse().ok()).map(Duration::from_millis);
    // A deadline later than any lease was written before the clock was set back.
    until.is_some_and(|until| until <= now() || until > now().saturating_add(LONGEST_LEASE))
}

/// Writes the deadline of a lease.
fn write_deadline(file: &mut File, until: Duration) -> io::Result<()> {
    file.set_len(0)?;
    // On a full disk this fails before a registration whose session could not be stored.
    platform::write_at_start(file, format!("{}\n", until.as_millis()).as_bytes())
}

fn replace(folder: &Path, path: &Path, until: Duration) -> io::Result<File> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut new = tempfile::Builder::new().prefix(&format!("{name}.")).suffix(".new").tempfile_in(folder)?;
    new.as_file().try_lock()?;
    write_deadline(new.as_file_mut(), until)?;
    platform::persist(new, path)
}

/// The wall clock, which is the one that processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
