//! Counts that do not depend on the machine: the allocations of a cached call, and the requests that concurrent
//! callers cause.
//!
//! This is a separate program because counting allocations replaces the allocator. It prints one line per count.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use tokio::runtime::Builder;

const CALLS: u32 = 1_000;
const CALLERS: u32 = 10_000;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for tasks in [1, 2, 8] {
            println!("tasks-{tasks} {}", allocations(tasks).await);
        }
        println!("concurrent-callers {}", requests().await);
    });
}

/// Returns the average number of allocations per cached call, made from `tasks` tasks.
async fn allocations(tasks: u32) -> f64 {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    let spawned = (0..tasks).map(|_| {
        let bot = bot.clone();
        // The first call on a thread can initialize thread-local state, so it is not counted.
        tokio::spawn(async move {
            call(&bot);
            measure(|| (0..CALLS).for_each(|_| call(&bot))).count_total
        })
    });
    let mut sum = 0;
    for task in spawned.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    sum as f64 / f64::from(tasks * CALLS)
}

/// Takes the cached token. The call completes at the first poll, so all its allocations are on this thread.
fn call(bot: &BotClient) {
    let future = pin!(bot.access_token());
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => black_box(token.unwrap()),
        Poll::Pending => panic!("the token was not cached"),
    };
}

/// Returns the number of requests that concurrent callers cause while no session is cached.
async fn requests() -> usize {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let tasks = (0..CALLERS).map(|_| {
        let bot = bot.clone();
        tokio::spawn(async move { bot.session().await.map(drop) })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    sandbox.requests().len()
}
