use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

/// Removes the access of other users to a file, where possible.
pub(super) fn make_private(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}
