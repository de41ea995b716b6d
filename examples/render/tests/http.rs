//! What caches and crawlers are told: ages, validators, and why there is no page.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::header::{
    AGE, CACHE_CONTROL, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER, VARY,
};
use serde_json::json;
use social_plus_bot::ErrorCode;
use social_plus_bot::sandbox::Fault;

use super::{CRAWLER, Fixture, time};

const PATHS: [&str; 5] = [
    "/community/gardening",
    "/community/gardening/feed.atom",
    "/post/first-frost",
    "/user/ada",
    "/sitemap.xml",
];

#[tokio::test]
async fn a_copy_that_is_still_right_is_not_sent_again() {
    let fixture = Fixture::new().await;
    for path in PATHS {
        let page = fixture.crawl(path).await;
        let headers = page.headers().clone();
        assert_eq!(page.status(), 200, "{path}");
        assert!(headers[CACHE_CONTROL].to_str().unwrap().starts_with("public, max-age="), "{path}");
        let is_html = headers["content-type"] == "text/html; charset=utf-8";
        assert_eq!(headers.get(VARY).is_some_and(|vary| vary == "user-agent"), is_html);
        let (etag, modified) = (headers[ETAG].to_str().unwrap(), headers[LAST_MODIFIED].to_str().unwrap());

        let tags = [etag.to_owned(), format!("W/{etag}"), format!("\"1\", {etag}"), "*".to_owned()];
        let known =
            tags.iter().map(|tag| (IF_NONE_MATCH, tag.as_str())).chain([(IF_MODIFIED_SINCE, modified)]);
        for (name, value) in known {
            let response = fixture.crawl_if(path, name.clone(), value).await;
            assert_eq!(response.status(), 304, "{path} {name}: {value}");
            assert_eq!(response.headers()[ETAG], etag);
            assert_eq!(response.headers()[LAST_MODIFIED], modified);
            assert!(response.headers().contains_key(AGE) && response.headers().contains_key(CACHE_CONTROL));
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let before = time(&headers, LAST_MODIFIED) - TimeDelta::seconds(1);
        let before = httpdate::fmt_http_date(before.into());
        for (name, value) in
            [(IF_NONE_MATCH, "\"1\""), (IF_MODIFIED_SINCE, &before), (IF_MODIFIED_SINCE, "yesterday")]
        {
            assert_eq!(fixture.crawl_if(path, name, value).await.status(), 200, "{path} {value}");
        }
    }
}

#[tokio::test]
async fn an_etag_counts_before_a_date() {
    let fixture = Fixture::new().await;
    let url = format!("{}/post/first-frost", fixture.address);
    let now = httpdate::fmt_http_date(Utc::now().into());
    let request = fixture.client.get(url).header("user-agent", CRAWLER);
    let response =
        request.header(IF_NONE_MATCH, "\"1\"").header(IF_MODIFIED_SINCE, now).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_changed_page_has_another_etag_and_date() {
    let fixture = Fixture::new().await;
    let before = fixture.crawl("/post/first-frost").await;
    fixture.sandbox.edit_item("first-frost", |post| post["data"]["text"] = json!("Edited."));
    fixture.bot.forget("/api/v3/posts/first-frost").await.unwrap();
    let after =
        fixture.crawl_if("/post/first-frost", IF_NONE_MATCH, before.headers()[ETAG].to_str().unwrap()).await;
    assert_eq!(after.status(), 200);
    assert!(time(after.headers(), LAST_MODIFIED) > time(before.headers(), LAST_MODIFIED));
}

#[tokio::test]
async fn a_page_is_as_old_as_the_oldest_of_what_is_on_it() {
    let fixture = Fixture::new().await;
    let body = fixture.bot.get("/api/v3/users/ada").await.unwrap().bytes().await.unwrap();
    fixture.bot.fill_aged("/api/v3/users/ada", body, Duration::from_secs(5000)).await.unwrap();
    let age: u64 = fixture.crawl("/user/ada").await.headers()[AGE].to_str().unwrap().parse().unwrap();
    assert!(age >= 5000, "{age}");
}

#[tokio::test]
async fn a_page_is_served_while_the_service_fails() {
    let fixture = Fixture::new().await;
    let before = fixture.html("/post/first-frost").await;
    fixture.sandbox.fail_reads(Fault::status(503));
    // Another day's page, which is no longer fresh.
    let body = fixture.bot.read("/api/v3/posts/first-frost").await.unwrap().bytes().clone();
    fixture.bot.forget("/api/v3/posts/first-frost").await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    fixture.bot.fill_aged("/api/v3/posts/first-frost", body, day).await.unwrap();
    assert_eq!(fixture.html("/post/first-frost").await, before);
    assert!(fixture.crawl("/post/first-frost").await.headers()[AGE].to_str().unwrap().len() >= 5);
}

#[tokio::test]
async fn without_a_page_crawlers_are_asked_to_come_back() {
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_reads(Fault::status(503).header(RETRY_AFTER, "77"));
    let response = fixture.crawl("/post/first-frost").await;
    assert_eq!(response.status(), 503);
    let wait: u64 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=77).contains(&wait), "{wait}");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");

    let fixture = Fixture::new().await;
    assert_eq!(fixture.crawl("/sitemap.xml").await.status(), 503);
    fixture.sandbox.fail_reads(Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED));
    let response = fixture.crawl("/post/first-frost").await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key(RETRY_AFTER));
}

#[tokio::test]
async fn other_failures_are_statuses_that_crawlers_understand() {
    let fixture = Fixture::new().await;
    for path in ["/community/nothing", "/post/nothing", "/user/nothing"] {
        assert_eq!(fixture.crawl(path).await.status(), 404, "{path}");
    }
    fixture.sandbox.edit_item("rose-pruning", |post| post["isDeleted"] = json!(true));
    assert_eq!(fixture.crawl("/post/rose-pruning").await.status(), 404);
    fixture.sandbox.stub_get("/api/v3/users/ada", json!("no user"));
    assert_eq!(fixture.crawl("/user/ada").await.status(), 502);

    let fixture = Fixture::new().await;
    fixture.sandbox.fail_always(Fault::status(403));
    assert_eq!(fixture.crawl("/post/first-frost").await.status(), 502);
}

#[tokio::test]
async fn made_up_ids_leave_the_reads_that_lists_need() {
    let fixture = Fixture::new().await;
    let mut statuses = Vec::new();
    for number in 0..25 {
        statuses.push(fixture.crawl(&format!("/post/made-up-{number}")).await.status().as_u16());
    }
    assert_eq!(statuses, [vec![404; 20], vec![503; 5]].concat());
    assert_eq!(fixture.used().await, 20);
    // All at once as well.
    let fixture = Fixture::new().await;
    let paths: Vec<_> = (0..50).map(|number| format!("/user/made-up-{number}")).collect();
    let mut requests = tokio::task::JoinSet::new();
    for path in paths {
        let request = fixture.client.get(format!("{}{path}", fixture.address)).header("user-agent", CRAWLER);
        requests.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let statuses = requests.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 20);
    assert_eq!(fixture.used().await, 20);
}
