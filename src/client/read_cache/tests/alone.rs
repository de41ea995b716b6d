//! One process without a store.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_page_is_fresh_then_stale_and_then_too_old() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    assert_eq!(read(&process, "/a").await.unwrap().freshness(), Freshness::Fresh);
    advance(14 * MINUTE).await;
    let page = read(&process, "/a").await.unwrap();
    assert_eq!((page.freshness(), page.age().as_secs() / 60), (Freshness::Fresh, 14));
    fixture.service.set_version(1);
    advance(2 * MINUTE).await;
    assert_eq!(read(&process, "/a").await.unwrap().freshness(), Freshness::Stale(StaleReason::Refreshing));
    settle().await;
    assert_eq!(text(&process, "/a").await, "/a 1");

    fixture.service.set_version(2);
    advance(DAY * 7).await;
    assert_eq!(text(&process, "/a").await, "/a 2");
    assert_eq!(fixture.service.reads().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_old_is_not_returned_although_the_service_fails() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    read(&process, "/a").await.unwrap();
    advance(DAY * 7).await;
    fixture.service.will_fail([failed(503, None, None)]);
    assert_eq!(read(&process, "/a").await.unwrap_err().status().map(u16::from), Some(503));
}

#[tokio::test(start_paused = true)]
async fn the_page_that_is_asked_for_most_is_refreshed_first() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory().daily_reads(20).reserved_reads(0));
    for number in 0..30 {
        process.fill(&format!("/{number}"), Bytes::new(), HOUR).await.unwrap();
    }
    // Ten refreshes are due at noon, and another one begins. They go to whatever is asked for.
    for number in 0..30 {
        read(&process, &format!("/{}", number % 15)).await.unwrap();
        settle().await;
    }
    assert_eq!(fixture.service.reads().len(), 11);
    for round in 0..10 {
        for number in 20..30 {
            if round < number - 19 {
                let page = read(&process, &format!("/{number}")).await.unwrap();
                assert_eq!(page.freshness(), Freshness::Stale(StaleReason::Quota));
            }
        }
    }
    // The next one is due after 72 minutes, and another page asks.
    advance(73 * MINUTE).await;
    read(&process, "/20").await.unwrap();
    settle().await;
    assert_eq!(fixture.service.reads()[11..], ["/29"]);
}

