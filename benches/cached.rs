//! Measures the cost of a cached token with 1, 2 and 8 concurrent tasks.
//!
//! The measurements alternate in short rounds, because the speed of a machine drifts over seconds. So values that
//! are compared were measured close to each other. `cargo xtask bench` takes the medians.

mod floor;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use floor::Floor;
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use tokio::runtime::Builder;

const ROUNDS: u32 = 15;

fn cached(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let bot = sandbox.client().build().unwrap();
    runtime.block_on(bot.access_token()).unwrap();
    let floor = Floor::new();

    let mut group = criterion.benchmark_group("cached");
    for round in 0..ROUNDS {
        group.bench_function(BenchmarkId::new("floor", round), |bencher| bencher.iter(|| floor.read()));
        for count in [1, 2, 8] {
            group.bench_function(BenchmarkId::new(format!("tasks-{count}"), round), |bencher| {
                bencher.iter_custom(|calls| runtime.block_on(by_tasks(&bot, count, calls)));
            });
        }
    }
    assert_eq!(sandbox.requests().len(), 1, "the token was not cached");
}

/// Returns the average time that each of `count` concurrent tasks takes for `calls` calls. The time that a task
/// waits for a thread is not included.
async fn by_tasks(bot: &BotClient, count: u32, calls: u64) -> Duration {
    let tasks = (0..count).map(|_| {
        let bot = bot.clone();
        tokio::spawn(async move { time_calls(&bot, calls).await })
    });
    let mut sum = Duration::ZERO;
    for task in tasks.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    sum / count
}

async fn time_calls(bot: &BotClient, calls: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(bot.access_token().await.unwrap());
    }
    start.elapsed()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    targets = cached
}
criterion_main!(benches);
