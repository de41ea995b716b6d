//! The reads of a file store, and the day's count of them, in a database of SQLite.
//!
//! Several processes use it at once, each can be killed at any moment, the records are bounded, and the count must not be lost.
//! Compared: redb, fjall and sled are for one process at a time; heed (LMDB) needs `unsafe` and a map of a fixed size; cacache
//! has no bound and can't compare and set; foyer is the cache of one process. SQLite has what is needed, with many years of use.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempPath;

use self::database::{Change, Count, Database};
use self::failure::Failure;
use super::platform::{self, FileId};
use super::threads::{DropInThread, Wanted};
use super::{folder, lease};
use crate::error::Error;
use crate::store::{RecordKind, StoreKey, StoredRecord};

mod database;
mod failure;
mod room;
#[cfg(test)]
mod tests;

/// The default of the limit.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// The name of the database.
const FILE: &str = "reads.sqlite3";

/// The name of a damaged database. There is one, since it can be large.
const UNREAD: &str = "reads.sqlite3.unread";

/// How long a damaged database is kept.
const UNREAD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The number of open databases that are kept for later operations.
const IDLE: usize = 4;

/// How often an operation is begun again because the database was removed, replaced or damaged.
const ATTEMPTS: u32 = 5;

/// So many records can have been loaded before it is noted in the database.
const PENDING: usize = 1024;

/// The reads in a folder.
pub(super) struct Reads {
    folder: PathBuf,
    path: PathBuf,
    max_bytes: u64,
    idle: Mutex<Vec<Database>>,
    /// How often each record was loaded since that was last noted in the database. Loads themselves don't write.
    pending: Mutex<HashMap<String, i64>>,
}

impl Reads {
    pub(super) fn new(folder: &Path, max_bytes: u64) -> Self {
        let (idle, pending) = (Mutex::default(), Mutex::default());
        Self { folder: folder.to_owned(), path: folder.join(FILE), max_bytes, idle, pending }
    }

    /// The record of `key`, unless it has expired.
    ///
    /// It has no time left that the store counted: the only clock that lasts longer than a process is the wall clock, and
    /// who reads the record has that too.
    pub(super) fn load(&self, key: &StoreKey, wanted: &Wanted) -> Result<Option<StoredRecord>, Error> {
        if !is_there(&self.path) {
            return Ok(None);
        }
        let content = self.with_database(wanted, |database| database.load(key, now()))?;
        if content.is_some() && key.kind() == RecordKind::Read {
            let mut pending = lock(&self.pending);
            *pending.entry(key.fingerprint().to_owned()).or_default() += 1;
            if pending.len() >= PENDING {
                let loads = mem::take(&mut *pending);
                drop(pending);
                // They only matter for what is dropped first.
                if let Err(error) = self.with_database(wanted, |database| database.note(&loads)) {
                    tracing::debug!(%error, "the number of loads is not noted");
                }
            }
        }
        Ok(content.map(StoredRecord::from))
    }

    /// Stores `new`, if `old` is what is stored and has not expired.
    pub(super) fn replace(
        &self,
        key: &StoreKey,
        old: Option<&StoredRecord>,
        new: &StoredRecord,
        ttl: Duration,
        wanted: &Wanted,
    ) -> Result<bool, Error> {
        if key.kind() == RecordKind::Read && !database::fits(new.expose_secret(), self.max_bytes) {
            return Err(Error::store(format!(
                "{}: a read of {} bytes does not fit into {} bytes; raise `max_read_bytes` of the store",
                self.path.display(),
                new.expose_secret().len(),
                self.max_bytes
            )));
        }
        let loads = mem::take(&mut *lock(&self.pending));
        let change = Change::new(key, old, new, ttl, loads);
        let replaced = self.with_database(wanted, |database| database.replace(&change, now, || wanted.is()));
        self.remove_old_unread(wanted);
        if !matches!(replaced, Ok(true)) {
            let mut pending = lock(&self.pending);
            for (fingerprint, loads) in change.into_loads() {
                *pending.entry(fingerprint).or_default() += loads;
            }
        }
        replaced
    }

