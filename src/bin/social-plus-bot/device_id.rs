//! The device id for runs without one: created once and stored in the state folder, because the same id is always the
//! same user.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use social_plus_bot::store::FileStore;

use crate::exit::Failure;

const FILE: &str = "device-id";

/// Creates and stores an id. If another process has stored one, that is returned.
pub fn create() -> Result<String, Failure> {
    let store = FileStore::in_state_folder()?;
    let path = store.folder().join(FILE);
    make(&path).map_err(|error| unusable(&path, &error))?;
    load()?.ok_or_else(|| unusable(&path, &io::ErrorKind::NotFound.into()))
}

/// The stored id, if there is one.
pub fn load() -> Result<Option<String>, Failure> {
    let path = FileStore::state_folder()?.join(FILE);
    // Opening anything else, such as a FIFO, could block forever.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(unusable(&path, &io::Error::other("it is not a file")));
    }
    match fs::read_to_string(&path) {
        Ok(id) if id.trim().is_empty() => Err(unusable(&path, &io::Error::other("it is empty"))),
        Ok(id) => Ok(Some(id.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&path, &error)),
    }
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
