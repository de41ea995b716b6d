//! Sessions in files: for the processes of one user on one machine.
//!
//! Each session has a file of its own, `<fingerprint>.json`. It is written beside it and renamed, so that a reader
//! sees the old session or the new one, whatever happens meanwhile. The lease is the operating system's lock on
//! `<fingerprint>.lock`, which ends with the process that has it; the file stays, since a lock on a file that was
//! removed protects nobody. Nothing that others could read or plant is trusted: folder and files belong to the user
//! and to nobody else.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use tokio::task::spawn_blocking;

use super::{Lease, SessionStore, StoreFuture, StoreKey, StoredSession, record};
use crate::error::Error;

/// What is longer was not written by this crate: an answer has at most 1 MiB by default.
const LONGEST: u64 = 16 << 20;

/// A file that was never renamed and is older belongs to a process that died.
const ABANDONED: Duration = Duration::from_secs(60);

/// Sessions shared by the processes of one user on one machine, through files of mode 0600 in a folder of mode
/// 0700.
///
/// A file or folder that others have access to is refused, with an error that tells how to mend it. A file that can't
/// be read as a session counts as none; before it is replaced, it is set aside as `<name>.unread-<time>`. On Windows
/// the permissions are those that the folder gives to its files.
///
/// The folder has to be on a file system with locks that processes see of each other, as local ones are.
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
}

impl FileStore {
    /// Sessions in `folder`, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it can't be made or written to, is no folder, belongs to
    /// somebody else, or others have access to it.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        prepare(&folder).map_err(|rule| Error::config("store", format!("{}: {rule}", folder.display())))?;
        Ok(Self { folder })
    }

    /// Sessions in the folder that the platform has for such things: `$XDG_STATE_HOME/social-plus-bot`, by default
    /// `~/.local/state/social-plus-bot`; on macOS `~/Library/Application Support/social-plus-bot`; on Windows
    /// `%APPDATA%\social-plus-bot`.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and if the user has no home folder.
    pub fn in_state_folder() -> Result<Self, Error> {
        let places = etcetera::base_strategy::choose_native_strategy()
            .map_err(|error| Error::config("store", format!("{error}; name a folder")))?;
        let state = places.state_dir().unwrap_or_else(|| places.data_dir());
        Self::new(state.join(env!("CARGO_PKG_NAME")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, key: &StoreKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", key.fingerprint()))
    }
}

impl SessionStore for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredSession>> {
        let path = self.path(key, "json");
        Box::pin(blocking(move || Ok(read(&path)?.map(StoredSession::from))))
    }

    fn save<'a>(&'a self, key: &'a StoreKey, session: StoredSession, _: Duration) -> StoreFuture<'a, ()> {
        let (path, folder, key) = (self.path(key, "json"), self.folder.clone(), key.clone());
        Box::pin(blocking(move || {
            set_aside(&path)?;
            write(&folder, &key, &path, &session)
                .map_err(|error| failed("can't be written", &path, &error))?;
            sweep(&folder, &key);
            Ok(())
        }))
    }

    fn remove<'a>(&'a self, key: &'a StoreKey, session: StoredSession) -> StoreFuture<'a, ()> {
        let (path, lock) = (self.path(key, "json"), self.path(key, "lock"));
        Box::pin(blocking(move || {
            // Whoever has the lease may be about to replace it; then it is gone anyway.
            let Some(_lock) = take(&lock)? else { return Ok(()) };
            if read(&path)?.map(StoredSession::from) == Some(session) {
                fs::remove_file(&path).map_err(|error| failed("can't be removed", &path, &error))?;
            }
            Ok(())
        }))
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, _: Duration) -> StoreFuture<'a, Option<Lease>> {
        let lock = self.path(key, "lock");
        Box::pin(async move {
            let held = blocking(move || take(&lock)).await?;
            // Closing the file ends the lock.
            Ok(held.map(|file| {
                Lease::new(async move {
                    drop(file);
                    Ok(())
                })
            }))
        })
    }
}

async fn blocking<T, W>(work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Error> + Send + 'static,
{
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::store(format!("a file operation of the session store broke off: {error}"))),
    }
}

/// Makes the folder if need be, and says what makes it unfit.
fn prepare(folder: &Path) -> Result<(), String> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        // Seen below, and told better there.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(|error| format!("the folder can't be made: {error}; name another one"))?,
    }
    let metadata = fs::metadata(folder).map_err(|error| error.to_string())?;
    if !metadata.is_dir() {
        return Err("it is not a folder; name one".to_owned());
    }
    private(&metadata, "chmod 700")?;
    tempfile::tempfile_in(folder).map_err(|error| format!("it can't be written to: {error}"))?;
    Ok(())
}

/// Says what lets others in, and which command keeps them out.
#[cfg(unix)]
fn private(metadata: &fs::Metadata, mend: &str) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;

    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(format!(
            "it belongs to user {owner}, not to the present one ({user}); name another place"
        ));
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("others have access to it (mode {mode:04o}); {mend} mends that"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_: &fs::Metadata, _: &str) -> Result<(), String> {
    Ok(())
}

/// The content of the file at `path`, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("can't be opened", path, &error)),
    };
    let metadata = file.metadata().map_err(|error| failed("can't be opened", path, &error))?;
    if !metadata.is_file() {
        return Err(Error::store(format!("{}: is not a file; move it away", path.display())));
    }
    private(&metadata, "chmod 600").map_err(|rule| Error::store(format!("{}: {rule}", path.display())))?;
    let mut content = Vec::new();
    file.take(LONGEST).read_to_end(&mut content).map_err(|error| failed("can't be read", path, &error))?;
    Ok(Some(content))
}

/// Writes `session` to a file of its own and puts that in the place of `path`.
fn write(folder: &Path, key: &StoreKey, path: &Path, session: &StoredSession) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(&format!("{key}.")).suffix(".new").tempfile_in(folder)?;
    file.write_all(session.expose_secret())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The name is on the disk when the folder is.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Moves a file away that is about to be replaced and that nobody could read as a session.
fn set_aside(path: &Path) -> Result<(), Error> {
    let Some(content) = read(path)? else { return Ok(()) };
    if record::is_ours(&content) {
        return Ok(());
    }
    let now = chrono::Utc::now().format("%Y%m%dT%H%M%S%.6fZ");
    let aside = path.with_extension(format!("unread-{now}"));
    tracing::warn!(file = %aside.display(), "a file that is no session is set aside");
    fs::rename(path, &aside).map_err(|error| failed("can't be set aside", path, &error))
}

/// Removes what processes left that died while they wrote. If that fails, somebody else did it, or the next one will.
fn sweep(folder: &Path, key: &StoreKey) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = format!("{key}.");
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed());
        let abandoned = age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED));
        if abandoned && name.starts_with(&prefix) && name.ends_with(".new") {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// The lock of `path`, unless somebody has it.
fn take(path: &Path) -> Result<Option<File>, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| failed("can't be opened", path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("can't be locked", path, &error)),
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    let way_out = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room, or name a folder on another disk"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "; name a folder of your own",
        _ => "",
    };
    Error::store(format!("{} {what}: {error}{way_out}", path.display()))
}
