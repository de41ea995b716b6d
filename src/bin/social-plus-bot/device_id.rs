//! The name of the device, for who gave it none: made once, and kept in the state folder, since the same name stays
//! the same user.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use social_plus_bot::store::FileStore;

use crate::exit::Failure;

/// The kept name, made now if there is none.
pub fn kept_or_made() -> Result<String, Failure> {
    if let Some(id) = kept()? {
        return Ok(id);
    }
    let path = path()?;
    make(&path).map_err(|error| unusable(&path, &error))?;
    // Of several processes that made one at the same time, the first one's counts.
    kept()?.ok_or_else(|| Failure::Usage(format!("{}: has no name in it; remove it", path.display())))
}

/// The kept name, if there is one.
pub fn kept() -> Result<Option<String>, Failure> {
    let path = path()?;
    // To open something else, such as a FIFO, might take for ever.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(unusable(&path, &io::Error::other("it is not a file")));
    }
    match fs::read_to_string(&path) {
        Ok(id) => Ok(Some(id.trim().to_owned()).filter(|id| !id.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&path, &error)),
    }
}

fn path() -> Result<PathBuf, Failure> {
    Ok(FileStore::in_state_folder()?.folder().join("device-id"))
}

fn make(path: &Path) -> io::Result<()> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "bot-{:032x}", u128::from_ne_bytes(random))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("{}: {error}; give --device-id, or remove it", path.display()))
}
