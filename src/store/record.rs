//! The format of stored sessions.
//!
//! A record is JSON with a format version, the session's key, when the session was received and how it is ordered, its
//! time to live then, and the documented body, or instead of the body that the token was refused. It also says whether
//! the registration after it failed. Its age comes from the store if that counts the time left, and otherwise from the
//! wall clock, which is the only clock that processes share. Nothing that is read is trusted.

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{StoreKey, StoredRecord, operation};
use crate::api::MAX_VALUES;
use crate::api::types::BotSession;
use crate::error::{Error, ErrorRecord};
use crate::session::Session;
use crate::session::clock::Moment;
use crate::session::gate::{Failure, Refusal};

/// The format version that is written. Later versions must read it.
const VERSION: u64 = 2;

/// A failed registration keeps the others from registering for this long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// For so long after its pause, a failed registration counts as the one before the next, also for a process that starts
/// in the meantime.
const FAILURE_COUNTS: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    key: &'a str,
    newest: Option<Registration>,
    session: Option<&'a Session>,
    failure: Option<WrittenFailure<'a>>,
}

/// The newest registration.
#[derive(Serialize, Deserialize)]
struct Registration {
    order: DateTime<Utc>,
    received_ms: u64,
    life_ms: u64,
    /// How many times in a row it replaced one that was refused early.
    replaced: u32,
    /// Whether the token worked before it was refused.
    worked: bool,
}

#[derive(Serialize, Deserialize)]
struct WrittenFailure<'a> {
    number: u32,
    at_ms: u64,
    pause_ms: u64,
    /// The part of the pause that the service asked for.
    requested_ms: u64,
    error: ErrorRecord<'a>,
}

#[derive(Deserialize)]
struct Read {
    key: String,
    newest: Option<Registration>,
    session: Option<BotSession>,
    failure: Option<WrittenFailure<'static>>,
}

/// What processes know of the device's registrations.
#[derive(Debug)]
pub(crate) struct Known {
    /// The newest session.
    pub(crate) newest: Newest,
    /// The failed registration after it.
    pub(crate) failure: Option<Failure>,
}

#[derive(Debug)]
pub(crate) enum Newest {
    Session(Session),
    Refused(Refusal),
    /// There has been none.
    Nothing,
}

impl Newest {
    pub(crate) fn order(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Session(session) => Some(session.order()),
            Self::Refused(refusal) => Some(refusal.order),
            Self::Nothing => None,
        }
    }
}

