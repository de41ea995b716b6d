//! Unix: files and folders have an owner and a mode.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, HomeDirError};
use tempfile::NamedTempFile;

/// The folder of the user for the state of programs.
pub(super) fn state_folder() -> Result<PathBuf, HomeDirError> {
    let places = etcetera::base_strategy::choose_native_strategy()?;
    Ok(places.state_dir().unwrap_or_else(|| places.data_dir()))
}

/// A folder can be anywhere. Whether others have access is seen by its mode.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn check_place(_: &Path) -> Result<(), String> {
    Ok(())
}

/// Creates `folder` and those above it, for this user only.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Fails if other users have access to `folder`. The error says which one to use instead.
pub(super) fn check_folder(folder: &Path, metadata: &Metadata) -> Result<(), String> {
    // Other users may need their access, as to /tmp, so the advice is not to change it.
    check_permissions(metadata).map_err(|rule| {
        let within = folder.join(env!("CARGO_PKG_NAME"));
        format!(
            "{rule}; use another folder, such as {}, which is created if it does not exist",
            within.display()
        )
    })
}

/// Fails if other users have access.
pub(super) fn check_permissions(metadata: &Metadata) -> Result<(), String> {
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(format!("it belongs to user {owner}, not to the current user ({user})"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!("other users have access to it (mode {mode:04o})"));
    }
    Ok(())
}

/// Opens `path` for reading.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens `path` for reading and writing. If it does not exist, it is created for this user only.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Writes `bytes` at the start of `file`.
pub(super) fn write_at_start(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all_at(bytes, 0)
}

/// Removes the file of a lock. If that fails, its next holder removes it.
pub(super) fn remove_lock(path: &Path) {
    std::fs::remove_file(path).ok();
}

/// Moves `new` to `path`, where readers find the old file or the new one.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<File> {
    Ok(new.persist(path)?)
}

/// Syncs the names of the files in `folder`. Some file systems don't support that, and nobody can do anything about it.
pub(super) fn sync_folder(folder: &Path) {
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::debug!(folder = %folder.display(), %error, "a folder can't be synced");
    }
}

/// Device and number of a file.
pub(super) type FileId = (u64, u64);

/// What is at `path`, which has this `metadata`.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn file_id(_: &Path, metadata: &Metadata) -> Option<FileId> {
    Some((metadata.dev(), metadata.ino()))
}

/// The open `file`.
pub(super) fn open_file_id(file: &File) -> Option<FileId> {
    file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// The folder without links, since SQLite is told to follow none in the whole path.
#[cfg(feature = "read-cache-file")]
pub(super) fn resolved(folder: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(folder)
}

/// Sets the time of the last change of the file at `path`, without opening it.
#[cfg(feature = "read-cache-file")]
pub(super) fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Renames a file.
#[cfg(feature = "read-cache-file")]
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Whether a file can't be renamed because it is open. On Unix that is no obstacle.
#[cfg(feature = "read-cache-file")]
pub(super) fn is_in_use(_: &io::Error) -> bool {
    false
}
