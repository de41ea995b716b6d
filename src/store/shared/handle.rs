//! A store with the key of a session, and what is stored there.

use std::sync::Arc;

use crate::error::Error;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::store::record::{Known, Newest};
use crate::store::{Store, StoreKey, StoredRecord, operation, record};

/// A store with the key of the session in it.
#[derive(Debug)]
pub(crate) struct StoreHandle {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: StoreKey,
    #[cfg(feature = "sealing")]
    pub(crate) seal: Option<crate::store::SealingKey>,
}

impl StoreHandle {
    /// Decrypts a stored session, or says why it can't be read.
    #[cfg(feature = "sealing")]
    fn open(&self, stored: &StoredRecord) -> Result<StoredRecord, String> {
        match &self.seal {
            Some(seal) => seal.open(&self.key, stored),
            None => Ok(stored.clone()),
        }
    }

    #[cfg(not(feature = "sealing"))]
    fn open(&self, stored: &StoredRecord) -> Result<StoredRecord, String> {
        Ok(stored.clone())
    }

    /// Encrypts a session if there is a key.
    #[cfg(feature = "sealing")]
    fn seal(&self, written: StoredRecord) -> Result<StoredRecord, Error> {
        match &self.seal {
            Some(seal) => seal.seal(&self.key, &written),
            None => Ok(written),
        }
    }

    #[cfg(not(feature = "sealing"))]
    fn seal(&self, written: StoredRecord) -> Result<StoredRecord, Error> {
        Ok(written)
    }

    /// What is stored, and what it says.
    pub(super) async fn load(&self, clock: &impl Clock) -> Result<Stored, Error> {
        // The time left counts from when the store was asked, at the latest.
        let asked = clock.now();
        let raw = operation::run(|| self.store.load(&self.key)).await?;
        let Some(found) = &raw else { return Ok(Stored { raw, known: None, unreadable: None }) };
        let open = match found.reason() {
            Some(reason) => Err(reason.to_owned()),
            None => self.open(found),
        };
        Ok(match open.and_then(|open| record::read(&self.key, &open, asked)) {
            Ok(known) => Stored { raw, known: Some(known), unreadable: None },
            Err(reason) => Stored { raw, known: None, unreadable: Some(reason) },
        })
    }

    /// Replaces what is stored, and returns whether it has not changed.
    pub(super) async fn replace(
        &self,
        old: Option<StoredRecord>,
        known: &Known,
        clock: &impl Clock,
    ) -> Result<bool, Error> {
        let now = clock.now();
        let new = self.seal(record::write(&self.key, known, now)?)?;
        operation::run(|| self.store.replace(&self.key, old, new, known.ttl(now))).await
    }
}

/// What is stored, and what it says.
pub(super) struct Stored {
    /// As it is stored, for comparison when it is replaced.
    pub(super) raw: Option<StoredRecord>,
    pub(super) known: Option<Known>,
    /// Why it can't be read.
    pub(super) unreadable: Option<String>,
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
