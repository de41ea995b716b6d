//! Reads that are kept: when one is sent, what is returned meanwhile, and what is left of the day's reads.

use std::time::Duration;

use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, ErrorCode, ErrorKind, Freshness, ReadCache, StaleReason};

use crate::authorized::received;
use crate::service;

mod failures;
mod headers;
mod misuse;

/// Long enough not to expire unless a call hangs.
const HANG: Duration = Duration::from_secs(300);

const PATH: &str = "/api/v3/communities/gardening";

async fn cached(settings: impl FnOnce(ReadCache) -> ReadCache) -> (Sandbox, BotClient) {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get(PATH, json!({ "version": 1 }));
    let bot = sandbox.client().timeout(HANG).read_cache(settings(ReadCache::in_memory())).build().unwrap();
    (sandbox, bot)
}

/// Nothing is fresh, and refreshes are not paced, whatever time of the day it is.
fn often(cache: ReadCache) -> ReadCache {
    cache.fresh_for(Duration::ZERO).daily_reads(10_000_000).reserved_reads(0)
}

/// The number of reads that came to the service.
fn reads(sandbox: &Sandbox) -> usize {
    received(sandbox).iter().filter(|request| request.starts_with("GET")).count()
}

async fn version(bot: &BotClient) -> Value {
    bot.read(PATH).await.unwrap().json::<Value>().unwrap()["version"].clone()
}

/// Reads until the page has this version.
async fn wait_for_version(bot: &BotClient, expected: u32) {
    let refreshed = async {
        while version(bot).await != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, refreshed).await.unwrap();
}

/// Waits until so many reads came to the service.
async fn wait_for_reads(sandbox: &Sandbox, expected: usize) {
    let came = async {
        while reads(sandbox) < expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, came).await.unwrap();
}

#[tokio::test]
async fn a_fresh_page_is_returned_without_a_read_or_a_copy() {
    let (sandbox, bot) = cached(|cache| cache).await;
    let first = bot.read(PATH).await.unwrap();
    for _ in 0..1000 {
        let page = bot.read(PATH).await.unwrap();
        assert_eq!(page.freshness(), Freshness::Fresh);
        assert_eq!(page.bytes().as_ptr(), first.bytes().as_ptr());
    }
    assert_eq!((reads(&sandbox), bot.read_budget().await.unwrap().used()), (1, 1));
    assert!(first.age() < HANG);
}

#[tokio::test]
async fn all_callers_of_a_missing_page_wait_for_one_read() {
    let (sandbox, bot) = cached(|cache| cache).await;
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let bot = bot.clone();
            tokio::spawn(async move { version(&bot).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 1);
    }
    assert_eq!(reads(&sandbox), 1);
}

#[tokio::test]
async fn a_read_goes_on_when_its_caller_is_dropped() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_next_read(Fault::delay(Duration::from_millis(100)));
    let caller = tokio::spawn({
        let bot = bot.clone();
        async move { bot.read(PATH).await }
    });
    wait_for_reads(&sandbox, 1).await;
    caller.abort();
    assert_eq!(version(&bot).await, 1);
    assert_eq!(reads(&sandbox), 1);
}

#[tokio::test]
async fn a_stale_page_is_returned_at_once_while_it_is_refreshed() {
    let (sandbox, bot) = cached(often).await;
    assert_eq!(version(&bot).await, 1);
    sandbox.stub_get(PATH, json!({ "version": 2 }));
    wait_for_version(&bot, 2).await;
}

#[tokio::test]
async fn the_age_that_is_fresh_can_be_given_with_a_call() {
    let (sandbox, bot) = cached(|cache| cache.fresh_for(Duration::ZERO)).await;
    bot.read(PATH).await.unwrap();
    let page = bot.read_fresh_for(PATH, HANG).await.unwrap();
    assert_eq!((page.freshness(), reads(&sandbox)), (Freshness::Fresh, 1));
    let page = bot.read_fresh_for(PATH, Duration::ZERO).await.unwrap();
    assert!(matches!(page.freshness(), Freshness::Stale(_)));
}

