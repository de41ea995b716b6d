//! The form in which an entry is stored: a line of JSON, and the body after it.
//!
//! The line names the key and the path, and has a checksum of the body, so that no other body is ever taken for it. The age
//! comes from the store if that counts the time left, and otherwise from the wall clock.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{Content, Entry};
use super::fetch::Validators;
use crate::error::{Error, ErrorRecord};
use crate::session::clock::Moment;
use crate::store::{StoreKey, StoredRecord};

/// The format version that is written.
const VERSION: u32 = 1;

/// An entry that is dated further in the future than this was written with a wrong clock, and its age is unknown.
const AHEAD: Duration = Duration::from_secs(5 * 60);

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    key: String,
    path: String,
    stored_ms: u64,
    /// The age when it was stored.
    age_ms: u64,
    /// The time for which it was stored.
    ttl_ms: u64,
    max_age_ms: u64,
    etag: Option<String>,
    last_modified: Option<String>,
    kind: Kind,
    error: Option<ErrorRecord<'static>>,
    sha256: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Body,
    NotFound,
    Forgotten,
}

/// What is stored for a path.
pub(super) enum Stored {
    Entry(Entry),
    /// It was forgotten so long ago.
    Forgotten(Duration),
}

/// Writes an entry that is stored for `ttl`, or with no entry that the path was forgotten.
pub(super) fn write(
    key: &StoreKey,
    path: &str,
    entry: Option<&Entry>,
    ttl: Duration,
    now: Moment,
) -> Result<StoredRecord, Error> {
    let body = entry.map_or(&[][..], |entry| entry.body());
    let (kind, error) = match entry.map(|entry| &entry.content) {
        Some(Content::Body(_)) => (Kind::Body, None),
        Some(Content::NotFound(error)) => (Kind::NotFound, Some(ErrorRecord::from(error).into_owned())),
        None => (Kind::Forgotten, None),
    };
    let validators = entry.map(|entry| entry.validators.clone()).unwrap_or_default();
    let header = Header {
        version: VERSION,
        key: key.fingerprint().to_owned(),
        path: path.to_owned(),
        stored_ms: millis(now.wall),
        age_ms: entry.map_or(0, |entry| millis(entry.age(now))),
        ttl_ms: millis(ttl),
        max_age_ms: entry.map_or(0, |entry| millis(entry.max_age)),
        etag: validators.etag,
        last_modified: validators.last_modified,
        kind,
        error,
        sha256: checksum(body),
    };
    let mut record = serde_json::to_vec(&header)
        .map_err(|error| Error::store(format!("what was read can't be written: {error}")))?;
    record.push(b'\n');
    record.extend_from_slice(body);
    Ok(record.into())
}

/// Reads what is stored, or says why it can't be read.
pub(super) fn read(key: &StoreKey, path: &str, stored: &StoredRecord, now: Moment) -> Result<Stored, String> {
    let bytes = stored.expose_secret();
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it is damaged")?;
    let (header, body) = bytes.split_at_checked(end).ok_or("it is damaged")?;
    let body = body.get(1..).unwrap_or_default();
    let header: Header = serde_json::from_slice(header).map_err(|_| "it is damaged")?;
    if header.version != VERSION {
        return Err(format!("it has format version {}", header.version));
    }
    if header.key != key.fingerprint() || header.path != path {
        return Err("it belongs to another path".to_owned());
    }
    if header.sha256 != checksum(body) {
        return Err("it is damaged".to_owned());
    }
    let ttl = Duration::from_millis(header.ttl_ms);
    let since = match stored.ttl().and_then(|left| ttl.checked_sub(left)) {
        Some(since) => since,
        None => {
            let stored = Duration::from_millis(header.stored_ms);
            if stored > now.wall.saturating_add(AHEAD) {
                return Err("it is dated in the future".to_owned());
            }
            now.wall.saturating_sub(stored)
        }
    };
    let content = match (header.kind, header.error) {
        (Kind::Body, _) => Content::Body(Bytes::copy_from_slice(body)),
        (Kind::NotFound, Some(error)) => Content::NotFound(error.into()),
        (Kind::NotFound, None) => return Err("it is damaged".to_owned()),
        (Kind::Forgotten, _) => return Ok(Stored::Forgotten(since)),
    };
    let age = Duration::from_millis(header.age_ms).saturating_add(since);
    let validators = Validators { etag: header.etag, last_modified: header.last_modified };
    let max_age = Duration::from_millis(header.max_age_ms);
    Ok(Stored::Entry(Entry::new(content, age, now).with(max_age, validators)))
}

fn checksum(body: &[u8]) -> String {
    Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
