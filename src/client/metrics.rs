//! What a client counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::client::BotClient;

/// What a client and its clones have done since the client was built; see [`BotClient::metrics`]. Counts never decrease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Registrations that were sent, each attempt counted. Direct calls of the generated client are not.
    pub registrations: u64,
    /// How many of [`registrations`](Self::registrations) repeated one that had failed.
    pub registration_retries: u64,
    /// Sessions that replaced a valid one that was due for a refresh. They were registered, or another process had stored
    /// them.
    pub refreshes: u64,
    /// Tokens that the service refused, or that were [invalidated](BotClient::invalidate), each counted once.
    pub refused_tokens: u64,
    /// Reads (`GET` and `HEAD`) that were sent, repeats included.
    pub reads: u64,
    /// Reads that the service refused because the day's reads were used up, and those that were not sent for this reason. What
    /// [`BotClient::read`] keeps back is not counted here.
    pub refused_reads: u64,
    /// Failed operations and unusable records of the store; [`BotClient::store_faults`] has the last one.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub store_faults: u64,
    /// Calls of [`BotClient::read`] whose page was in memory, fresh or stale.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub cache_hits: u64,
    /// Calls of [`BotClient::read`] that waited for the store or the service.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub cache_misses: u64,
}

/// The reads that a client counts.
#[derive(Debug, Default)]
pub(crate) struct ReadCounts {
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Adds one. Counts order nothing.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl BotClient {
    /// Returns what this client and its clones have counted so far, for a metrics exporter. It takes no lock but that of the
    /// store's faults.
    ///
    /// Calls that return a cached token or session are not counted, so that they write to no memory that threads share.
    ///
    #[cfg_attr(feature = "sandbox", doc = "```")]
    #[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
    /// # let bot = sandbox.client().build()?;
    /// bot.get("/api/v4/posts").await?;
    /// let metrics = bot.metrics();
    /// assert_eq!((metrics.registrations, metrics.reads, metrics.refused_tokens), (1, 1, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(&self) -> Metrics {
        let inner = &*self.0;
        let (registrations, registration_retries) = inner.registrar.counts();
        let (refreshes, refused_tokens) = inner.cache.counts();
        #[cfg(feature = "read-cache")]
        let (cache_hits, cache_misses) = self.1.as_ref().map(|reads| reads.counts()).unwrap_or_default();
        Metrics {
            registrations,
            registration_retries,
            refreshes,
            refused_tokens,
            reads: inner.read_counts.sent.load(Ordering::Relaxed),
            refused_reads: inner.read_counts.refused.load(Ordering::Relaxed),
            #[cfg(feature = "store")]
            store_faults: inner.source.faults().get().count,
            #[cfg(feature = "read-cache")]
            cache_hits,
            #[cfg(feature = "read-cache")]
            cache_misses,
        }
    }
}
