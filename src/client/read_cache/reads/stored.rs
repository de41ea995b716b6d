//! The pages of the store next to those in memory.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::client::read_cache::entry::Entry;
use crate::client::read_cache::fetch::Fetch;
use crate::client::read_cache::record::Stored;
use crate::session::clock::Clock;
use crate::store::{StoreKey, StoredRecord};

/// The shortest time for which something is stored.
pub(super) const SHORTEST_TTL: Duration = Duration::from_secs(1);

/// The longest time. Redis refuses one that leads beyond the end of its clock.
pub(super) const LONGEST_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl<F: Fetch, C: Clock + Clone> Shared<F, C> {
    /// Takes a newer entry from the store into memory. Returns the record as it is stored, and the newer one of the entry
    /// there and the one in memory.
    pub(super) async fn look(&self, path: &str) -> (Option<StoredRecord>, Option<Arc<Entry>>) {
        let (raw, stored) = self.load(path).await;
        let (now, kept) = (self.clock.now(), self.memory.peek(path));
        let age = |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| entry.age(now));
        match stored {
            Some(Stored::Entry(entry)) if age(&kept).is_none_or(|age| entry.age(now) < age) => {
                let entry = Arc::new(entry);
                self.flights.keep(path, || self.memory.insert(path.into(), Arc::clone(&entry)));
                (raw, Some(entry))
            }
            Some(Stored::Forgotten(since)) if age(&kept).is_some_and(|age| age >= since) => {
                self.flights.keep(path, || drop(self.memory.remove(path)));
                (raw, None)
            }
            _ => (raw, kept),
        }
    }

    /// What is stored for `path`.
    pub(super) async fn load(&self, path: &str) -> (Option<StoredRecord>, Option<Stored>) {
        match &self.store {
            Some(store) => store.load(path).await,
            None => (None, None),
        }
    }

    /// Stores an entry, or that the path was forgotten, if `raw` is what is stored. Returns false if something else is.
    pub(super) async fn store_entry(
        &self,
        path: &str,
        raw: Option<StoredRecord>,
        entry: Option<&Entry>,
    ) -> bool {
        let Some(store) = &self.store else { return true };
        // That it was forgotten counts as long as another process may have it in memory.
        let lifetime = entry.map_or(self.settings.stale_for, |entry| entry.lifetime(&self.settings));
        let age = entry.map_or(Duration::ZERO, |entry| entry.age(self.clock.now()));
        let ttl = lifetime.saturating_sub(age).clamp(SHORTEST_TTL, LONGEST_TTL);
        store.replace(path, raw, entry, ttl).await.unwrap_or(true)
    }

    /// The key by which the reads of `path` are counted.
    pub(super) fn key(&self, path: &str) -> StoreKey {
        match &self.store {
            Some(store) => store.key(path),
            None => StoreKey::local(path),
        }
    }
}
