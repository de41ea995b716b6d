//! A store with the key of a record in it.

use std::sync::Arc;
use std::time::Duration;

use super::{Store, StoreKey, StoredRecord, operation};
use crate::error::Error;

/// A store with the key of a record in it.
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: StoreKey,
    #[cfg(feature = "sealing")]
    pub(crate) seal: Option<super::SealingKey>,
}

impl StoreHandle {
    /// Decrypts a stored record, or says why it can't be read.
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

    /// Encrypts a record if there is a key.
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

    /// The same store with another key.
    #[cfg(feature = "read-cache")]
    pub(crate) fn at(&self, key: StoreKey) -> Self {
        Self { key, ..self.clone() }
    }

    /// What is stored, decrypted, or why it can't be read.
    pub(crate) async fn load(&self) -> Result<Option<Found>, Error> {
        let Some(raw) = operation::run(|| self.store.load(&self.key)).await? else { return Ok(None) };
        let open = match raw.reason() {
            Some(reason) => Err(reason.to_owned()),
            None => self.open(&raw),
        };
        Ok(Some(Found { raw, open }))
    }

    /// Encrypts and stores `new`, if `old` is what is stored. Returns whether it is.
    pub(crate) async fn replace(
        &self,
        old: Option<StoredRecord>,
        new: StoredRecord,
        ttl: Duration,
    ) -> Result<bool, Error> {
        let new = self.seal(new)?;
        operation::run(|| self.store.replace(&self.key, old, new, ttl)).await
    }
}

/// A record in a store.
pub(crate) struct Found {
    /// As it is stored, for comparison when it is replaced.
    pub(crate) raw: StoredRecord,
    /// Its content, or why it can't be read.
    pub(crate) open: Result<StoredRecord, String>,
}
