//! What is returned when the service can't or won't answer.

use http::header::RETRY_AFTER;

use super::*;

/// A client with a stale page, in a service that fails.
async fn stale(fault: Fault) -> (Sandbox, BotClient) {
    let (sandbox, bot) = cached(often).await;
    bot.read_fresh_for(PATH, HANG).await.unwrap();
    sandbox.fail_reads(fault);
    (sandbox, bot)
}

/// Reads until the page is stale for `reason`.
async fn wait_for_reason(bot: &BotClient, reason: StaleReason) {
    let stale = async {
        loop {
            let page = bot.read(PATH).await.unwrap();
            assert_eq!(page.json::<Value>().unwrap()["version"], 1);
            if page.freshness() == Freshness::Stale(reason) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, stale).await.unwrap();
}

#[tokio::test]
async fn a_stale_page_is_returned_with_the_reason_while_the_service_fails() {
    for (fault, reason) in [
        (Fault::status(503), StaleReason::Unavailable),
        (Fault::error(429, ErrorCode::RATE_LIMITED), StaleReason::Unavailable),
        (Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED), StaleReason::Quota),
        (Fault::reset(), StaleReason::Unavailable),
        (Fault::cut_short(), StaleReason::Unavailable),
    ] {
        let (sandbox, bot) = stale(fault).await;
        wait_for_reason(&bot, reason).await;
        // No further read is sent until the pause is over.
        let sent = reads(&sandbox);
        for _ in 0..100 {
            bot.read(PATH).await.unwrap();
        }
        assert_eq!(reads(&sandbox), sent);
    }
}

#[tokio::test]
async fn a_page_that_is_not_kept_is_an_error_with_the_time_to_wait_while_the_service_fails() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_reads(Fault::status(503).header(RETRY_AFTER, "77"));
    let error = bot.read(PATH).await.unwrap_err();
    assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::Unavailable, Some(503)));
    for _ in 0..10 {
        let error = bot.read("/api/v3/posts/1").await.unwrap_err();
        assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::Unavailable, Some(503)));
        let wait = error.retry_after().unwrap();
        assert!(wait <= Duration::from_secs(77) && wait > Duration::ZERO, "{wait:?}");
    }
    assert_eq!(reads(&sandbox), 1);
}

#[tokio::test]
async fn a_registration_that_fails_costs_no_read() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().read_cache(ReadCache::in_memory()).build().unwrap();
    bot.fill_aged(PATH, r#"{ "version": 1 }"#, Duration::from_secs(60 * 60)).await.unwrap();
    sandbox.fail_always(Fault::status(403));
    bot.read("/api/v3/posts/1").await.unwrap_err();
    for _ in 0..10 {
        assert_eq!(bot.read(PATH).await.unwrap().freshness(), Freshness::Stale(StaleReason::Unavailable));
        assert_eq!(bot.read("/api/v3/posts/1").await.unwrap_err().kind(), ErrorKind::Rejected);
    }
    assert_eq!(bot.read_budget().await.unwrap().used(), 0);
}

#[tokio::test]
async fn a_missing_page_is_remembered_for_a_while() {
    let (sandbox, bot) = cached(|cache| cache).await;
    sandbox.fail_reads(Fault::error(404, ErrorCode::NOT_FOUND));
    for _ in 0..10 {
        assert_eq!(bot.read(PATH).await.unwrap_err().code(), Some(ErrorCode::NOT_FOUND));
    }
    assert_eq!(reads(&sandbox), 1);

    let (sandbox, bot) = cached(|cache| cache.not_found_for(Duration::ZERO)).await;
    sandbox.fail_next_read(Fault::status(404));
    assert_eq!(bot.read(PATH).await.unwrap_err().status().map(u16::from), Some(404));
    assert_eq!(version(&bot).await, 1);
}

#[tokio::test]
async fn other_refusals_are_not_remembered() {
    let (sandbox, bot) = cached(|cache| cache).await;
    for status in [400, 403, 422] {
        sandbox.fail_next_read(Fault::error(status, ErrorCode::FORBIDDEN));
        assert_eq!(bot.read(PATH).await.unwrap_err().status().map(u16::from), Some(status));
    }
    assert_eq!((version(&bot).await, reads(&sandbox)), (json!(1), 4));
}

#[tokio::test]
async fn a_page_that_has_become_private_is_dropped() {
    let (sandbox, bot) = stale(Fault::error(403, ErrorCode::FORBIDDEN)).await;
    let dropped = async {
        while bot.read(PATH).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, dropped).await.unwrap();
    sandbox.recover();
    assert_eq!(version(&bot).await, 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_page_is_read() {
    let (sandbox, bot) = cached(|cache| cache).await;
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    assert_eq!(version(&bot).await, 1);
    // Both reads may have counted at the service.
    assert_eq!((reads(&sandbox), bot.read_budget().await.unwrap().used()), (2, 2));
}

#[tokio::test]
async fn a_page_of_a_gateway_does_not_take_the_place_of_a_page() {
    for fault in [
        Fault::answer(200, "text/html; charset=utf-8", "<h1>Maintenance</h1>"),
        Fault::answer(200, "application/json", ""),
    ] {
        let (sandbox, bot) = stale(fault).await;
        let sent = reads(&sandbox);
        bot.read(PATH).await.unwrap();
        wait_for_reads(&sandbox, sent + 1).await;
        let error = bot.read("/api/v3/posts/1").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status().map(u16::from)),
            (ErrorKind::InvalidResponse, Some(200)),
            "{error}"
        );
        assert_eq!(version(&bot).await, 1);
    }
}

#[tokio::test]
async fn a_read_that_is_not_sent_since_the_quota_is_used_up_is_not_counted() {
    let (sandbox, bot) = cached(|cache| cache).await;
    bot.fill_aged(PATH, r#"{ "version": 1 }"#, Duration::from_secs(60 * 60)).await.unwrap();
    sandbox.fail_next_read(Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED));
    bot.get("/api/v4/posts").await.unwrap_err();
    for _ in 0..3 {
        let error = bot.read("/api/v3/posts/1").await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
        assert!(error.retry_after() > Some(Duration::from_secs(60)), "{error}");
        assert_eq!(bot.read(PATH).await.unwrap().freshness(), Freshness::Stale(StaleReason::Quota));
    }
    assert_eq!((reads(&sandbox), bot.read_budget().await.unwrap().used()), (1, 1));
    bot.resume_reads_at(chrono::Utc::now());
    bot.read("/api/v3/posts/1").await.unwrap();
}
