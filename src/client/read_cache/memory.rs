//! The pages in memory, bounded by bytes.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::entry::Entry;
use super::fetch::Validators;
use super::settings::ReadCache;

/// The expected size of a page, in bytes.
const USUAL_SIZE: usize = 8 << 10;

/// The memory of an entry besides its body, path and headers, in bytes, about.
const OVERHEAD: u64 = 512;

/// Entries by path. What is asked for least is dropped first.
pub(super) type Memory = Cache<Box<str>, Arc<Entry>, ByBytes>;

/// Measures entries by the bytes that they take.
#[derive(Clone, Debug)]
pub(super) struct ByBytes;

impl Weighter<Box<str>, Arc<Entry>> for ByBytes {
    fn weight(&self, path: &Box<str>, entry: &Arc<Entry>) -> u64 {
        let Validators { etag, last_modified } = &entry.validators;
        let headers = [etag, last_modified].into_iter().flatten().map(String::len);
        let lengths = [path.len(), entry.body().len()].into_iter().chain(headers);
        lengths.fold(OVERHEAD, |weight, length| weight.saturating_add(length as u64))
    }
}

pub(super) fn memory(settings: &ReadCache) -> Memory {
    // A body of the longest length has to fit in any case, and the cache leaves a few percent to new entries.
    let longest =
        settings.max_body_bytes.saturating_add(settings.max_body_bytes / 16).saturating_add(USUAL_SIZE);
    let bytes = settings.max_memory_bytes.max(longest);
    // An entry has to fit into a shard.
    let shards = (bytes / settings.max_body_bytes.max(1).saturating_mul(2)).clamp(1, 16);
    let shards = if shards.is_power_of_two() { shards } else { shards.next_power_of_two() / 2 };
    let options = OptionsBuilder::new()
        .estimated_items_capacity((bytes / USUAL_SIZE).max(32 * shards))
        .weight_capacity(bytes as u64)
        .shards(shards)
        .build();
    match options {
        Ok(options) => Cache::with_options(options, ByBytes, Default::default(), DefaultLifecycle::default()),
        Err(_) => Cache::with_weighter(bytes / USUAL_SIZE, bytes as u64, ByBytes),
    }
}
