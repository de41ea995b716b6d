//! A store in files, for the processes of one user on one machine.
//!
//! Each session has a file, `<fingerprint>.json`. A new session is written to a temporary file that then replaces it, so
//! readers see the old session or the new one. Reads are kept in a database, `reads.sqlite3`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
#[cfg(feature = "read-cache-file")]
use std::sync::Arc;
use std::time::Duration;

use self::threads::{DropInThread, Threads, Wanted};
use super::{Lease, RecordKind, Store, StoreFuture, StoreKey, StoredRecord};
use crate::error::Error;

mod folder;
mod lease;
#[cfg(feature = "read-cache-file")]
mod reads;
mod threads;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

/// Sessions shared by the processes of one user on one machine, through files of mode 0600 in a folder of mode
/// 0700.
///
/// A folder that other users have access to is an error, and one that was removed is created again. A session file that other
/// users have access to, or that is not a session, is ignored and replaced. Files that this crate did not write are first
/// renamed to `<name>.unread-<time>`; the last 3 of them are kept for 7 days, and then until the next session is stored.
///
/// On Windows, files have no modes. A folder outside of the user's profile, `%USERPROFILE%`, is an error there, and within
/// it, folders and files have the access that they inherit: by default that of the user, the system and administrators.
///
/// The lease of a process ends with the process. The lease of a suspended process (`SIGSTOP`) ends after the time of the
/// longest registration, except on Windows. One that is suspended while it changes a file, which takes milliseconds, keeps the
/// others from changing it until it goes on or ends; they still read it.
///
/// With the feature `read-cache-file` it also keeps reads, all in one database, `reads.sqlite3`. A damaged database is
/// renamed to `reads.sqlite3.unread`, where the last one is kept for 7 days, and then until the next read is stored. A
/// database that other users have access to, or that a later version of this crate made, is an error. The files of the
/// database can be removed at any time, on Windows only while no program uses them; with them goes the count of the day's
/// reads.
///
/// The folder must be on a file system whose locks work between processes, as local ones do. Operations run in threads
/// of the store, at most 16 for a store and its clones. While one of them takes longer than 2 s, the others fail
/// immediately, so that a file system that hangs does not use up more threads.
///
/// ```
/// # use social_plus_bot::{BotClient, Region, store::FileStore};
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path().join("sessions");
/// let bot = BotClient::builder()
///     .api_key("b0e8a2c4d6f8")
///     .region(Region::Us)
///     .device_id("crawler-1")
///     .store(FileStore::new(folder)?)
///     .build()?;
/// # Ok::<(), social_plus_bot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
    threads: Threads,
    #[cfg(feature = "read-cache-file")]
    reads: Arc<reads::Reads>,
}

impl FileStore {
    /// Creates a store in `folder`, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the folder can't be created or written to, is not a folder,
    /// belongs to another user, or is accessible to other users; on Windows also if it is not in the user's profile.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        folder::prepare(&folder)
            .map_err(|rule| Error::config("store", format!("{}: {rule}", folder.display())))?;
        Ok(Self {
            #[cfg(feature = "read-cache-file")]
            reads: Arc::new(reads::Reads::new(&folder, reads::MAX_BYTES)),
            folder,
            threads: Threads::new(),
        })
    }

    /// Creates a store in [`state_folder`](Self::state_folder), where the command line tool has its sessions.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and if the user has no home folder.
    pub fn in_state_folder() -> Result<Self, Error> {
        Self::new(Self::state_folder()?)
    }

    /// The platform's folder for the state of programs using this crate: `$XDG_STATE_HOME/social-plus-bot`, by default
    /// `~/.local/state/social-plus-bot`; on macOS `~/Library/Application Support/social-plus-bot`; on Windows
    /// `%LOCALAPPDATA%\social-plus-bot`. It may not exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the user has no home folder.
    pub fn state_folder() -> Result<PathBuf, Error> {
        let state = platform::state_folder()
            .map_err(|error| Error::config("store", format!("{error}; give the name of a folder")))?;
        Ok(state.join(env!("CARGO_PKG_NAME")))
    }

    /// Sets the most bytes that the database of reads takes on the disk, by default 256 MiB. When it is full, the reads that
    /// are asked for least make room. A read that is larger is an error. All processes should have the same limit.
    ///
    /// Beside the database, its log takes a few MiB, and a database that was damaged is kept for 7 days.
    #[cfg(feature = "read-cache-file")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache-file")))]
    pub fn max_read_bytes(mut self, bytes: u64) -> Self {
        self.reads = Arc::new(reads::Reads::new(&self.folder, bytes));
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, key: &StoreKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", key.fingerprint()))
    }
}