#[tokio::test]
async fn the_days_reads_are_limited_and_counted_with_those_outside_of_the_cache() {
    let (sandbox, bot) = cached(|cache| cache.daily_reads(4).reserved_reads(0)).await;
    bot.get("/api/v4/posts").await.unwrap();
    for number in 0..3 {
        bot.read(format!("/api/v3/posts/{number}")).await.unwrap();
    }
    let error = bot.read("/api/v3/posts/3").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, Some(ErrorCode::DAILY_QUOTA_EXCEEDED)));
    let budget = bot.read_budget().await.unwrap();
    assert_eq!((budget.limit(), budget.used(), budget.refreshes(), reads(&sandbox)), (4, 4, 0, 4));
    let left = (budget.resets_at() - chrono::Utc::now()).to_std().unwrap();
    assert!(error.retry_after().unwrap() <= left + Duration::from_secs(60), "{error}");
    // What is kept is still returned.
    assert!(bot.read("/api/v3/posts/0").await.is_ok());
}

#[tokio::test]
async fn a_filled_page_is_returned_without_a_read() {
    let (sandbox, bot) = cached(|cache| cache).await;
    bot.fill(PATH, r#"{ "version": 7 }"#).await.unwrap();
    assert_eq!((version(&bot).await, reads(&sandbox)), (json!(7), 0));
}

#[tokio::test]
async fn an_older_body_does_not_replace_a_younger_one() {
    let (_sandbox, bot) = cached(|cache| cache).await;
    bot.fill(PATH, r#"{ "version": 7 }"#).await.unwrap();
    bot.fill_aged(PATH, r#"{ "version": 6 }"#, Duration::from_secs(60)).await.unwrap();
    assert_eq!(version(&bot).await, 7);
    bot.fill(PATH, r#"{ "version": 8 }"#).await.unwrap();
    assert_eq!(version(&bot).await, 8);
}

#[tokio::test]
async fn the_age_of_a_filled_page_counts() {
    let (_sandbox, bot) = cached(|cache| cache.daily_reads(1).reserved_reads(0)).await;
    bot.get("/api/v4/posts").await.unwrap();
    bot.fill_aged(PATH, r#"{ "version": 1 }"#, Duration::from_secs(60 * 60)).await.unwrap();
    let page = bot.read(PATH).await.unwrap();
    assert_eq!(page.freshness(), Freshness::Stale(StaleReason::Quota));
    assert!(page.age() >= Duration::from_secs(60 * 60));
}

#[tokio::test]
async fn what_is_filled_during_a_read_is_newer_than_what_the_read_returns() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_next_read(Fault::delay(Duration::from_millis(50)));
    let caller = tokio::spawn({
        let bot = bot.clone();
        async move { version(&bot).await }
    });
    wait_for_reads(&sandbox, 1).await;
    bot.fill(PATH, r#"{ "version": 9 }"#).await.unwrap();
    assert_eq!(version(&bot).await, 9);
    caller.await.unwrap();
    assert_eq!(version(&bot).await, 9);
}

#[tokio::test]
async fn what_is_forgotten_during_a_read_is_not_kept() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_next_read(Fault::delay(Duration::from_millis(50)));
    let caller = tokio::spawn({
        let bot = bot.clone();
        async move { version(&bot).await }
    });
    wait_for_reads(&sandbox, 1).await;
    bot.forget(PATH).await.unwrap();
    caller.await.unwrap();
    sandbox.stub_get(PATH, json!({ "version": 2 }));
    assert_eq!((version(&bot).await, reads(&sandbox)), (json!(2), 2));
}

#[tokio::test]
async fn a_forgotten_page_is_read_again() {
    let (sandbox, bot) = cached(|cache| cache).await;
    version(&bot).await;
    bot.forget(PATH).await.unwrap();
    sandbox.stub_get(PATH, json!({ "version": 2 }));
    assert_eq!((version(&bot).await, reads(&sandbox)), (json!(2), 2));
}

#[cfg(feature = "blocking")]
#[test]
fn a_blocking_client_keeps_pages_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(service::start()).unwrap();
    let bot = sandbox.client().read_cache(ReadCache::in_memory()).build_blocking().unwrap();
    for _ in 0..10 {
        assert_eq!(bot.read(PATH).unwrap().json::<Value>().unwrap(), json!({}));
    }
    bot.fill(PATH, r#"{ "version": 3 }"#).unwrap();
    assert_eq!(bot.read_fresh_for(PATH, HANG).unwrap().json::<Value>().unwrap()["version"], 3);
    bot.forget(PATH).unwrap();
    bot.read(PATH).unwrap();
    assert_eq!((reads(&sandbox), bot.read_budget().unwrap().used()), (2, 2));
}
