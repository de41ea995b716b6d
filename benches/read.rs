//! Compares the cost of a fresh page with that of the lookup alone.
//!
//! The measurements alternate in short rounds, for the reason given in `benches/cached.rs`.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use serde_json::json;
use social_plus_bot::ReadCache;
use social_plus_bot::sandbox::Sandbox;
use tokio::runtime::Builder;

const ROUNDS: u32 = 15;
const PATH: &str = "/api/v3/communities/gardening";
const BODY: usize = 10 << 10;

fn read(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    sandbox.stub_get(PATH, json!({ "description": "a".repeat(BODY) }));
    let bot = sandbox.client().read_cache(ReadCache::in_memory()).build().unwrap();
    let page = runtime.block_on(bot.read(PATH)).unwrap();
    let floor = Floor::new(page.bytes().clone());

    let mut group = criterion.benchmark_group("read");
    for round in 0..ROUNDS {
        group.bench_function(BenchmarkId::new("floor", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || async { floor.read() })));
        });
        group.bench_function(BenchmarkId::new("hit", round), |bencher| {
            bencher.iter_custom(|calls| {
                runtime.block_on(time(calls, || async { bot.read(PATH).await.unwrap() }))
            });
        });
    }
    let reads = sandbox.requests().iter().filter(|request| request.method() == "GET").count();
    assert_eq!(reads, 1, "the page was not kept");
}

/// Returns the time that `calls` sequential calls take.
async fn time<F: Future>(calls: u64, call: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call().await);
    }
    start.elapsed()
}

/// The lower bound for the cost of a fresh page: one lookup in a cache like the client's, and one read of the clock.
struct Floor(Cache<Box<str>, Arc<Bytes>, ByBytes>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Bytes>> for ByBytes {
    fn weight(&self, path: &Box<str>, body: &Arc<Bytes>) -> u64 {
        (path.len() + body.len()) as u64
    }
}

impl Floor {
    /// A cache with the options of `src/client/read_cache/memory.rs` for the default settings, and one page.
    fn new(body: Bytes) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(8 << 10)
            .weight_capacity(64 << 20)
            .shards(8)
            .build()
            .unwrap();
        let cache = Cache::with_options(options, ByBytes, Default::default(), DefaultLifecycle::default());
        cache.insert(PATH.into(), Arc::new(body));
        Self(cache)
    }

    /// Looks the page up and reads the clock.
    fn read(&self) -> Arc<Bytes> {
        black_box(Instant::now());
        self.0.get(PATH).unwrap()
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    targets = read
}
criterion_main!(benches);
