//! Measures the cost of a cached token and of a cached page, for this crate and the others.
//!
//! The measurements alternate in short rounds, for the reason given in `benches/cached.rs`.

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gcp_auth::TokenProvider;
use social_plus_bot_peers::floor::Floor;
use social_plus_bot_peers::pages::Pages;
use social_plus_bot_peers::{Peers, SCOPES};
use tokio::runtime::Builder;
use tokio::task::unconstrained;

const ROUNDS: u32 = 15;

fn timed(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peers = runtime.block_on(Peers::start());
    let floor = Floor::new();

    let mut group = criterion.benchmark_group("peers");
    for round in 0..ROUNDS {
        group.bench_function(BenchmarkId::new("floor", round), |bencher| bencher.iter(|| floor.read()));
        group.bench_function(BenchmarkId::new("ours", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || peers.ours.access_token())));
        });
        group.bench_function(BenchmarkId::new("gcp_auth", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || peers.gcp_auth.token(SCOPES))));
        });
        group.bench_function(BenchmarkId::new("yup-oauth2", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || peers.yup_oauth2.token(SCOPES))));
        });
        group.bench_function(BenchmarkId::new("google-cloud-auth", round), |bencher| {
            bencher.iter_custom(|calls| {
                runtime.block_on(time(calls, || peers.google_cloud_auth.access_token()))
            });
        });
    }
    peers.assert_cached();
}

fn pages(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let pages = runtime.block_on(Pages::start());

    let mut group = criterion.benchmark_group("peer-pages");
    for round in 0..ROUNDS {
        group.bench_function(BenchmarkId::new("ours", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || pages.ours())));
        });
        group.bench_function(BenchmarkId::new("http-cache-reqwest", round), |bencher| {
            bencher.iter_custom(|calls| runtime.block_on(time(calls, || pages.http_cache())));
        });
    }
    pages.assert_cached();
}

/// Returns the time that `calls` sequential calls take. The task is unconstrained, so that Tokio's locks do not make
/// it yield.
async fn time<F, T, E>(calls: u64, call: impl Fn() -> F) -> Duration
where
    F: Future<Output = Result<T, E>>,
    E: std::fmt::Debug,
{
    unconstrained(async {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call().await.unwrap());
        }
        start.elapsed()
    })
    .await
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    targets = timed, pages
}
criterion_main!(benches);
