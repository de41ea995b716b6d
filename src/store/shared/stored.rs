//! What is stored of a device's registrations.

use crate::error::Error;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::store::StoredRecord;
use crate::store::handle::{Found, StoreHandle};
use crate::store::record::{self, Known, Newest};

/// What is stored, and what it says.
pub(super) struct Stored {
    /// As it is stored, for comparison when it is replaced.
    pub(super) raw: Option<StoredRecord>,
    pub(super) known: Option<Known>,
    /// Why it can't be read.
    pub(super) unreadable: Option<String>,
}

/// What is stored, and what it says.
pub(super) async fn load(handle: &StoreHandle, clock: &impl Clock) -> Result<Stored, Error> {
    // The time left counts from when the store was asked, at the latest.
    let asked = clock.now();
    let Some(Found { raw, open }) = handle.load().await? else {
        return Ok(Stored { raw: None, known: None, unreadable: None });
    };
    let raw = Some(raw);
    Ok(match open.and_then(|open| record::read(&handle.key, &open, asked)) {
        Ok(known) => Stored { raw, known: Some(known), unreadable: None },
        Err(reason) => Stored { raw, known: None, unreadable: Some(reason) },
    })
}

/// Replaces what is stored, and returns whether it has not changed.
pub(super) async fn replace(
    handle: &StoreHandle,
    old: Option<StoredRecord>,
    known: &Known,
    clock: &impl Clock,
) -> Result<bool, Error> {
    let now = clock.now();
    let new = record::write(&handle.key, known, now)?;
    handle.replace(old, new, known.ttl(now)).await
}

impl Stored {
    pub(super) fn session(&self) -> Option<&Session> {
        match self.known.as_ref()?.newest {
            Newest::Session(ref session) => Some(session),
            Newest::Refused(_) | Newest::Nothing => None,
        }
    }

    pub(super) fn into_session(self) -> Option<Session> {
        match self.known?.newest {
            Newest::Session(session) => Some(session),
            Newest::Refused(_) | Newest::Nothing => None,
        }
    }
}
