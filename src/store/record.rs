//! How a session is written down, and read again by a process that trusts nothing it finds.
//!
//! A record is JSON with the number of its format, the key it is for, when the session came and how long it
//! had to live by then, and the documented body. Its age is told by the wall clock, which is the only clock
//! that processes share, or by the time that the store says is left, whichever makes it older.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{StoreKey, StoredSession};
use crate::api::types::BotSession;
use crate::{Error, Session};

/// The format that this version writes. A later one has to read it.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    key: &'a str,
    received_ms: u64,
    life_ms: u64,
    session: &'a BotSession,
}

#[derive(Deserialize)]
struct Read {
    key: String,
    received_ms: u64,
    life_ms: u64,
    session: BotSession,
}

/// What a sealed record begins with; see `seal`.
pub(super) const SEALED: &[u8] = b"social-plus-bot sealed 1\n";

/// What every version has.
#[derive(Deserialize)]
struct Header {
    version: u64,
}

/// Writes down a session that came just now, `wall` after 1970.
pub(crate) fn write(key: &StoreKey, session: &Session, wall: Duration) -> Result<StoredSession, Error> {
    let record = Written {
        version: VERSION,
        key: key.fingerprint(),
        received_ms: millis(wall),
        life_ms: millis(session.life()),
        session: session.body(),
    };
    let bytes = serde_json::to_vec(&record)
        .map_err(|error| Error::store(format!("the session can't be written down: {error}")))?;
    Ok(bytes.into())
}

/// Reads a session as it is `wall` after 1970, or says why that is none.
pub(crate) fn read(key: &StoreKey, stored: &StoredSession, wall: Duration) -> Result<Session, String> {
    let bytes = stored.expose_secret();
    if bytes.starts_with(SEALED) {
        return Err("it is sealed, and this client has no sealing key".to_owned());
    }
    check_version(bytes)?;
    // serde's own words could quote the token.
    let record: Read = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if record.key != key.fingerprint() {
        return Err("it is for another address, device or key".to_owned());
    }
    let life = Duration::from_millis(record.life_ms);
    // A wall clock that was set back would make it younger than new.
    let by_clock = wall.saturating_sub(Duration::from_millis(record.received_ms));
    let by_store = stored.life().map(|left| life.saturating_sub(left)).unwrap_or_default();
    Session::kept(record.session, life, by_clock.max(by_store))
}

/// Whether these bytes are, as far as can be told without a key, something that this version wrote.
#[cfg(feature = "file-store")]
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    let whole = check_version(bytes).is_ok() && serde_json::from_slice::<Read>(bytes).is_ok();
    whole || bytes.starts_with(SEALED)
}

fn check_version(bytes: &[u8]) -> Result<(), String> {
    let Header { version } = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if version == VERSION {
        Ok(())
    } else {
        Err(format!("it has format {version}, and this version of the crate reads format {VERSION}"))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
