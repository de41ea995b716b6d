//! Clocks that differ, and clocks that are set.

use super::*;
use crate::client::read_cache::entry::{Content, Entry};
use crate::session::clock::Moment;

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_slightly_behind_does_not_set_the_count_back() {
    let fixture = Fixture::at_noon().await;
    advance(DAY / 2 - Duration::from_secs(2)).await;
    let ahead =
        fixture.process_with(ReadCache::in_memory(), fixture.clocks.ahead(Duration::from_secs(5)), None);
    let behind = fixture.process(ReadCache::in_memory());
    for number in 0..3 {
        read(&ahead, &format!("/{number}")).await.unwrap();
        read(&behind, &format!("/{number}/b")).await.unwrap();
    }
    assert_eq!((ahead.budget().await.unwrap().used(), behind.budget().await.unwrap().used()), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_ahead_does_not_keep_the_count_for_ever() {
    let fixture = Fixture::at_noon().await;
    let ahead = fixture.process_with(ReadCache::in_memory(), fixture.clocks.ahead(DAY * 365), None);
    read(&ahead, "/a").await.unwrap();
    let process = fixture.process(ReadCache::in_memory());
    read(&process, "/b").await.unwrap();
    assert_eq!(process.budget().await.unwrap().used(), 2);
    advance(DAY).await;
    assert_eq!(process.budget().await.unwrap().used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_dated_in_the_future_is_read_again() {
    let fixture = Fixture::at_noon().await;
    let ahead = fixture.process_with(ReadCache::in_memory(), fixture.clocks.ahead(HOUR), None);
    read(&ahead, "/a").await.unwrap();
    fixture.service.set_version(1);
    assert_eq!(text(&fixture.process(ReadCache::in_memory()), "/a").await, "/a 1");
}

#[test]
fn the_store_is_asked_after_a_machine_was_suspended() {
    let at = |awake, time| Moment { monotonic: Duration::from_secs(awake), wall: Duration::from_secs(time) };
    let entry = Entry::new(Content::Body(Bytes::new()), Duration::ZERO, at(10, 1_000_000));
    assert!(!entry.should_look(at(40, 1_000_030)));
    // Its monotonic clock stood for 3 days.
    assert!(entry.should_look(at(50, 1_260_000)));
    assert!(!entry.should_look(at(110, 1_260_060)));
    // The wall clock was wrong, and is set.
    assert!(entry.should_look(at(200, 1_000_190)));
    assert!(!entry.should_look(at(210, 1_000_200)));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_days_behind_does_not_set_the_count_back() {
    let fixture = Fixture::at_noon().await;
    let right = || fixture.process_with(ReadCache::in_memory(), fixture.clocks.ahead(DAY * 3), None);
    for number in 0..5 {
        read(&right(), &format!("/{number}")).await.unwrap();
    }
    let behind = fixture.process(ReadCache::in_memory());
    read(&behind, "/behind").await.unwrap();
    assert_eq!(right().budget().await.unwrap().used(), 6);
    read(&right(), "/right").await.unwrap();
    read(&behind, "/behind/2").await.unwrap();
    assert_eq!(right().budget().await.unwrap().used(), 8);
    // The next day begins all the same.
    advance(DAY).await;
    assert_eq!(right().budget().await.unwrap().used(), 0);
}
