//! The faults of a store.

use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// The faults of a store since the client was built; see [`BotClient::store_faults`](crate::BotClient::store_faults).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreFaults {
    /// The number of failed operations and unusable stored records.
    pub count: u64,
    /// The last fault.
    pub last: Option<Error>,
}

/// Counts the faults of a client's store.
#[derive(Debug, Default)]
pub(crate) struct FaultCount(Mutex<StoreFaults>);

impl FaultCount {
    pub(crate) fn record(&self, fault: Error) {
        tracing::warn!(%fault, "the store failed");
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.count = faults.count.saturating_add(1);
        faults.last = Some(fault);
    }

    pub(crate) fn get(&self) -> StoreFaults {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
