//! The settings of a read cache.

use std::time::Duration;

use crate::error::Error;

/// The settings of a cache of reads; see [`BotClientBuilder::read_cache`](crate::BotClientBuilder::read_cache).
///
/// ```
/// # use std::time::Duration;
/// use social_plus_bot::{BotClient, ReadCache, Region};
///
/// let cache = ReadCache::in_memory().fresh_for(Duration::from_secs(60 * 60));
/// let bot = BotClient::builder()
///     .api_key("b0e8a2c4d6f8")
///     .region(Region::Us)
///     .device_id("crawler-1")
///     .read_cache(cache)
///     .build()?;
/// # Ok::<(), social_plus_bot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ReadCache {
    pub(super) fresh_for: Duration,
    pub(super) stale_for: Duration,
    pub(super) not_found_for: Duration,
    pub(super) daily_reads: u32,
    pub(super) reserved_reads: u32,
    pub(super) max_memory_bytes: usize,
    pub(super) max_body_bytes: usize,
}

impl ReadCache {
    /// A cache with the default settings. Pages are kept in memory, and in the client's
    /// [store](crate::BotClientBuilder::store) as well if it has one.
    pub fn in_memory() -> Self {
        Self {
            fresh_for: Duration::from_secs(15 * 60),
            stale_for: Duration::from_secs(7 * 24 * 60 * 60),
            not_found_for: Duration::from_secs(10 * 60),
            daily_reads: 100,
            reserved_reads: 20,
            max_memory_bytes: 64 << 20,
            max_body_bytes: 4 << 20,
        }
    }

    /// How long a page is fresh: 15 min by default, or longer if the service says so (`Cache-Control: max-age`). A fresh
    /// page is returned without asking the service.
    pub fn fresh_for(mut self, age: Duration) -> Self {
        self.fresh_for = age;
        self
    }

    /// How long a page that is no longer fresh is still returned, counted like [`fresh_for`](Self::fresh_for) from when the
    /// service sent it: 7 days by default.
    pub fn stale_for(mut self, age: Duration) -> Self {
        self.stale_for = age;
        self
    }

    /// How long the service's answer is believed that there is nothing at a path (404): 10 min by default.
    pub fn not_found_for(mut self, age: Duration) -> Self {
        self.not_found_for = age;
        self
    }

    /// The number of reads of a UTC day: 100 by default, which the service documents for a bot.
    pub fn daily_reads(mut self, reads: u32) -> Self {
        self.daily_reads = reads;
        self
    }

    /// The number of daily reads that refreshes leave for pages that are not kept yet: 20 by default. What is left of them is
    /// released to refreshes in the course of the day.
    pub fn reserved_reads(mut self, reads: u32) -> Self {
        self.reserved_reads = reads;
        self
    }

    /// The memory for kept pages, in bytes: 64 MiB by default. What is asked for least is dropped first.
    pub fn max_memory_bytes(mut self, bytes: usize) -> Self {
        self.max_memory_bytes = bytes;
        self
    }

    /// The maximum size of a body, in bytes: 4 MiB by default. A longer one is an error.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Fails if the settings contradict each other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let rule = if self.daily_reads == 0 {
            "daily_reads must be at least 1"
        } else if self.reserved_reads > self.daily_reads {
            "reserved_reads must be at most daily_reads"
        } else if self.stale_for < self.fresh_for {
            "stale_for must be at least fresh_for"
        } else if self.max_body_bytes > self.max_memory_bytes {
            "max_body_bytes must be at most max_memory_bytes"
        } else {
            return Ok(());
        };
        Err(Error::config("read_cache", rule))
    }
}
