use std::fs::File;
use std::io;

/// Files have the access of their folder.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}
