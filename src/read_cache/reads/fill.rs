//! Bodies that came another way than by a read, and paths that are forgotten.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Shared;
use crate::error::Error;
use crate::read_cache::entry::{Content, Entry};
use crate::read_cache::fetch::Fetch;
use crate::read_cache::record::Stored;
use crate::session::clock::Clock;

/// The number of attempts to store something that another process changes at the same time.
const ATTEMPTS: u32 = 5;

impl<F: Fetch, C: Clock + Clone> Shared<F, C> {
    pub(super) async fn fill(&self, path: &str, body: Bytes, age: Duration) -> Result<(), Error> {
        self.fetch.check(path)?;
        if body.len() > self.settings.max_body_bytes {
            let (length, limit) = (body.len(), self.settings.max_body_bytes);
            return Err(Error::config("body", format!("has {length} bytes, more than the limit of {limit}")));
        }
        if !self.fetch.may_keep(&body) {
            return Err(Error::config("body", "contains the API key or the token, and is not kept"));
        }
        let now = self.clock.now();
        let entry = Arc::new(Entry::new(Content::Body(body), age, now));
        let is_newest = |kept: &Entry| kept.age(now) < age;
        if self.memory.peek(path).is_some_and(|kept| is_newest(&kept)) {
            return Ok(());
        }
        self.flights.outdate(path, || self.memory.insert(path.into(), Arc::clone(&entry)));
        for _ in 0..ATTEMPTS {
            let (raw, stored) = self.load(path).await;
            if let Some(Stored::Entry(stored)) = stored
                && is_newest(&stored)
            {
                self.memory.insert(path.into(), Arc::new(stored));
                break;
            }
            if self.store_entry(path, raw, Some(&entry)).await {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn forget(&self, path: &str) {
        self.flights.outdate(path, || drop(self.memory.remove(path)));
        for _ in 0..ATTEMPTS {
            let (raw, _) = self.load(path).await;
            if self.store_entry(path, raw, None).await {
                break;
            }
        }
    }
}
