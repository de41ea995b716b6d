use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Removes the access of other users to a file, where possible.
pub(super) fn make_private(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Moves `new` to `path`. It stays locked until it has that name, since another process removes an unlocked temporary file.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<()> {
    new.persist(path)?;
    Ok(())
}
