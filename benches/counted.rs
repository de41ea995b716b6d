//! What can be counted, and so is the same on every machine: allocations of a cached call, and the requests that
//! a crowd causes.
//!
//! A program of its own, because counting allocations replaces the allocator. It prints one line for each count.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use tokio::runtime::Builder;

const CALLS: u32 = 1_000;
const CROWD: u32 = 10_000;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for tasks in [1, 2, 8] {
            println!("tasks-{tasks} {}", allocations(tasks).await);
        }
        println!("crowd {}", requests().await);
    });
}

/// How many allocations each cached call of `tasks` tasks makes.
async fn allocations(tasks: u32) -> f64 {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    let spawned = (0..tasks).map(|_| {
        let bot = bot.clone();
        // A thread's first call may set up what belongs to the thread.
        tokio::spawn(async move {
            ask(&bot);
            measure(|| (0..CALLS).for_each(|_| ask(&bot))).count_total
        })
    });
    let mut sum = 0;
    for task in spawned.collect::<Vec<_>>() {
        sum += task.await.unwrap();
    }
    sum as f64 / f64::from(tasks * CALLS)
}

/// Takes the token, which must be there already: what is counted on this thread is then all there is.
fn ask(bot: &BotClient) {
    let call = pin!(bot.access_token());
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => black_box(token.unwrap()),
        Poll::Pending => panic!("the token was not cached"),
    };
}

/// How many requests a crowd causes that asks all at once for a session that is not there yet.
async fn requests() -> usize {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let tasks = (0..CROWD).map(|_| {
        let bot = bot.clone();
        tokio::spawn(async move { bot.session().await.map(drop) })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    sandbox.requests().len()
}
