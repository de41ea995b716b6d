//! Pauses after failures, and those that the caller sets.

use super::*;
use crate::session::clock::Clock;

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_for_no_pause_gets_one() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    for wait in [30, 60, 120] {
        fixture.service.will_fail([failed(503, None, Some(Duration::ZERO))]);
        read(&process, "/a").await.unwrap_err();
        let left = read(&process, "/a").await.unwrap_err().retry_after();
        assert_eq!(left, Some(Duration::from_secs(wait)));
        advance(Duration::from_secs(wait)).await;
    }
    assert_eq!(fixture.service.reads().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_was_sent_before_a_pause_does_not_end_it() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    fixture.service.takes(Duration::from_secs(10));
    let early = tokio::spawn({
        let process = Arc::clone(&process);
        async move { text(&process, "/a").await }
    });
    settle().await;
    process.resume_in(HOUR, fixture.clocks.now());
    early.await.unwrap();
    let error = read(&process, "/b").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
    advance(HOUR).await;
    assert_eq!(text(&process, "/b").await, "/b 0");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_caller_ends_while_reads_are_counted_is_ended() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    fixture.service.will_fail([failed(503, None, Some(HOUR))]);
    read(&process, "/a").await.unwrap_err();
    fixture.store.0.with(|content| content.takes = Duration::from_secs(1));
    let counted = tokio::spawn({
        let process = Arc::clone(&process);
        async move { process.count().await.unwrap() }
    });
    // The count has been loaded, and is being replaced.
    sleep(Duration::from_millis(1500)).await;
    process.resume_in(Duration::ZERO, fixture.clocks.now());
    counted.await.unwrap();
    assert_eq!(text(&process, "/b").await, "/b 0");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_was_set_by_a_clock_hours_ahead_lasts_no_longer() {
    let fixture = Fixture::at_noon().await;
    let ahead = fixture.process_with(ReadCache::in_memory(), fixture.clocks.ahead(HOUR), None);
    fixture.service.will_fail([failed(503, None, None)]);
    read(&ahead, "/a").await.unwrap_err();
    let process = fixture.process(ReadCache::in_memory());
    advance(Duration::from_secs(31)).await;
    assert_eq!(text(&process, "/b").await, "/b 0");
}

#[tokio::test(start_paused = true)]
async fn a_pause_by_a_clock_that_is_slightly_ahead_counts() {
    let fixture = Fixture::at_noon().await;
    let ahead = fixture.clocks.ahead(Duration::from_secs(20));
    let ahead = fixture.process_with(ReadCache::in_memory(), ahead, None);
    fixture.service.will_fail([failed(503, None, None)]);
    read(&ahead, "/a").await.unwrap_err();
    let error = read(&fixture.process(ReadCache::in_memory()), "/b").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_days_that_the_caller_sets_is_for_all_processes() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    one.resume_in(DAY * 3, fixture.clocks.now());
    one.budget().await.unwrap();
    let error = read(&other, "/a").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(DAY * 3));
    advance(DAY * 3).await;
    read(&other, "/a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_read_that_failed_says_when_the_next_one_is_sent() {
    let fixture = Fixture::at_noon().await;
    for process in [fixture.lonely(ReadCache::in_memory()), fixture.process(ReadCache::in_memory())] {
        fixture.service.will_fail([failed(503, None, None)]);
        let error = read(&process, "/a").await.unwrap_err();
        assert_eq!(
            (error.status().map(u16::from), error.retry_after()),
            (Some(503), Some(Duration::from_secs(30)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_into_the_store_during_a_pause_is_no_refresh() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    read(&process, "/a").await.unwrap();
    advance(20 * MINUTE).await;
    fixture.service.will_fail([failed(503, None, Some(HOUR))]);
    read(&process, "/b").await.unwrap_err();
    for _ in 0..3 {
        let page = read(&process, "/a").await.unwrap();
        assert_eq!(page.freshness(), Freshness::Stale(StaleReason::Unavailable));
    }
}