impl Known {
    /// For how long it is worth knowing.
    pub(crate) fn ttl(&self, now: Moment) -> Duration {
        match (&self.newest, &self.failure) {
            (Newest::Session(session), _) => session.left(now),
            (Newest::Refused(refusal), _) => refusal.ttl.saturating_sub(refusal.age),
            (Newest::Nothing, Some(failure)) => now.until(failure.until).saturating_add(FAILURE_COUNTS),
            (Newest::Nothing, None) => Duration::ZERO,
        }
    }
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

/// The record of what is known at `now`.
pub(crate) fn write(key: &StoreKey, known: &Known, now: Moment) -> Result<StoredRecord, Error> {
    let before = |age| millis(now.wall.saturating_sub(age));
    let registration = |refusal: Refusal| Registration {
        order: refusal.order,
        received_ms: before(refusal.age),
        life_ms: millis(refusal.ttl),
        replaced: refusal.replaced,
        worked: refusal.worked,
    };
    let record = Written {
        version: VERSION,
        key: key.fingerprint(),
        newest: match &known.newest {
            Newest::Session(session) => Some(registration(Refusal::of(session, false, now))),
            Newest::Refused(refusal) => Some(registration(*refusal)),
            Newest::Nothing => None,
        },
        session: match &known.newest {
            Newest::Session(session) => Some(session),
            Newest::Refused(_) | Newest::Nothing => None,
        },
        failure: known.failure.as_ref().map(|failure| WrittenFailure {
            number: failure.number,
            at_ms: millis(now.wall),
            pause_ms: millis(now.until(failure.until)),
            requested_ms: millis(now.until(failure.requested)),
            error: ErrorRecord::from(&failure.error),
        }),
    };
    let bytes = serialized(&record)
        .map_err(|error| Error::store(format!("the session can't be serialized: {error}")))?;
    Ok(bytes.into())
}

/// Takes the memory for all of it at once, since growing would leave a copy of the token behind.
fn serialized(record: &Written<'_>) -> serde_json::Result<Vec<u8>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, record)?;
    let mut bytes = Vec::with_capacity(length.0);
    serde_json::to_writer(&mut bytes, record)?;
    Ok(bytes)
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a record says at `now`, or the reason why it is not usable.
pub(crate) fn read(key: &StoreKey, stored: &StoredRecord, now: Moment) -> Result<Known, String> {
    let bytes = stored.expose_secret();
    if bytes.starts_with(SEALED) {
        return Err("it is sealed, and this client has no sealing key".to_owned());
    }
    check_version(bytes)?;
    if values(bytes) > LARGEST {
        return Err("it has more values than any session".to_owned());
    }
    // serde's own words could quote the token.
    let record: Read = serde_json::from_slice(bytes).map_err(|_| "it is damaged".to_owned())?;
    if record.key != key.fingerprint() {
        return Err("it is for another address, device or key".to_owned());
    }
    let newest = match record.newest {
        Some(newest) => newest.read(record.session, stored.ttl(), now)?,
        None => Newest::Nothing,
    };
    Ok(Known { newest, failure: record.failure.and_then(|failure| failure.read(now)) })
}

impl Registration {
    fn read(self, body: Option<BotSession>, left: Option<Duration>, now: Moment) -> Result<Newest, String> {
        let ttl = Duration::from_millis(self.life_ms);
        let received = Duration::from_millis(self.received_ms);
        let by_clock = now.wall.saturating_sub(received);
        let age = match left.and_then(|left| ttl.checked_sub(left)) {
            // The store counts from when it did save the session, which the clock may know more exactly.
            Some(by_store) => by_clock.clamp(by_store, by_store.saturating_add(operation::LIMIT)),
            None if received > now.wall.saturating_add(TOLERANCE) => {
                let ahead = received.saturating_sub(now.wall).as_secs();
                return Err(format!("it is dated {ahead} s in the future; check this machine's clock"));
            }
            None => by_clock,
        };
        let Self { order, replaced, worked, .. } = self;
        Ok(match body {
            Some(body) => {
                Newest::Session(Session::kept(body, ttl, age, now)?.replacing(replaced).ordered(order))
            }
            None => Newest::Refused(Refusal { order, age, ttl, replaced, worked }),
        })
    }
}

impl WrittenFailure<'static> {
    /// The failure, while it keeps others from registering or counts for the next pause.
    fn read(self, now: Moment) -> Option<Failure> {
        let pause = Duration::from_millis(self.pause_ms).min(LONGEST_PAUSE);
        let at = Duration::from_millis(self.at_ms);
        // A failure in the future was written with a wrong clock.
        let since = if at > now.wall + TOLERANCE { pause } else { now.wall.saturating_sub(at) };
        let requested = Duration::from_millis(self.requested_ms).min(pause);
        let counts = since < pause.saturating_add(FAILURE_COUNTS);
        counts.then(|| Failure {
            number: self.number,
            until: now.after(pause.saturating_sub(since)),
            requested: now.after(requested.saturating_sub(since)),
            error: self.error.into(),
        })
    }
}

/// Whether some version of this crate wrote these bytes, as far as can be told without the key.
#[cfg(feature = "file-store")]
pub(super) fn is_record(bytes: &[u8]) -> bool {
    match serde_json::from_slice(bytes) {
        // A list can be read as a header, too.
        Ok(Header { .. }) if !bytes.starts_with(b"{") => false,
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
