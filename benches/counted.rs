//! Counts that do not depend on the machine: the allocations of a cached token and of a fresh page, and the requests that
//! concurrent callers cause.
//!
//! This is a separate program because counting allocations replaces the allocator. It prints one line per count.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{BotClient, Error, ReadCache};
use tokio::runtime::Builder;

const CALLS: u32 = 1_000;
const CALLERS: u32 = 10_000;
const PATH: &str = "/api/v3/communities/gardening";

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for tasks in [1, 2, 8] {
            println!("tasks-{tasks} {}", allocations(tasks).await);
        }
        println!("fresh-page {}", allocations_of_page().await);
        println!("concurrent-callers {}", requests().await);
        println!("concurrent-readers {}", reads().await);
    });
}

/// Returns the average number of allocations per cached token, taken from `tasks` tasks.
async fn allocations(tasks: u32) -> f64 {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    let spawned = (0..tasks).map(|_| {
        let bot = bot.clone();
        tokio::spawn(async move { count(|| ready(bot.access_token())) })
    });
    let mut sum = 0;
    for task in spawned.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    sum as f64 / f64::from(tasks * CALLS)
}

/// Returns the average number of allocations per fresh page.
async fn allocations_of_page() -> f64 {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().read_cache(ReadCache::in_memory()).build().unwrap();
    bot.read(PATH).await.unwrap();
    count(|| ready(bot.read(PATH))) as f64 / f64::from(CALLS)
}

/// Returns the number of allocations of all calls. The first call on a thread can initialize thread-local state, so it
/// is not counted.
fn count(call: impl Fn()) -> u64 {
    call();
    measure(|| (0..CALLS).for_each(|_| call())).count_total
}

/// Takes what is cached. The call completes at the first poll, so all its allocations are on this thread.
fn ready<T>(call: impl Future<Output = Result<T, Error>>) {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(cached) => drop(black_box(cached.unwrap())),
        Poll::Pending => panic!("it was not cached"),
    }
}

/// Returns the number of requests that concurrent callers cause while no session is cached.
async fn requests() -> usize {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    concurrently(&bot, |bot| async move { bot.session().await.map(drop) }).await;
    sandbox.requests().len()
}

/// Returns the number of reads that concurrent callers of one page cause while it is not kept.
async fn reads() -> usize {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().read_cache(ReadCache::in_memory()).build().unwrap();
    concurrently(&bot, |bot| async move { bot.read(PATH).await.map(drop) }).await;
    sandbox.requests().iter().filter(|request| request.method() == "GET").count()
}

/// Calls from many tasks, each with a clone of `bot`, and waits for all.
async fn concurrently<F>(bot: &BotClient, call: impl Fn(BotClient) -> F)
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let tasks = (0..CALLERS).map(|_| tokio::spawn(call(bot.clone())));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
}
