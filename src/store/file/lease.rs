//! The lease of a session, and the turn to change what is in the folder.
//!
//! A lease is the operating system's lock on `<fingerprint>.lock`, which ends with the process that has it. A process
//! that was stopped keeps its locks, so the file also says until when its holder may need it; whoever comes after that
//! puts another file in its place, and leaves the old one to the sleeper.
//!
//! Looking at such a file and taking it have to be one step. That is done in turn: under the lock of another file,
//! `<fingerprint>.turn`, which nobody has for longer than such a step takes, and which is never replaced. (The folder's
//! own lock may be somebody's who runs programs one at a time, as `flock FOLDER …` does.) Where a locked file can't be
//! read, as on Windows, only the end of its holder ends a lease.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::failed;
use crate::error::Error;
use crate::store::LONGEST_LEASE;

/// Who waits for a turn looks again after so long.
const PAUSE: Duration = Duration::from_millis(1);

/// So many times, before it counts as busy.
const LOOKS: u32 = 500;

/// A turn, until it is dropped.
pub(super) enum Turn {
    /// Others wait.
    Own(#[allow(dead_code, reason = "it is held, not used")] File),
    /// Files can't be locked here.
    Unlocked,
}

/// The turn to change what is beside `path`, unless others take too long, or it is not `wanted` any more.
pub(super) fn turn(path: &Path, wanted: impl Fn() -> bool) -> Option<Turn> {
    let Ok(handle) = open(path) else { return Some(Turn::Unlocked) };
    for _ in 0..LOOKS {
        match handle.try_lock() {
            Ok(()) => return Some(Turn::Own(handle)),
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            Err(TryLockError::Error(_)) => return Some(Turn::Unlocked),
        }
        if !wanted() {
            return None;
        }
    }
    None
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The lease of `path`, which is in `folder`, for as long as `limit`, unless somebody has it. Closing the file gives it
/// back.
pub(super) fn take(folder: &Path, path: &Path, limit: Duration) -> Result<Option<File>, Error> {
    let Some(turn) = turn(&path.with_extension("turn"), || true) else { return Ok(None) };
    let mut file = open(path).map_err(|error| failed("can't be opened", path, &error))?;
    let until = now().saturating_add(limit.min(LONGEST_LEASE));
    match file.try_lock() {
        Ok(()) => {
            note(&mut file, until).map_err(|error| failed("can't be written", path, &error))?;
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) if matches!(turn, Turn::Own(_)) && is_over(&mut file) => {
            tracing::warn!(file = %path.display(), "the holder of a lease does not end; the lease is taken over");
            replace(folder, path, until).map(Some).map_err(|error| failed("can't be replaced", path, &error))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("can't be locked", path, &error)),
    }
}

/// Whether the holder of this lease can't need it any more.
fn is_over(file: &mut File) -> bool {
    let mut said = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(32).read_to_string(&mut said));
    let until = read.ok().and_then(|_| said.trim().parse().ok()).map(Duration::from_millis);
    // What is later than any lease lasts was written before the clock was set back.
    until.is_some_and(|until| until <= now() || until > now().saturating_add(LONGEST_LEASE))
}

/// Says until when the holder needs its lease.
fn note(file: &mut File, until: Duration) -> io::Result<()> {
    file.set_len(0)?;
    // On a full disk it says nothing, and lasts until its holder ends.
    write_at_start(file, format!("{}\n", until.as_millis()).as_bytes()).ok();
    Ok(())
}

#[cfg(unix)]
fn write_at_start(file: &mut File, line: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, line, 0)
}

#[cfg(not(unix))]
fn write_at_start(file: &mut File, line: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    io::Write::write_all(file, line)
}

fn replace(folder: &Path, path: &Path, until: Duration) -> io::Result<File> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut new = tempfile::Builder::new().prefix(&format!("{name}.")).suffix(".new").tempfile_in(folder)?;
    new.as_file().try_lock()?;
    note(new.as_file_mut(), until)?;
    Ok(new.persist(path)?)
}

/// By the wall clock, which is the one that processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
