//! What the service's headers say to caches.

use http::header::{AGE, CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use social_plus_bot::sandbox::Stub;

use super::*;

#[tokio::test]
async fn a_page_is_fresh_for_as_long_as_the_service_says() {
    let (sandbox, bot) = cached(|cache| cache.fresh_for(Duration::ZERO)).await;
    sandbox.stub_get(PATH, Stub::new(json!({ "version": 1 })).header(CACHE_CONTROL, "max-age=600"));
    for _ in 0..10 {
        assert_eq!(bot.read(PATH).await.unwrap().freshness(), Freshness::Fresh);
    }
    assert_eq!(reads(&sandbox), 1);
}

#[tokio::test]
async fn the_time_in_other_caches_counts() {
    let (sandbox, bot) = cached(|cache| cache.reserved_reads(100)).await;
    let stub = Stub::new(json!({ "version": 1 })).header(CACHE_CONTROL, "max-age=7200");
    sandbox.stub_get(PATH, stub.header(AGE, "3600"));
    let page = bot.read(PATH).await.unwrap();
    assert!(page.age() >= Duration::from_secs(3600), "{page:?}");
    assert_eq!(page.freshness(), Freshness::Fresh);
    assert!(matches!(
        bot.read_fresh_for(PATH, Duration::from_secs(3600)).await.unwrap().freshness(),
        Freshness::Stale(_)
    ));
}

#[tokio::test]
async fn a_response_that_must_not_be_stored_is_not_kept() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.stub_get(PATH, Stub::new(json!({ "version": 1 })).header(CACHE_CONTROL, "no-store"));
    assert_eq!((version(&bot).await, version(&bot).await), (json!(1), json!(1)));
    assert_eq!(reads(&sandbox), 2);
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_confirmed_without_its_body() {
    let (sandbox, bot) = cached(often).await;
    sandbox.stub_get(PATH, Stub::new(json!({ "version": 1 })).header(ETAG, "\"one\""));
    let first = bot.read_fresh_for(PATH, HANG).await.unwrap();
    bot.read(PATH).await.unwrap();
    wait_for_reads(&sandbox, 2).await;
    let read = sandbox.requests().pop().unwrap();
    assert_eq!(read.headers()[IF_NONE_MATCH], "\"one\"");
    let page = bot.read_fresh_for(PATH, HANG).await.unwrap();
    assert_eq!(page.bytes().as_ptr(), first.bytes().as_ptr());
    // The new version has its own name.
    sandbox.stub_get(PATH, Stub::new(json!({ "version": 2 })).header(ETAG, "\"two\""));
    wait_for_version(&bot, 2).await;
}

#[tokio::test]
async fn an_older_page_is_dropped_when_the_newer_one_must_not_be_stored() {
    let (sandbox, bot) = cached(often).await;
    bot.read_fresh_for(PATH, HANG).await.unwrap();
    sandbox.stub_get(PATH, Stub::new(json!({ "version": 2 })).header(CACHE_CONTROL, "no-store"));
    bot.read(PATH).await.unwrap();
    wait_for_version(&bot, 2).await;
    assert_eq!(version(&bot).await, 2);
}
