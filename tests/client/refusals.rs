//! What callers see when the service refuses a registration: the kind, the code and the details.

use std::time::Duration;

use serde_json::json;
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{Error, ErrorCode, ErrorKind};

pub const JSON: &str = "application/json";
pub const HTML: &str = "text/html";
pub const PAGE: &str = "<html><body><h1>It broke</h1></body></html>";

use crate::service;

/// The error of a registration whose attempts all meet `fault`, and the number of attempts.
pub async fn refused(fault: Fault) -> (Error, usize) {
    let sandbox = service::start().await.unwrap();
    sandbox.fail_always(fault);
    let bot = sandbox.client().timeout(Duration::from_secs(120)).build().unwrap();
    let error = bot.register().await.expect_err("the registration should fail");
    (error, sandbox.requests().len())
}

/// Asserts that a 200 with this body is an `InvalidResponse` that is not retried. Returns the error's text.
pub async fn no_session(content_type: &str, body: &str) -> String {
    let (error, attempts) = refused(Fault::answer(200, content_type, body)).await;
    assert_eq!(
        (error.kind(), error.status().map(u16::from), attempts),
        (ErrorKind::InvalidResponse, Some(200), 1),
        "{body}: {error}"
    );
    assert!(!error.is_transient());
    error.to_string()
}

pub fn envelope(code: i64, message: &str, detail: &serde_json::Value) -> String {
    json!({ "status": "error", "code": code, "message": message, "data": { "detail": detail } }).to_string()
}

#[tokio::test]
async fn a_documented_error_is_decoded_completely() {
    for (status, code, kind) in [
        (401, ErrorCode::UNAUTHORIZED, ErrorKind::Rejected),
        (403, ErrorCode::USER_BANNED, ErrorKind::Rejected),
        (422, ErrorCode::UNEXPECTED, ErrorKind::Rejected),
        (500, ErrorCode::UNEXPECTED, ErrorKind::Unavailable),
    ] {
        let body = envelope(code.get(), "it was said", &json!(["first", "second"]));
        let (error, attempts) = refused(Fault::answer(status, JSON, body)).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), error.code()),
            (kind, Some(status), Some(code))
        );
        assert_eq!(error.message(), Some("it was said"));
        assert_eq!(error.details(), ["first", "second"]);
        assert_eq!(error.is_transient(), status == 500);
        assert_eq!(attempts, if status == 500 { 2 } else { 1 });
        let text = error.to_string();
        for part in [&*status.to_string(), &*code.get().to_string(), "it was said", "first", "second"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        let debug = format!("{error:?}");
        for part in [&*format!("{kind:?}"), &*status.to_string(), "it was said", "first", "second"] {
            assert!(debug.contains(part), "{part} is not in: {debug}");
        }
    }
}

#[test]
fn a_code_is_shown_as_its_number() {
    assert_eq!(ErrorCode::USER_BANNED.to_string(), "400312");
}

#[tokio::test]
async fn details_can_be_an_object() {
    let detail = json!({ "deviceId": "too long", "limit": 150, "inner": { "a": [1] } });
    let (error, _) = refused(Fault::answer(422, JSON, envelope(500_000, "wrong", &detail))).await;
    assert_eq!(error.details(), ["deviceId: too long", r#"inner: {"a":[1]}"#, "limit: 150"]);
}

#[tokio::test]
async fn the_code_takes_precedence_over_the_status() {
    for (code, kind, reason) in [
        (
            ErrorCode::DAILY_QUOTA_EXCEEDED,
            ErrorKind::RateLimited,
            "the daily read quota of the bot is used up",
        ),
        (ErrorCode::RATE_LIMITED, ErrorKind::RateLimited, "too many requests"),
        (ErrorCode::BOT_PERMISSION_DENIED, ErrorKind::Rejected, "bots are read-only"),
    ] {
        let (error, _) = refused(Fault::answer(403, JSON, envelope(code.get(), "no", &json!([])))).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), error.code()),
            (kind, Some(403), Some(code))
        );
        assert!(error.to_string().starts_with(reason), "{error}");
    }
}

#[tokio::test]
async fn unknown_codes_are_kept() {
    let (error, _) = refused(Fault::answer(403, JSON, envelope(499_999, "new", &json!([])))).await;
    assert_eq!(error.code(), Some(ErrorCode::from(499_999)));
}

#[tokio::test]
async fn an_error_without_an_error_body_is_classified_by_its_status() {
    for body in [
        PAGE,
        "",
        "null",
        "[1,2]",
        "\"text\"",
        r#"{"error":"nope"}"#,
        r#"{"message":7,"code":"x"}"#,
        "{\"cut",
    ] {
        for (status, kind) in
            [(404, ErrorKind::Rejected), (405, ErrorKind::Rejected), (501, ErrorKind::Unavailable)]
        {
            let (error, attempts) = refused(Fault::answer(status, HTML, body)).await;
            assert_eq!(
                (error.kind(), error.status().map(u16::from), attempts),
                (kind, Some(status), 1),
                "{body}"
            );
            assert_eq!((error.code(), error.message(), error.details().len()), (None, None, 0), "{body}");
            assert!(!error.to_string().contains("broke"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_error_status_counts_even_if_its_body_is_too_long() {
    let sandbox = service::start().await.unwrap();
    sandbox.fail_always(Fault::answer(403, HTML, vec![b'x'; 30 << 20]));
    let error = sandbox.client().build().unwrap().register().await.unwrap_err();
    assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::Rejected, Some(403)));
}
