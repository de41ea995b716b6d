//! The lease of a session, and mutual exclusion of changes to its files.
//!
//! A lease is the operating system's lock on `<fingerprint>.lock`, which ends with its process. A suspended process
//! keeps its locks, so the file also contains a deadline. After the deadline, another process replaces the file and locks
//! the new one.
//!
//! Checking and replacing the file must be atomic. Both happen under the lock of another file, `<fingerprint>.turn`, which
//! is held only briefly and never replaced. (The lock of the folder itself may be used by other programs, such as
//! `flock FOLDER …`.) On Windows a locked file can't be read, so a lease ends only with its process.
//!
//! Both files are removed by their holder, so that nothing is left of a run. The lease's file is opened and removed under
//! the turn only. A process that waits for the turn can get the lock of a file that was removed meanwhile, so a lock
//! counts only if its file is still at its path.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
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

/// The right to change the files of a session, until it is dropped.
pub(super) enum Turn {
    /// Held by this lock.
    Own(Locked),
    /// The file system does not support locks.
    Unlocked,
}

/// A locked file. The lock of a file that was only closed may last longer on Windows.
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// Whether the file is still the one at its path.
    fn is_in_place(&self) -> bool {
        let found = fs::metadata(&self.path).ok();
        let found = found.and_then(|metadata| platform::file_id(&self.path, &metadata));
        found.is_some() && found == platform::open_file_id(&self.file)
    }

    /// Removes the file, before the lock ends.
    fn remove(&self) {
        if self.is_in_place() {
            platform::remove_lock(&self.path);
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it ends the lock in any case.
        self.file.unlock().ok();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Self::Own(locked) = self {
            locked.remove();
        }
    }
}

/// The lease of a session, until it is dropped. Dropping it can take as long as others have the turn.
pub(super) struct Held(Locked);

impl Drop for Held {
    fn drop(&mut self) {
        // Without the turn, another process may have opened the file and not locked it yet.
        let turn = turn(&self.0.path.with_extension("turn"), || true);
        if matches!(turn, Ok(Some(Turn::Own(_)))) {
            self.0.remove();
        }
    }
}

/// Takes the turn to change the files beside `path`. It is `None` if others take too long, or if it is no longer `wanted`.
pub(super) fn turn(path: &Path, wanted: impl Fn() -> bool) -> io::Result<Option<Turn>> {
    for _ in 0..POLLS {
        // That it can't be opened, as with too many open files, says nothing about locks.
        let file = platform::open_private(path)?;
        match file.try_lock() {
            Ok(()) => {
                let locked = Locked { file, path: path.to_owned() };
                if locked.is_in_place() {
                    return Ok(Some(Turn::Own(locked)));
                }
            }
            Err(TryLockError::WouldBlock) => sleep(POLL),
            Err(TryLockError::Error(_)) => return Ok(Some(Turn::Unlocked)),
        }
        if !wanted() {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Takes the lease of `path` in `folder` for `limit`, unless another process holds it. Fails if there is no room for a
/// session, since a registration whose session can't be stored ends that of the others.
pub(super) fn try_acquire(folder: &Path, path: &Path, limit: Duration) -> Result<Option<Held>, Error> {
    tempfile::tempfile_in(folder)
        .and_then(|mut file| platform::write_at_start(&mut file, &ROOM))
        .map_err(|error| failed("can't be written", folder, error))?;
    let taken = path.with_extension("turn");
    let taken = turn(&taken, || true).map_err(|error| failed("can't be opened", &taken, error))?;
    let Some(turn) = taken else { return Ok(None) };
    let mut file = platform::open_private(path).map_err(|error| failed("can't be opened", path, error))?;
    let until = now().saturating_add(limit.min(LONGEST_LEASE));
    match file.try_lock() {
        Ok(()) => {
            let mut locked = Locked { file, path: path.to_owned() };
            // Without the turn, its holder may have removed the file meanwhile.
            if !locked.is_in_place() {
                return Ok(None);
            }
            if let Err(error) = write_deadline(&mut locked.file, until) {
                if matches!(turn, Turn::Own(_)) {
                    locked.remove();
                }
                return Err(failed("can't be written", path, error));
            }
            Ok(Some(Held(locked)))
        }
        Err(TryLockError::WouldBlock) if matches!(turn, Turn::Own(_)) && is_over(&mut file) => {
            tracing::warn!(file = %path.display(), "the holder of a lease does not end; the lease is taken over");
            let file =
                replace(folder, path, until).map_err(|error| failed("can't be replaced", path, error))?;
            Ok(Some(Held(Locked { file, path: path.to_owned() })))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[cfg(unix)]
    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_turn_is_taken_by_one_at_a_time_although_each_removes_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.turn");
        let holders = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let turn = std::iter::repeat_with(|| turn(&path, || true).unwrap()).flatten().next();
                        assert!(matches!(turn, Some(Turn::Own(_))));
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have the turn");
                        std::thread::yield_now();
                        holders.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        #[cfg(unix)]
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_lease_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let take = |limit| try_acquire(folder.path(), &path, limit).unwrap();
        let hour = Duration::from_secs(60 * 60);

        let held = take(hour).unwrap();
        assert!(take(hour).is_none());
        drop(held);
        take(hour).unwrap();
    }

    #[test]
    fn a_turn_that_can_not_be_opened_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.turn");
        fs::create_dir(&path).unwrap();
        assert!(turn(&path, || true).is_err());
        let error = try_acquire(folder.path(), &folder.path().join("a.lock"), Duration::ZERO).err().unwrap();
        assert!(error.to_string().contains("a.turn can't be opened"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_lease_leaves_no_file_and_does_not_remove_that_of_its_successor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let take = |limit| try_acquire(folder.path(), &path, limit).unwrap();
        let hour = Duration::from_secs(60 * 60);

        let held = take(hour).unwrap();
        assert_eq!(names(folder.path()), ["a.lock"]);
        assert!(take(hour).is_none());
        drop(held);
        assert_eq!(names(folder.path()), [""; 0]);

        let over = take(Duration::ZERO).unwrap();
        let successor = take(hour).unwrap();
        drop(over);
        assert!(take(hour).is_none(), "the successor's file was removed");
        drop(successor);
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