#[tokio::test(start_paused = true)]
async fn refreshes_are_spread_over_the_day_and_leave_reads_for_new_pages() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory().fresh_for(Duration::ZERO));
    advance(DAY / 2).await;
    for page in 0..10 {
        process.fill(&format!("/{page}"), Bytes::new(), HOUR).await.unwrap();
    }
    let mut by_quarter = Vec::new();
    for minute in 0..24 * 60 {
        read(&process, &format!("/{}", minute % 10)).await.unwrap();
        if minute % 360 == 359 {
            by_quarter.push(fixture.service.reads().len());
        }
        sleep(MINUTE).await;
    }
    assert!((20..25).contains(&by_quarter[0]) && (43..48).contains(&by_quarter[1]), "{by_quarter:?}");
    assert!((95..=100).contains(&by_quarter[3]), "{by_quarter:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_day_has_new_reads() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory().daily_reads(1).reserved_reads(0));
    read(&process, "/a").await.unwrap();
    let error = read(&process, "/b").await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), (Some(ErrorCode::DAILY_QUOTA_EXCEEDED), Some(DAY / 2)));
    advance(DAY / 2).await;
    assert_eq!(process.budget().await.unwrap().used(), 0);
    read(&process, "/b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failed_reads_back_off_and_then_one_read_shows_whether_the_service_works() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    fixture.service.will_fail((0..100).map(|_| failed(500, None, None)));
    let (mut sent, mut waits) = (0, Vec::new());
    while waits.len() < 7 {
        let outcomes: Vec<_> = (0..20)
            .map(|number| {
                let process = Arc::clone(&process);
                tokio::spawn(async move { read(&process, &format!("/{sent}/{number}")).await })
            })
            .collect();
        settle().await;
        let mut wait = Duration::ZERO;
        for outcome in outcomes {
            wait = wait.max(outcome.await.unwrap().unwrap_err().retry_after().unwrap_or_default());
        }
        let came = fixture.service.reads().len();
        // Those that were sent before the first failure was known, and later one at a time.
        assert!(sent == 0 || came == sent + 1, "{came} reads after {sent}");
        sent = came;
        let (_, error) = (came, read(&process, "/other").await.unwrap_err());
        let wait = error.retry_after().unwrap();
        waits.push(wait.as_secs().div_ceil(10) * 10);
        advance(wait).await;
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
}

#[tokio::test(start_paused = true)]
async fn a_successful_read_ends_the_backoff() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    for _ in 0..3 {
        fixture.service.will_fail([failed(500, None, None)]);
        read(&process, "/a").await.unwrap_err();
        assert_eq!(read(&process, "/a").await.unwrap_err().retry_after(), Some(Duration::from_secs(30)));
        advance(Duration::from_secs(30)).await;
        read(&process, "/b").await.unwrap();
        process.forget("/b").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_pause_that_the_service_asks_for_counts() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    fixture.service.will_fail([failed(429, Some(ErrorCode::RATE_LIMITED), Some(HOUR))]);
    read(&process, "/a").await.unwrap_err();
    advance(HOUR / 2).await;
    assert_eq!(read(&process, "/b").await.unwrap_err().retry_after(), Some(HOUR / 2));
    advance(HOUR / 2).await;
    read(&process, "/b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_cache_cancels_its_reads() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    fixture.service.takes(HOUR);
    let caller = tokio::spawn({
        let process = Arc::clone(&process);
        async move { read(&process, "/a").await }
    });
    settle().await;
    caller.abort();
    settle().await;
    assert_eq!(fixture.service.cancelled.load(Ordering::Relaxed), 0);
    drop(process);
    settle().await;
    assert_eq!(fixture.service.cancelled.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_what_is_asked_for_stays() {
    let fixture = Fixture::at_noon().await;
    let settings = ReadCache::in_memory().max_memory_bytes(1 << 20).max_body_bytes(64 << 10);
    let process = fixture.lonely(settings);
    for number in 0..2000 {
        process.fill("/popular", Bytes::from(vec![b'p'; 1000]), Duration::ZERO).await.unwrap();
        process.fill(&format!("/{number}"), Bytes::from(vec![b'x'; 8 << 10]), Duration::ZERO).await.unwrap();
        read(&process, "/popular").await.unwrap();
    }
    assert!(process.memory() <= 1 << 20, "{}", process.memory());
    assert!(process.memory() > 1 << 19, "{}", process.memory());
    assert_eq!(fixture.service.reads().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_kept_for_as_long_as_it_is_fresh_by_the_services_word() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    *fixture.service.max_age.lock().unwrap() = DAY * 30;
    read(&process, "/a").await.unwrap();
    advance(DAY * 29).await;
    assert_eq!(read(&process, "/a").await.unwrap().freshness(), Freshness::Fresh);
    // Another process finds it in the store.
    let page = read(&fixture.process(ReadCache::in_memory()), "/a").await.unwrap();
    assert_eq!((page.freshness(), page.age().as_secs() / 60 / 60 / 24), (Freshness::Fresh, 29));
    assert_eq!(fixture.service.reads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_refreshed_by_the_age_that_its_own_callers_ask_for() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory().daily_reads(3).reserved_reads(0));
    // Two refreshes are due by noon, and one more at 16:00.
    for path in ["/first", "/second"] {
        process.fill(path, Bytes::new(), HOUR).await.unwrap();
        read(&process, path).await.unwrap();
    }
    settle().await;
    process.fill("/a", Bytes::new(), HOUR * 5).await.unwrap();
    for _ in 0..3 {
        read(&process, "/a").await.unwrap();
    }
    advance(DAY / 4).await;
    // This caller is content with what is older than the other page.
    process.fill("/b", Bytes::new(), DAY).await.unwrap();
    process.read("/b", Some(HOUR * 20)).await.unwrap();
    settle().await;
    assert_eq!(fixture.service.reads()[2..], ["/a"]);
}

#[tokio::test(start_paused = true)]
async fn memory_of_any_size_can_be_set_and_keeps_a_body_of_the_longest_length() {
    let fixture = Fixture::at_noon().await;
    for bytes in [1000, 1 << 20, usize::MAX] {
        let settings = ReadCache::in_memory().max_memory_bytes(bytes).max_body_bytes(bytes);
        let process = fixture.lonely(settings);
        process.fill("/a", Bytes::from(vec![b'x'; bytes.min(1 << 20)]), Duration::ZERO).await.unwrap();
        read(&process, "/a").await.unwrap();
        assert_eq!(fixture.service.reads().len(), 0, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_refreshed_does_not_take_the_turns_of_the_others() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory().daily_reads(24).reserved_reads(0));
    fixture.service.always_fails("/broken", Error::invalid_response(StatusCode::OK, "the body is too long"));
    for path in ["/broken", "/whole"] {
        process.fill(path, Bytes::new(), HOUR).await.unwrap();
    }
    for number in 0..12 {
        process.fill(&format!("/{number}"), Bytes::new(), HOUR).await.unwrap();
        read(&process, &format!("/{number}")).await.unwrap();
    }
    settle().await;
    read(&process, "/0").await.unwrap();
    settle().await;
    // One refresh is due in each hour. It begins when one of these is asked for.
    for _ in 0..10 {
        for path in ["/broken", "/whole", "/broken", "/whole", "/broken"] {
            read(&process, path).await.unwrap();
            settle().await;
        }
        settle().await;
        advance(HOUR).await;
    }
    let reads = fixture.service.reads();
    assert!(reads.iter().any(|path| path == "/whole"), "{reads:?}");
}

#[tokio::test(start_paused = true)]
async fn a_filled_page_does_not_keep_the_list_that_it_is_a_part_of() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    let list = Bytes::from(vec![b'x'; 1 << 20]);
    process.fill("/a", list.slice(10..20), Duration::ZERO).await.unwrap();
    assert!(list.is_unique());
    assert_eq!(text(&process, "/a").await, "xxxxxxxxxx");
}