    /// Runs `operation`; once more if the database is not what is at its path when it ends, or is damaged.
    fn with_database<T>(
        &self,
        wanted: &Wanted,
        mut operation: impl FnMut(&mut Database) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut is_repaired = false;
        for _ in 0..ATTEMPTS {
            let found = Identity::of(&self.path);
            let done = self.open(&found, wanted).and_then(|mut database| {
                let done = operation(&mut database)?;
                Ok((database, done))
            });
            match done {
                Ok((database, done)) if Identity::of(&self.path) == database.identity => {
                    let mut idle = lock(&self.idle);
                    if idle.len() < IDLE {
                        idle.push(database);
                    }
                    return Ok(done);
                }
                // What was written may be in a file that is no longer there.
                Ok(_) => {}
                Err(Failure::Damaged(reason)) if !is_repaired => {
                    self.quarantine(&found, reason, wanted)?;
                    is_repaired = true;
                }
                Err(failure) if Identity::of(&self.path).file == found.file => {
                    return Err(failure.into_error(&self.path));
                }
                Err(_) => {}
            }
            if !wanted.is() {
                break;
            }
        }
        Err(Error::store(format!(
            "{}: it was removed or replaced while it was used; let no other program do that",
            self.path.display()
        )))
    }

    /// An open database, which is the one that was `found` at the path.
    fn open(&self, found: &Identity, wanted: &Wanted) -> Result<Database, Failure> {
        if found.file.is_none() {
            self.create(wanted)?;
        }
        let before = check(&self.path)?;
        let pop = || lock(&self.idle).pop();
        while let Some(idle) = pop() {
            if idle.identity == *found {
                return Ok(idle);
            }
        }
        let mut database = self.open_file()?;
        database.identity = Identity::of(&self.path);
        if database.identity.file != before {
            return Err(Failure::Removed);
        }
        // The names of the database and its log must last as long as the count in them.
        if found.file.is_none() {
            platform::sync_folder(&self.folder);
        }
        Ok(database)
    }

    fn open_file(&self) -> Result<Database, Failure> {
        let folder = platform::resolved(&self.folder).map_err(Failure::Io)?;
        Database::open(&folder.join(FILE), self.max_bytes)
    }

    /// Creates the database.
    fn create(&self, wanted: &Wanted) -> Result<(), Failure> {
        folder::prepare(&self.folder)
            .map_err(|rule| Failure::Error(Error::store(format!("{}: {rule}", self.folder.display()))))?;
        let _turn = self.turn(wanted)?;
        if is_there(&self.path) { Ok(()) } else { self.put_in_place(self.new_database(&[])?) }
    }

    /// A database with these counts, under another name. Nothing here opens its file but SQLite: closing it would end the locks
    /// that this process has on it.
    fn new_database(&self, counts: &[Count]) -> Result<TempPath, Failure> {
        folder::remove_stale(&self.folder, "reads");
        let new = tempfile::Builder::new().prefix("reads.").suffix(".new").tempfile_in(&self.folder);
        let new = new.map_err(Failure::Io)?.into_temp_path();
        Database::create(&new, counts)?;
        Ok(new)
    }

    /// Puts a new database in place in one step: nobody finds an unfinished one. It takes the turn.
    fn put_in_place(&self, new: TempPath) -> Result<(), Failure> {
        // A log would be applied to the new database.
        for part in ["-wal", "-shm"] {
            remove(&beside(&self.path, part)).map_err(Failure::Io)?;
        }
        new.persist_noclobber(&self.path).map_err(|error| Failure::Io(error.error))
    }

