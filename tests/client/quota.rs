//! The daily quota of reads: when reads pause, and when they go on.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;
use social_plus_bot::{ErrorCode, ErrorKind};

use crate::authorized::request;
use crate::raw_service::{EMPTY, with_responses};

use crate::service;

#[tokio::test]
async fn a_used_up_quota_refuses_reads_locally_until_the_caller_resumes_them() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for _ in 0..100 {
        bot.get("/a").await.unwrap();
    }
    assert_eq!(bot.reads_today(), 100);
    // The registration, 100 reads, and the first one beyond the quota.
    for sent in [102, 102, 102] {
        let error = bot.get("/a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
        assert!(error.retry_after().unwrap() <= Duration::from_secs(24 * 60 * 60));
        assert_eq!(sandbox.requests().len(), sent);
    }

    // Writes are still sent, and the service refuses them for another reason.
    let write = bot.send(request(&sandbox, Method::POST, "/a")).await.unwrap_err();
    assert_eq!(write.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));

    bot.resume_reads_at(Utc::now() + TimeDelta::hours(1));
    assert!(bot.get("/a").await.unwrap_err().retry_after().unwrap() <= Duration::from_secs(3600));
    assert_eq!(sandbox.requests().len(), 103);
    bot.resume_reads_at(Utc::now());
    assert_eq!(bot.get("/a").await.unwrap_err().status().map(u16::from), Some(429));
    assert_eq!(sandbox.requests().len(), 104);
}

#[tokio::test]
async fn a_head_request_beyond_the_quota_pauses_reads() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for _ in 0..100 {
        bot.get("/a").await.unwrap();
    }
    let error = bot.send(request(&sandbox, Method::HEAD, "/a")).await.unwrap_err();
    assert_eq!(
        (error.status().map(u16::from), error.code()),
        (Some(429), Some(ErrorCode::DAILY_QUOTA_EXCEEDED))
    );
    let sent = sandbox.requests().len();
    assert_eq!(bot.get("/a").await.unwrap_err().status(), None);
    assert_eq!(sandbox.requests().len(), sent);
}

/// The response to a read when the quota is used up, with these headers.
pub fn used_up(headers: &str) -> String {
    let body = json!({ "status": "error", "code": 400_323, "message": "used up" }).to_string();
    format!("HTTP/1.1 403 Forbidden\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn reads_pause_for_minutes_after_the_first_refusal() {
    let (bot, received) = with_responses(vec![used_up(""), EMPTY.to_owned()]).await;
    let refused = bot.get("/a").await.unwrap_err();
    assert_eq!((refused.kind(), refused.status().map(u16::from)), (ErrorKind::RateLimited, Some(403)));
    assert!(refused.retry_after().unwrap() <= Duration::from_secs(300), "{refused}");
    bot.resume_reads_at(Utc::now());
    bot.get("/a").await.unwrap();
    assert_eq!(received.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn reads_pause_for_the_time_of_retry_after() {
    let (bot, received) = with_responses(vec![used_up("retry-after: 3600\r\n")]).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(bot.get("/a").await.unwrap_err().retry_after(), Some(hour));
    let later = bot.get("/a").await.unwrap_err().retry_after().unwrap();
    assert!(later <= hour && later > hour / 2, "{later:?}");
    assert_eq!(received.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_day_of_a_refusal_is_by_the_services_clock() {
    for (date, wait) in [("23:59:00", 60), ("23:59:59", 1), ("12:00:00", 300)] {
        let (bot, _) = with_responses(vec![used_up(&format!("date: Sun, 01 Mar 2026 {date} GMT\r\n"))]).await;
        let refused = bot.get("/a").await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(wait)), "{date}");
    }
}
