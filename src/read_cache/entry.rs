//! What is kept of a path.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::fetch::Validators;
use crate::error::Error;
use crate::session::clock::Moment;

/// What the service last said of a path.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) content: Content,
    /// The age when it was received.
    pub(super) age: Duration,
    pub(super) received: Moment,
    /// How long it is fresh at least, by the service's word.
    pub(super) max_age: Duration,
    pub(super) validators: Validators,
    /// How often it was asked for since it became stale.
    asks: AtomicU32,
    /// When the store was last asked for a newer one, in seconds by the monotonic clock.
    looked: AtomicU64,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Body(Bytes),
    /// There is nothing at the path.
    NotFound(Error),
}

impl Entry {
    pub(super) fn new(content: Content, age: Duration, received: Moment) -> Self {
        Self {
            content,
            age,
            received,
            max_age: Duration::ZERO,
            validators: Validators::default(),
            asks: AtomicU32::new(0),
            looked: AtomicU64::new(received.monotonic.as_secs()),
        }
    }

    /// The same with what the service said for caches.
    pub(super) fn with(self, max_age: Duration, validators: Validators) -> Self {
        Self { max_age, validators, ..self }
    }

    /// The same content, which the service has confirmed.
    pub(super) fn confirmed(&self, age: Duration, max_age: Duration, received: Moment) -> Self {
        Self::new(self.content.clone(), age, received).with(max_age, self.validators.clone())
    }

    /// The body; empty if there is nothing at the path.
    pub(super) fn body(&self) -> &Bytes {
        static EMPTY: Bytes = Bytes::new();
        match &self.content {
            Content::Body(body) => body,
            Content::NotFound(_) => &EMPTY,
        }
    }

    /// The time since the service sent it.
    pub(super) fn age(&self, now: Moment) -> Duration {
        self.age.saturating_add(now.since(self.received))
    }

    /// Counts that it was asked for while it is stale.
    pub(super) fn ask(&self) -> u32 {
        self.asks.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Whether the store is to be asked for a newer one: after a tenth of the entry's age, and at most once a minute.
    pub(super) fn should_look(&self, now: Moment) -> bool {
        let (looked, second) = (self.looked.load(Ordering::Relaxed), now.monotonic.as_secs());
        let wait = (self.age(now).as_secs() / 10).max(60);
        second.saturating_sub(looked) >= wait
            && self.looked.compare_exchange(looked, second, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
