//! Bodies that came another way than by a read, and paths that are forgotten.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Shared;
use super::stored::{LONGEST_TTL, SHORTEST_TTL};
use crate::client::read_cache::entry::{Content, Entry};
use crate::client::read_cache::fetch::Fetch;
use crate::client::read_cache::record::Stored;
use crate::error::Error;
use crate::session::clock::Clock;

/// The number of attempts to store something that another process changes at the same time.
const ATTEMPTS: u32 = 5;

impl<F: Fetch, C: Clock + Clone> Shared<F, C> {
    pub(super) async fn fill(&self, path: &str, body: Bytes, age: Duration) -> Result<(), Error> {
        self.fetch.check(path)?;
        if body.len() > self.settings.max_body_bytes {
            let (length, limit) = (body.len(), self.settings.max_body_bytes);
            return Err(Error::invalid_input(
                "body",
                format!("has {length} bytes, more than the limit of {limit}"),
            ));
        }
        if !self.fetch.may_keep(&body) {
            return Err(Error::invalid_input("body", "contains the API key or the token, and is not kept"));
        }
        let now = self.clock.now();
        // A part of a list would keep the whole list in memory.
        let body = Bytes::copy_from_slice(&body);
        let entry = Arc::new(Entry::new(Content::Body(body), age, now));
        let is_newest = |kept: &Entry| kept.age(now) < age;
        if self.memory.peek(path).is_some_and(|kept| is_newest(&kept)) {
            return Ok(());
        }
        self.flights.outdate(path, || self.memory.insert(path.into(), Arc::clone(&entry)));
        for _ in 0..ATTEMPTS {
            let (raw, stored) = self.load(path).await;
            match stored {
                Some(Stored::Entry(stored)) if is_newest(&stored) => {
                    self.memory.insert(path.into(), Arc::new(stored));
                    break;
                }
                // Another process has forgotten it since then.
                Some(Stored::Forgotten(since)) if since < age => {
                    self.memory.remove(path);
                    break;
                }
                _ => {}
            }
            if self.store_entry(path, raw, Some(&entry)).await {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn forget(&self, path: &str) -> Result<(), Error> {
        self.flights.outdate(path, || drop(self.memory.remove(path)));
        let Some(store) = &self.store else { return Ok(()) };
        if self.fetch.check(path).is_err() {
            // Nothing is kept for such a path, which may contain a secret.
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let (raw, _) = store.load(path).await;
            match store
                .replace(path, raw, None, self.settings.stale_for.clamp(SHORTEST_TTL, LONGEST_TTL))
                .await
            {
                Some(true) => return Ok(()),
                // Another process has stored something at the same time.
                Some(false) => {}
                None => break,
            }
        }
        Err(Error::store(
            "the page is dropped in this process, but not in the store, which failed; forget it again later",
        )
        .of_outage())
    }
}
