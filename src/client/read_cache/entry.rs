//! What is kept of a path.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::fetch::Validators;
use super::settings::ReadCache;
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
    /// How often it was asked for since it became stale, or since a refresh of it failed.
    asks: AtomicU32,
    /// How old it was when the store was last asked for a newer one, in seconds.
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
            looked: AtomicU64::new(age.as_secs()),
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
    // As for `Moment::since`.
    #[inline]
    pub(super) fn age(&self, now: Moment) -> Duration {
        self.age.saturating_add(now.since(self.received))
    }

    /// Counts that it was asked for while it is stale.
    pub(super) fn ask(&self) -> u32 {
        self.asks.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Begins to count anew, so that the turn of other pages comes first.
    pub(super) fn refresh_failed(&self) {
        self.asks.store(0, Ordering::Relaxed);
    }

    /// How long it is returned.
    pub(super) fn lifetime(&self, settings: &ReadCache) -> Duration {
        match self.content {
            Content::Body(_) => settings.stale_for.max(self.max_age),
            Content::NotFound(_) => settings.not_found_for,
        }
    }

    /// Whether the store is to be asked for a newer one: after a tenth of the entry's age, and at most once a minute.
    pub(super) fn should_look(&self, now: Moment) -> bool {
        let (looked, age) = (self.looked.load(Ordering::Relaxed), self.age(now).as_secs());
        // It is younger than before only if a clock was set.
        let is_due = age.checked_sub(looked).is_none_or(|since| since >= (age / 10).max(60));
        is_due && self.looked.compare_exchange(looked, age, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
