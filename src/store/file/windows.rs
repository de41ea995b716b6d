//! Windows: access is a matter of lists, which files inherit from their folder, and open files can be in the way.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use etcetera::base_strategy::Windows;
use etcetera::{BaseStrategy, HomeDirError};
use tempfile::NamedTempFile;

/// How often a file is moved again while another program has the one in its place open, and the pause between two attempts.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// The folder of the user for what belongs to this machine. The other one, which Windows can copy to further machines, would
/// give them the same device, and their locks don't know of each other.
pub(super) fn state_folder() -> Result<PathBuf, HomeDirError> {
    Ok(Windows::new()?.cache_dir())
}

/// Fails unless `folder` is or would be in the profile of the user, where other users have no access unless somebody gave it to
/// them. The standard library does not read lists of access, and there is no maintained crate that does so safely.
pub(super) fn check_place(folder: &Path) -> Result<(), String> {
    let profile = etcetera::home_dir().map_err(|error| error.to_string())?;
    let is_within = || {
        let folder = std::path::absolute(folder)?;
        // What does not exist yet has no links in it.
        let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
        Ok(fs::canonicalize(existing)?.starts_with(fs::canonicalize(&profile)?))
    };
    if is_within()
        .map_err(|error: io::Error| format!("the folder can't be found: {error}; use another one"))?
    {
        return Ok(());
    }
    let within: PathBuf =
        [profile.as_path(), Path::new(r"AppData\Local"), Path::new(env!("CARGO_PKG_NAME"))].iter().collect();
    Err(format!(
        "other users may have access to it, since it is not in your profile, {}; use a folder in that, such as {}, which is \
         created if it does not exist",
        profile.display(),
        within.display()
    ))
}

/// Creates `folder` and those above it, with the access that they inherit.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

/// The folder has the access of the profile.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn check_folder(_: &Path, _: &Metadata) -> Result<(), String> {
    Ok(())
}

/// Files have the access of their folder.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn check_permissions(_: &Metadata) -> Result<(), String> {
    Ok(())
}

/// Opens `path` for reading and writing, and creates it if it does not exist.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Writes `bytes` at the start of `file`.
pub(super) fn write_at_start(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)
}

/// The file of a lock stays. Another process may have it open, and could not tell that it is no longer the one at its path.
pub(super) fn remove_lock(_: &Path) {}

/// Moves `new` to `path`, where readers find the old file or the new one. Unlike that of tempfile, the `rename` of the standard
/// library succeeds while another process of this crate reads the old file. For programs that allow no replacing while they
/// have a file open, such as virus scanners, it waits a little.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<File> {
    let (file, from) = new.keep().map_err(|error| error.error)?;
    let mut moved = fs::rename(&from, path);
    for _ in 1..ATTEMPTS {
        if !moved.as_ref().is_err_and(is_open_elsewhere) {
            break;
        }
        sleep(PAUSE);
        moved = fs::rename(&from, path);
    }
    if moved.is_err() {
        // If this fails, it is removed later like those of killed processes.
        fs::remove_file(&from).ok();
    }
    moved.map(|()| file)
}

/// The name of a file is written with the file.
pub(super) fn sync_folder(_: &Path) {}

/// Whether another program has the file open in a way that excludes this use of it.
fn is_open_elsewhere(error: &io::Error) -> bool {
    /// The codes `ERROR_ACCESS_DENIED` and `ERROR_SHARING_VIOLATION`.
    const CODES: [i32; 2] = [5, 32];

    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// A file that SQLite has open can't be removed or replaced, and the file of a lock stays, so there is nothing to tell apart.
pub(super) type FileId = ();

pub(super) fn file_id(_: &Metadata) -> FileId {}

#[cfg(feature = "read-cache-file")]
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn resolved(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.to_owned())
}

/// Whether a file can't be renamed because it is open.
#[cfg(feature = "read-cache-file")]
pub(super) fn is_in_use(error: &io::Error) -> bool {
    is_open_elsewhere(error)
}
