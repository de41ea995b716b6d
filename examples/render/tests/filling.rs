//! What lists fill.

use std::time::Duration;

use serde_json::Value;
use social_plus_bot::ErrorCode;
use social_plus_bot::sandbox::Fault;

use super::{Fixture, assert_contains};
use crate::address::{Address, COMMUNITIES, Id, next_in_api};
use crate::filler;
use crate::reader::Reader;
use crate::split::split;

/// The posts of a community, as the site lists them.
fn list_of(community: &str) -> String {
    Address::Community(Id::try_from(community.to_owned()).unwrap()).list_in_api()
}

#[tokio::test]
async fn a_body_from_a_list_is_what_a_read_of_its_item_returns() {
    let fixture = Fixture::new().await;
    let other = fixture.sandbox.client().device_id("other").build().unwrap();
    let more = next_in_api(&list_of("plant-diary"), "after-100");
    for list in [list_of("gardening"), list_of("composting"), more, COMMUNITIES.to_owned()] {
        let body: Value = fixture.bot.get(&list).await.unwrap().json().await.unwrap();
        let pages = split(&body);
        assert!(pages.len() >= 3, "{list}");
        for (address, filled) in pages.iter().take(40).chain(pages.iter().rev().take(5)) {
            let read: Value = match other.get(address.in_api()).await {
                Ok(response) => response.json().await.unwrap(),
                // The reads of its day.
                Err(error) if error.code() == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) => return,
                Err(error) => panic!("{error}"),
            };
            assert_eq!(*filled, read, "{address:?} in {list}");
        }
    }
}

#[tokio::test]
async fn one_list_makes_a_hundred_pages() {
    let fixture = Fixture::new().await;
    fixture.html("/community/plant-diary").await;
    assert_eq!(fixture.used().await, 1);
    for number in 9901..=10_000 {
        fixture.html(&format!("/post/diary-{number}")).await;
    }
    assert_eq!(fixture.used().await, 1);
    assert_eq!(fixture.reader.pages().len(), 1 + 100 + 20);
}

#[tokio::test]
async fn the_first_round_reads_as_many_lists_as_the_day_allows_and_goes_on_from_there() {
    let fixture = Fixture::with_lists(8).await;
    assert!(filler::round(&fixture.reader, None).await.is_err());
    assert_eq!(fixture.used().await, 8);
    // The first list is of the communities, and the diary, which is the newest one, has the others.
    assert_eq!(fixture.reader.pages().len(), 3 + 700 + 20 + 2);
    assert_contains(
        &fixture.html("/sitemap.xml").await,
        &[
            "<loc>https://www.example.com/post/diary-9500</loc>",
            "<lastmod>2025-02-20T16:00:00+00:00</lastmod>",
        ],
    );
    // There are reads left for a discussion, but none for another list.
    fixture.html("/post/tomatoes-on-a-balcony").await;
    assert!(filler::round(&fixture.reader, None).await.is_err());
    assert_eq!(fixture.used().await, 10);

    // A site that starts anew with what is kept splits it without a read, and goes on from there.
    let reader = Reader::new(fixture.bot.clone(), 8);
    assert!(filler::round(&reader, None).await.is_err());
    assert_eq!(fixture.used().await, 10 + 8);
    assert_eq!(reader.pages().len(), 3 + 1500 + 20 + 2);
}

#[tokio::test]
async fn later_rounds_find_what_changed() {
    let fixture = Fixture::new().await;
    fixture.sandbox.remove_item("plant-diary");
    filler::round(&fixture.reader, None).await.unwrap();
    assert_eq!(fixture.used().await, 3);
    fixture.sandbox.edit_item("hot-heap", |post| post["data"]["text"] = "It is cold.".into());
    filler::round(&fixture.reader, Some(Duration::ZERO)).await.unwrap();
    assert_eq!(fixture.used().await, 6);
    assert_contains(&fixture.html("/post/hot-heap").await, &["<title>It is cold.</title>"]);
    assert_contains(&fixture.html("/community/composting").await, &["It is cold."]);
    assert_eq!(fixture.used().await, 6);
}

#[tokio::test]
async fn a_list_that_can_not_be_read_again_stays() {
    let fixture = Fixture::new().await;
    fixture.sandbox.remove_item("plant-diary");
    filler::round(&fixture.reader, None).await.unwrap();
    let before = fixture.html("/community/gardening").await;
    fixture.sandbox.fail_reads(Fault::status(500));
    filler::round(&fixture.reader, Some(Duration::ZERO)).await.unwrap();
    assert_eq!(fixture.html("/community/gardening").await, before);
}

#[tokio::test]
async fn a_list_that_is_not_kept_is_read_once() {
    let fixture = Fixture::new().await;
    fixture.reader.list_again(&list_of("gardening")).await.unwrap();
    assert_eq!(fixture.used().await, 1);
}

#[tokio::test]
async fn what_was_removed_is_no_longer_a_known_page() {
    let fixture = Fixture::with_lists(95).await;
    fixture.html("/community/composting").await;
    for id in ["composting", "bao"] {
        fixture.sandbox.remove_item(id);
    }
    let list = list_of("composting");
    assert!(fixture.reader.list_again(&list).await.is_err());
    for path in ["communities/composting", "users/bao"] {
        fixture.bot.forget(format!("/api/v3/{path}")).await.unwrap();
    }
    // Each costs one more read, and then as much as an id that someone made up.
    for _ in 0..5 {
        for (page, read) in [("/community/composting", list.as_str()), ("/user/bao", "/api/v3/users/bao")] {
            assert_ne!(fixture.crawl(page).await.status(), 200);
            fixture.bot.forget(read).await.unwrap();
        }
    }
    assert_eq!(fixture.used().await, 6);
    assert!(!fixture.html("/sitemap.xml").await.contains("/user/bao"));
}

#[tokio::test]
async fn the_filler_makes_rounds_again_and_again() {
    let fixture = Fixture::new().await;
    fixture.sandbox.remove_item("plant-diary");
    let task = tokio::spawn(filler::run(fixture.reader.clone(), Duration::ZERO));
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while fixture.used().await < 10 {
        assert!(tokio::time::Instant::now() < until, "{} reads", fixture.used().await);
        tokio::task::yield_now().await;
    }
    task.abort();
}
