//! The device id for runs without one: created once and stored in the state folder, because the same id is always the
//! same user.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use social_plus_bot::store::FileStore;

use crate::exit::Failure;

/// The stored id. If there is none, creates and stores one.
pub fn load_or_create() -> Result<String, Failure> {
    if let Some(id) = load()? {
        return Ok(id);
    }
    let path = path()?;
    make(&path).map_err(|error| unusable(&path, &error))?;
    // If several processes created one at the same time, the first one counts.
    load()?.ok_or_else(|| Failure::Usage(format!("{}: has no device id in it; remove it", path.display())))
}

/// The stored id, if there is one.
pub fn load() -> Result<Option<String>, Failure> {
    let path = path()?;
    // Opening anything else, such as a FIFO, could block forever.
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
    Failure::Usage(format!("{}: {error}; use --device-id, or remove it", path.display()))
}