    /// Renames the damaged database and makes a new one with the counts of the old one, unless another process has done so.
    fn quarantine(&self, damaged: &Identity, reason: &'static str, wanted: &Wanted) -> Result<(), Error> {
        // Where open files can't be renamed, each process closes its own when it meets the damage, before it waits for its turn.
        lock(&self.idle).clear();
        let rename = || {
            let _turn = self.turn(wanted)?;
            let current = Identity::of(&self.path);
            if current.file != damaged.file || current.file.is_none() {
                return Ok(());
            }
            let counts = self.open_file().map(|database| database.counts()).unwrap_or_default();
            // On a full disk this fails while the counts are still in the old one.
            let new = self.new_database(&counts)?;
            // Its age counts from now.
            platform::touch(&self.path).map_err(Failure::Io)?;
            let unread = self.folder.join(UNREAD);
            tracing::warn!(
                file = %self.path.display(), reason, renamed = %unread.display(), counts = counts.len(),
                "a database of reads is damaged and was renamed; the new one has the counts that could be read",
            );
            // With its log, which may have the newest records.
            remove(&beside(&unread, "-wal")).map_err(Failure::Io)?;
            platform::rename(&self.path, &unread).map_err(|error| match platform::is_in_use(&error) {
                true => Failure::Damaged(reason),
                false => Failure::Io(error),
            })?;
            match fs::rename(beside(&self.path, "-wal"), beside(&unread, "-wal")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::Io(error)),
                _ => {}
            }
            self.put_in_place(new)
        };
        rename().map_err(|failure: Failure| failure.into_error(&self.path))
    }

    /// Excludes other processes from creating and renaming.
    fn turn(&self, wanted: &Wanted) -> Result<lease::Turn, Failure> {
        let turn = lease::turn(&self.path.with_extension("turn"), || wanted.is());
        turn.map_err(Failure::Io)?.ok_or(Failure::Busy)
    }

    /// Removes a damaged database that was renamed long ago. Failures are ignored: the next attempt is made later.
    fn remove_old_unread(&self, wanted: &Wanted) {
        let unread = self.folder.join(UNREAD);
        let is_old = || {
            let modified = fs::metadata(&unread).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| match modified.elapsed() {
                Ok(age) => age > UNREAD_FOR,
                // The clock was ahead at that time.
                Err(ahead) => ahead.duration() > UNREAD_FOR,
            })
        };
        // Another process may be about to replace it with one that was just damaged.
        if is_old()
            && let Ok(_turn) = self.turn(wanted)
            && is_old()
        {
            remove(&unread).and_then(|()| remove(&beside(&unread, "-wal"))).ok();
        }
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        // Closing files can hang.
        let idle = mem::take(&mut *lock(&self.idle));
        if !idle.is_empty() {
            drop(DropInThread::new(idle));
        }
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// Which files make up the database: a removed or replaced one has others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Identity {
    file: Option<FileId>,
    log: Option<FileId>,
    index: Option<FileId>,
}

impl Identity {
    fn of(path: &Path) -> Self {
        let id = |path: &Path| {
            let found = fs::symlink_metadata(path).ok();
            found.and_then(|metadata| platform::file_id(path, &metadata))
        };
        Self { file: id(path), log: id(&beside(path, "-wal")), index: id(&beside(path, "-shm")) }
    }
}

/// Fails if the database is not to be trusted. Unlike a session, it is not replaced: the day's count is in it.
fn check(path: &Path) -> Result<Option<FileId>, Failure> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::Removed),
        Err(error) => return Err(Failure::Io(error)),
    };
    let refused =
        |rule: &str, advice| Failure::Error(Error::store(format!("{}: {rule}; {advice}", path.display())));
    if !metadata.is_file() {
        return Err(refused("it is not a file", "remove it"));
    }
    platform::check_permissions(&metadata)
        .map_err(|rule| refused(&rule, "make it a file that only this user can read, or remove it"))?;
    if metadata.len() == 0 {
        return Err(Failure::Damaged("it is empty"));
    }
    Ok(platform::file_id(path, &metadata))
}

/// Whether there is anything, which may be a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The file with `part` after its name.
fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The wall clock in milliseconds, which is the one that processes share and that goes on through a restart. Where it steps,
/// records are dropped earlier or later; their content says when they were made.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
