//! The folder of a file store, and which of its files are trusted.
//!
//! Files that other users could have read or written are not trusted.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};

use super::{failed, platform};
use crate::error::Error;
use crate::store::{StoredRecord, record};

/// The longest session file. Responses have at most 1 MiB by default, so a longer file is not a session.
const MAX_SIZE: u64 = 16 << 20;

/// The age at which a temporary file is left over from a process that died.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// The number of quarantined files that are kept.
const QUARANTINED_MAX: usize = 3;

/// How long quarantined files are kept. They can contain tokens.
const QUARANTINE_FOR: TimeDelta = TimeDelta::days(7);

/// The format of the time in the name of a quarantined file.
const QUARANTINE_FORMAT: &str = "unread-%Y%m%dT%H%M%S%.6fZ";

/// Creates the folder if it does not exist. An error says why it can't be used.
pub(super) fn prepare(folder: &Path) -> Result<(), String> {
    let uncreated = |error| format!("the folder can't be created: {error}; use another one");
    platform::check_place(folder)?;
    match platform::create_folder(folder) {
        // Reported with a better message below.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(uncreated)?,
    }
    let metadata = fs::metadata(folder).map_err(uncreated)?;
    if !metadata.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    platform::check_folder(folder, &metadata)?;
    tempfile::tempfile_in(folder).map_err(|error| format!("it can't be written to: {error}"))?;
    Ok(())
}

/// Creates the folder again if it was removed.
pub(super) fn restore(folder: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            prepare(folder).map_err(|rule| Error::store(format!("{}: {rule}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// What is at `path`, if anything. An untrusted file is returned without its content.
pub(super) fn read(path: &Path) -> Result<Option<StoredRecord>, Error> {
    // Opening anything else, such as a FIFO, could block forever.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            return Ok(Some(StoredRecord::unusable("it is not a file")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) if path.is_symlink() => {
            return Ok(Some(StoredRecord::unusable("it is a link that leads nowhere")));
        }
        Err(error) => return Err(failed("can't be opened", path, error)),
    }
    let file = match platform::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Some(StoredRecord::unusable(format!("it can't be opened: {error}"))));
        }
        Err(error) => return Err(failed("can't be opened", path, error)),
    };
    let metadata = file.metadata().map_err(|error| failed("can't be opened", path, error))?;
    if let Err(rule) = platform::check_permissions(&metadata) {
        return Ok(Some(StoredRecord::unusable(rule)));
    }
    // With the room for all of it at once, since growing would leave a copy of the token behind.
    let length = metadata.len().min(MAX_SIZE);
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(MAX_SIZE).read_to_end(&mut content).map_err(|error| failed("can't be read", path, error))?;
    Ok(Some(content.into()))
}

/// Renames what is at `path`, before it is replaced, if this crate did not write it.
pub(super) fn quarantine(path: &Path) -> Result<(), Error> {
    match read(path)? {
        None => return Ok(()),
        Some(found) if record::is_record(found.expose_secret()) => return Ok(()),
        // Other users may know the content, so it is of no use.
        Some(found) if found.reason().is_some() && fs::metadata(path).is_ok_and(|found| found.is_file()) => {
            return Ok(());
        }
        Some(_) => {}
    }
    let quarantined = path.with_extension(Utc::now().format(QUARANTINE_FORMAT).to_string());
    tracing::warn!(file = %quarantined.display(), "a file that is not a session was renamed");
    fs::rename(path, &quarantined).map_err(|error| failed("can't be renamed", path, error))
}

/// Removes leftover temporary files and old quarantined files whose name begins with `name` and a dot. Failures are ignored:
/// the next save tries again.
pub(super) fn remove_stale(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let prefix = format!("{name}.");
    let mut quarantined = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(ending) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else { continue };
        if let Ok(at) = NaiveDateTime::parse_from_str(ending, QUARANTINE_FORMAT) {
            quarantined.push((at, entry.path()));
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let is_stale = modified.is_ok_and(|modified| match modified.elapsed() {
            Ok(age) => age > STALE_AFTER,
            // The clock was ahead at that time.
            Err(ahead) => ahead.duration() > STALE_AFTER,
        });
        // A database that was being made can have a journal beside it.
        if is_stale && (ending.ends_with(".new") || ending.contains(".new-")) {
            fs::remove_file(entry.path()).ok();
        }
    }
    quarantined.sort_by(|(one, _), (other, _)| other.cmp(one));
    let now = Utc::now().naive_utc();
    // A time in the future comes from a clock that was ahead, so the age is unknown.
    let (future, past): (Vec<_>, Vec<_>) =
        quarantined.into_iter().partition(|(at, _)| *at > now + STALE_AFTER);
    for (_, path) in future {
        fs::remove_file(path).ok();
    }
    for (number, (at, path)) in past.into_iter().enumerate() {
        if number >= QUARANTINED_MAX || at < now - QUARANTINE_FOR {
            // A folder in a session's place belongs to someone, and is not removed.
            fs::remove_file(path).ok();
        }
    }
}
