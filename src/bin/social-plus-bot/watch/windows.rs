use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

#[path = "../../../store/file/windows/exclusion.rs"]
mod exclusion;

/// Files have the access of their folder.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Moves `new` to `path`. It is unlocked first, because a locked file can't be read. If another process removes it before it
/// is moved, the error is `NotFound`.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<()> {
    new.as_file().unlock().ok();
    // `NamedTempFile::persist` fails while somebody reads the old file. `rename` does so only while a program reads it that does
    // not allow removing it.
    let (_, from) = new.keep().map_err(|error| error.error)?;
    exclusion::patiently(|| fs::rename(&from, path)).inspect_err(|_| {
        fs::remove_file(&from).ok();
    })
}
