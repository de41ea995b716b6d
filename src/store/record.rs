//! The format of stored sessions.
//!
//! A record is JSON with a format version, the session's key, when the session was received and its time to live then,
//! and the documented body. Its age comes from the store if that counts the time left, and otherwise from the wall
//! clock, which is the only clock that processes share. Nothing that is read is trusted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{StoreKey, StoredSession, operation};
use crate::api::MAX_VALUES;
use crate::api::types::BotSession;
use crate::error::Error;
use crate::session::Session;
use crate::session::clock::Moment;

/// The format version that is written. Later versions must read it.
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

/// The prefix of a sealed record; see `seal`.
pub(super) const SEALED: &[u8] = b"social-plus-bot sealed 1\n";

/// The prefix of sealed records of all versions.
#[cfg(feature = "file-store")]
const SEALED_ANYHOW: &[u8] = b"social-plus-bot sealed ";

/// The part that all versions have.
#[derive(Deserialize)]
struct Header {
    version: u64,
}

/// How far the clocks of two machines may differ. A record from further in the future was written with a wrong clock, and
/// its age is unknown.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What has more values was not written by this crate. A session has at most [`MAX_VALUES`] of them, its fields and those of
/// the record not counted, and each counts twice if it is an empty list or object.
const LARGEST: usize = 2 * (MAX_VALUES + 100);

/// The record of a session at `now`.
pub(crate) fn write(key: &StoreKey, session: &Session, now: Moment) -> Result<StoredSession, Error> {
    let record = Written {
        version: VERSION,
        key: key.fingerprint(),
        received_ms: millis(now.wall.saturating_sub(session.age(now))),
        life_ms: millis(session.ttl()),
        session: session.body(),
    };
    let bytes = serde_json::to_vec(&record)
        .map_err(|error| Error::store(format!("the session can't be written down: {error}")))?;
    Ok(bytes.into())
}

/// The session of a record at `now`, or the reason why it is not usable.
pub(crate) fn read(key: &StoreKey, stored: &StoredSession, now: Moment) -> Result<Session, String> {
    let bytes = stored.expose_secret();
    if bytes.starts_with(SEALED) {
        return Err("it is sealed, and this client has no sealing key".to_owned());
    }
    check_version(bytes)?;
    if values(bytes) > LARGEST {
        return Err("it has more in it than any session".to_owned());
    }
    // serde's own words could quote the token.
    let record: Read = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if record.key != key.fingerprint() {
        return Err("it is for another address, device or key".to_owned());
    }
    let ttl = Duration::from_millis(record.life_ms);
    let received = Duration::from_millis(record.received_ms);
    let by_clock = now.wall.saturating_sub(received);
    let age = match stored.ttl().and_then(|left| ttl.checked_sub(left)) {
        // The store counts from when it did save the session, which the clock may know more exactly.
        Some(by_store) => by_clock.clamp(by_store, by_store.saturating_add(operation::LIMIT)),
        None if received > now.wall.saturating_add(TOLERANCE) => {
            let ahead = received.saturating_sub(now.wall).as_secs();
            return Err(format!("it came {ahead} s in the future by this machine's clock; is that right?"));
        }
        None => by_clock,
    };
    Session::kept(record.session, ttl, age, now)
}

/// Whether some version of this crate wrote these bytes, as far as can be told without the key.
#[cfg(feature = "file-store")]
pub(super) fn is_record(bytes: &[u8]) -> bool {
    match serde_json::from_slice(bytes) {
        Ok(Header { version: VERSION }) => {
            values(bytes) <= LARGEST && serde_json::from_slice::<Read>(bytes).is_ok()
        }
        Ok(Header { .. }) => true,
        Err(_) => bytes.starts_with(SEALED_ANYHOW),
    }
}

/// How many values JSON has, empty lists and objects counted twice. Nothing is built of it meanwhile: two bytes of JSON
/// can become hundreds of bytes of values.
fn values(json: &[u8]) -> usize {
    let (mut values, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values
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
