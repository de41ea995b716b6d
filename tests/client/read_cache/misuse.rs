//! Settings, paths and bodies that are refused, and secrets.

use http::header::{ETAG, LAST_MODIFIED};
use social_plus_bot::sandbox::Stub;

use super::*;

#[tokio::test]
async fn without_a_cache_reads_say_what_is_missing() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let error = bot.read(PATH).await.unwrap_err();
    assert_eq!(error.to_string(), "read_cache: not set: pass a `ReadCache` to the client's builder");
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused() {
    let hour = Duration::from_secs(60 * 60);
    for (cache, rule) in [
        (ReadCache::in_memory().daily_reads(0), "daily_reads must be at least 1"),
        (ReadCache::in_memory().reserved_reads(101), "reserved_reads must be at most daily_reads"),
        (ReadCache::in_memory().fresh_for(hour).stale_for(hour / 2), "stale_for must be at least fresh_for"),
        (ReadCache::in_memory().max_memory_bytes(9), "max_body_bytes must be at most max_memory_bytes"),
    ] {
        let builder = BotClient::builder().api_key("b0e8a2c4d6f8").region("us").device_id("crawler-1");
        let error = builder.read_cache(cache).build().unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Config, format!("read_cache: {rule}")));
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_read_costs_no_read_and_cannot_be_filled() {
    let (sandbox, bot) = cached(|cache| cache).await;
    let token = bot.access_token().await.unwrap();
    let with_token = format!("/api/v3/files?token={}", token.expose_secret());
    for path in ["posts", "", "https://elsewhere.example/posts", "/api?key=sandbox-key", &with_token] {
        for error in [bot.read(path).await.unwrap_err(), bot.fill(path, "{}").await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(!error.to_string().contains(token.expose_secret()));
        }
    }
    assert_eq!((reads(&sandbox), bot.read_budget().await.unwrap().used()), (0, 0));
}

#[tokio::test]
async fn a_body_with_the_key_or_the_token_is_not_kept() {
    let (sandbox, bot) = cached(|cache| cache).await;
    let token = bot.access_token().await.unwrap();
    for secret in [token.expose_secret(), "sandbox-key"] {
        let before = reads(&sandbox);
        sandbox.stub_get(PATH, json!({ "you": secret }));
        for _ in 0..2 {
            assert_eq!(bot.read(PATH).await.unwrap().json::<Value>().unwrap()["you"], secret);
        }
        assert_eq!(reads(&sandbox), before + 2);
        let error = bot.fill(PATH, format!("{{ \"you\": \"{secret}\" }}")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "body: contains the API key or the token, and is not kept");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_an_error() {
    let (sandbox, bot) = cached(|cache| cache.max_body_bytes(1000)).await;
    sandbox.stub_get(PATH, json!({ "text": "x".repeat(1000) }));
    let error = bot.read(PATH).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("longer than 1000 bytes"), "{error}");
    let error = bot.fill(PATH, "x".repeat(1001)).await.unwrap_err();
    assert_eq!(error.to_string(), "body: has 1001 bytes, more than the limit of 1000");
}

#[tokio::test]
async fn a_redirect_is_not_kept() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_reads(Fault::redirect(302, "https://elsewhere.example/"));
    assert_eq!(bot.read(PATH).await.unwrap_err().kind(), ErrorKind::InvalidResponse);
    sandbox.recover();
    assert_eq!(version(&bot).await, 1);
}

#[tokio::test]
async fn a_body_that_is_not_of_the_requested_type_is_an_error_that_does_not_quote_it() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.stub_get(PATH, Stub::new(json!({ "version": "private words" })));
    let page = bot.read(PATH).await.unwrap();
    let error = page.json::<Vec<u32>>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(!format!("{error} {error:?} {page:?}").contains("private"), "{error}");
}

#[test]
fn outside_of_a_runtime_only_kept_pages_are_returned() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_sandbox, bot) = runtime.block_on(cached(|cache| cache.fresh_for(Duration::ZERO)));
    runtime.block_on(version(&bot));
    let now = |call: std::pin::Pin<Box<dyn Future<Output = _>>>| futures_now(call);
    assert!(
        now(Box::pin({
            let bot = bot.clone();
            async move { bot.read(PATH).await }
        }))
        .is_ok()
    );
    let error = now(Box::pin(async move { bot.read("/api/v3/posts/1").await })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Runtime);
}

/// The output of a future that is ready at once.
fn futures_now<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T>>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the call waits"),
    }
}

#[cfg(feature = "read-cache-file")]
#[tokio::test]
async fn settings_without_an_end_are_possible() {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get(PATH, json!({ "version": 1 }));
    let longest = Duration::MAX;
    let cache = ReadCache::in_memory().fresh_for(longest).stale_for(longest).not_found_for(longest);
    let cache = cache.daily_reads(u32::MAX).reserved_reads(u32::MAX).max_memory_bytes(usize::MAX);
    let cache = cache.max_body_bytes(usize::MAX);
    let folder = tempfile::tempdir().unwrap();
    let store = social_plus_bot::store::FileStore::new(folder.path().join("reads")).unwrap();
    let bot = sandbox.client().timeout(longest).store(store).read_cache(cache).build().unwrap();
    assert_eq!(version(&bot).await, 1);
    bot.fill_aged("/api/v3/posts/1", "{}", longest).await.unwrap();
    assert_eq!(bot.read_fresh_for(PATH, longest).await.unwrap().freshness(), Freshness::Fresh);
    assert_eq!(bot.store_faults().count, 0, "{:?}", bot.store_faults());
}

#[tokio::test]
async fn a_secret_in_a_header_is_not_kept() {
    let (sandbox, bot) = cached(|cache| cache).await;
    let token = bot.access_token().await.unwrap();
    for secret in [token.expose_secret(), "sandbox-key"] {
        for name in [ETAG, LAST_MODIFIED] {
            let before = reads(&sandbox);
            sandbox.stub_get(PATH, Stub::new(json!({ "version": 1 })).header(name, &format!("\"{secret}\"")));
            assert_eq!((version(&bot).await, version(&bot).await), (json!(1), json!(1)));
            assert_eq!(reads(&sandbox), before + 2);
        }
    }
}