impl Store for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        match key.kind() {
            RecordKind::Session => {
                let path = self.path(key, "json");
                Box::pin(self.threads.run(move |_| folder::read(&path)))
            }
            #[cfg(feature = "read-cache-file")]
            RecordKind::Budget | RecordKind::Read => {
                let (reads, key) = (Arc::clone(&self.reads), key.clone());
                Box::pin(self.threads.run(move |wanted| reads.load(&key, wanted)))
            }
            #[cfg(all(feature = "read-cache", not(feature = "read-cache-file")))]
            RecordKind::Budget | RecordKind::Read => Box::pin(async { Err(no_reads()) }),
        }
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        #[cfg_attr(not(feature = "read-cache-file"), allow(unused_variables))] ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        match key.kind() {
            // A session's end is in its record.
            RecordKind::Session => {
                let (path, folder, key) = (self.path(key, "json"), self.folder.clone(), key.clone());
                Box::pin(self.threads.run(move |wanted| {
                    folder::restore(&folder)?;
                    let is_replaced = replace(&folder, &key, &path, old.as_ref(), &new, wanted)?;
                    folder::remove_stale(&folder, key.fingerprint());
                    Ok(is_replaced)
                }))
            }
            #[cfg(feature = "read-cache-file")]
            RecordKind::Budget | RecordKind::Read => {
                let (reads, key) = (Arc::clone(&self.reads), key.clone());
                Box::pin(self.threads.run(move |wanted| reads.replace(&key, old.as_ref(), &new, ttl, wanted)))
            }
            #[cfg(all(feature = "read-cache", not(feature = "read-cache-file")))]
            RecordKind::Budget | RecordKind::Read => Box::pin(async { Err(no_reads()) }),
        }
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        let (lock, folder) = (self.path(key, "lock"), self.folder.clone());
        Box::pin(async move {
            let take = move |_: &Wanted| {
                folder::restore(&folder)?;
                Ok(lease::try_acquire(&folder, &lock, limit)?.map(DropInThread::new))
            };
            let held = self.threads.run(take).await?;
            let threads = self.threads.clone();
            // Like any operation, removing, unlocking and closing its file can hang.
            Ok(held.map(|held| {
                Lease::new(async move {
                    let release = move |_: &Wanted| {
                        held.end();
                        Ok(())
                    };
                    threads.run(release).await
                })
            }))
        })
    }

    #[cfg(all(feature = "read-cache", not(feature = "read-cache-file")))]
    fn check_reads(&self) -> Result<(), Error> {
        Err(no_reads())
    }
}

#[cfg(all(feature = "read-cache", not(feature = "read-cache-file")))]
fn no_reads() -> Error {
    Error::config(
        "store",
        "a FileStore keeps reads only with the feature `read-cache-file`; enable it, or keep the reads in memory",
    )
}

/// Writes `new` to a temporary file and renames that to `path`, if `old` is what is there.
fn replace(
    folder: &Path,
    key: &StoreKey,
    path: &Path,
    old: Option<&StoredRecord>,
    new: &StoredRecord,
    wanted: &Wanted,
) -> Result<bool, Error> {
    let session = new.expose_secret();
    let new = || -> io::Result<_> {
        let mut new =
            tempfile::Builder::new().prefix(&format!("{key}.")).suffix(".new").tempfile_in(folder)?;
        new.write_all(session)?;
        sync(new.as_file())?;
        Ok(new)
    };
    let new = new().map_err(|error| failed("can't be written", path, error))?;
    let turn = path.with_extension("turn");
    let turn = lease::turn(&turn, || wanted.is()).map_err(|error| failed("can't be opened", &turn, error))?;
    let Some(turn) = turn else { return Err(busy(path)) };
    // The caller gave up on this save, so there may be a newer session by now.
    if !wanted.is() {
        return Err(Error::store(format!("{}: it took too long to write it", path.display())));
    }
    if folder::read(path)?.as_ref() != old {
        return Ok(false);
    }
    folder::quarantine(path)?;
    platform::persist(new, path).map_err(|error| failed("can't be written", path, error))?;
    // From here on other processes find the session; they need not wait for the disk.
    drop(turn);
    // The rename is durable once the folder is synced. The session is in place already, and if a power failure loses it, the
    // next process registers.
    platform::sync_folder(folder);
    Ok(true)
}

/// Syncs `file`, where the file system supports it.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

fn busy(path: &Path) -> Error {
    Error::store(format!("{}: other processes have kept it locked for too long", path.display()))
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, or use a folder on another disk"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; use a folder that you can write to"
        }
        _ => "",
    };
    Error::store(format!("{} {what}: {error}{advice}", path.display())).with_source(error)
}

#[cfg(all(test, feature = "read-cache", not(feature = "read-cache-file")))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::ApiKey;

    #[tokio::test]
    async fn without_the_feature_reads_are_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("state")).unwrap();
        let session =
            StoreKey::new("https://a.example", "crawler-1", &ApiKey::try_from("b0e8a2c4d6f8").unwrap());
        let mut errors = vec![Arc::new(store.clone()).check_reads().unwrap_err()];
        for key in [session.budget(), session.read("/a")] {
            errors.push(store.load(&key).await.unwrap_err());
            errors.push(store.replace(&key, None, vec![1].into(), Duration::MAX).await.unwrap_err());
        }
        for error in errors {
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert!(error.to_string().contains("feature `read-cache-file`"), "{error}");
        }
        assert!(store.replace(&session, None, vec![1].into(), Duration::MAX).await.unwrap());
    }
}
