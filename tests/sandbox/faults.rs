//! Faults in place of the usual response.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use serde_json::json;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::time::timeout;

use crate::requests::{date, raw, register, registration, send, token, use_token};

#[tokio::test]
async fn a_status_comes_with_the_error_body_of_the_contract() {
    let sandbox = Sandbox::start().await.unwrap();
    let cases = [
        (400, 400_000),
        (401, 400_100),
        (403, 400_312),
        (404, 400_400),
        (422, 500_000),
        (429, 400_311),
        (500, 500_000),
        (503, 500_000),
    ];
    for (status, code) in cases {
        sandbox.fail_next(Fault::status(status));
        send(&sandbox, r#"{"deviceId":"a"}"#).await.refuses(status, code);
    }
}

#[tokio::test]
async fn an_impossible_status_becomes_500() {
    let sandbox = Sandbox::start().await.unwrap();

    for status in [0, 42, 100, 199, 1000] {
        sandbox.fail_next(Fault::status(status));
        send(&sandbox, r#"{"deviceId":"a"}"#).await.refuses(500, 500_000);
    }
}

#[tokio::test]
async fn any_answer_can_be_given() {
    let sandbox = Sandbox::start().await.unwrap();
    let envelope = r#"{"status":"error","code":400100,"message":"no"}"#;
    let cases = [
        (502, "text/html", "<html><h1>Bad gateway</h1></html>"),
        (200, "application/json", ""),
        (200, "application/json", r#"{"accessToken":"#),
        (200, "application/json", envelope),
        (418, "application/problem+json", r#"{"title":"I'm a teapot"}"#),
    ];
    for (status, content_type, body) in cases {
        sandbox.fail_next(Fault::answer(status, content_type, body));

        let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

        assert_eq!(answer.status, status);
        assert_eq!(answer.headers[CONTENT_TYPE], content_type);
        assert_eq!(answer.body, body.as_bytes());
    }
}

#[tokio::test]
async fn a_header_is_added_without_what_http_cant_carry() {
    let sandbox = Sandbox::start().await.unwrap();

    sandbox.fail_next(Fault::status(429).header(RETRY_AFTER, "1").header(RETRY_AFTER, "120\r\nx: y"));
    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    answer.refuses(429, 400_311);
    let values: Vec<_> = answer.headers.get_all(RETRY_AFTER).into_iter().collect();
    assert_eq!(values, ["120x: y"]);
}

#[tokio::test]
async fn a_header_cant_break_the_framing() {
    let sandbox = Sandbox::start().await.unwrap();
    let fault = Fault::answer(200, "text/plain", "hello");

    sandbox.fail_next(fault.clone().header(CONTENT_LENGTH, "1000"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.body, b"hello");
    sandbox.fail_next(fault.header(TRANSFER_ENCODING, "chunked"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.body, b"hello");
    sandbox.fail_next(Fault::answer(204, "text/plain", "hello"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.headers.get(CONTENT_LENGTH), None);
}

#[tokio::test]
async fn a_delay_ends_in_the_usual_answer() {
    let sandbox = Sandbox::start().await.unwrap();
    let delay = Duration::from_millis(80);
    sandbox.fail_next(Fault::delay(delay));
    let start = Instant::now();

    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    assert_eq!(answer.status, 200);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn silence_stays_silent() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::silence());

    let mut answer = pin!(registration(&sandbox, r#"{"deviceId":"a"}"#).send());
    // Once the request has arrived, and some time after that.
    while sandbox.requests().is_empty() {
        assert!(timeout(Duration::from_millis(1), &mut answer).await.is_err());
    }
    assert!(timeout(Duration::from_millis(150), &mut answer).await.is_err());
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::reset());

    let error = raw(&sandbox, r#"{"deviceId":"a"}"#).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_answer_is_cut_short() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::cut_short());

    // It ends without an error: the connection is closed, not reset.
    let (head, body) = raw(&sandbox, r#"{"deviceId":"a"}"#).await.unwrap();

    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with(b"{\"accessToken\":\"ey"));

    sandbox.fail_next(Fault::cut_short());
    let answer = registration(&sandbox, r#"{"deviceId":"a"}"#).send().await.unwrap();
    let error = format!("{:?}", answer.bytes().await.unwrap_err());
    assert!(error.contains("IncompleteMessage") || error.contains("UnexpectedEof"), "{error}");
}

#[tokio::test]
async fn an_answer_is_oversized_with_and_without_an_announcement() {
    let sandbox = Sandbox::start().await.unwrap();
    let bytes = 5_000_001;
    for (fault, announced) in [(Fault::oversized(bytes), true), (Fault::oversized_chunked(bytes), false)] {
        sandbox.fail_next(fault);

        let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.len() as u64, bytes);
        assert_eq!(answer.json()["userType"], "bot");
        let length = answer.headers.get(CONTENT_LENGTH);
        assert_eq!(length, announced.then_some(&HeaderValue::from(bytes)));
    }
}

#[tokio::test]
async fn an_oversized_answer_is_made_while_it_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    // More than any machine holds.
    sandbox.fail_next(Fault::oversized(u64::MAX / 2));

    let mut answer = registration(&sandbox, r#"{"deviceId":"a"}"#).send().await.unwrap();

    assert_eq!(answer.content_length(), Some(u64::MAX / 2));
    assert!(answer.chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::redirect(307, "http://127.0.0.1:1/elsewhere"));

    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    assert_eq!(answer.status, 307);
    assert_eq!(answer.headers[LOCATION], "http://127.0.0.1:1/elsewhere");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_lifetime_can_be_anything() {
    let sandbox = Sandbox::start().await.unwrap();
    for lifetime in [Duration::from_millis(1500), Duration::ZERO] {
        sandbox.fail_next(Fault::lifetime(lifetime));

        let session = register(&sandbox, "a").await;

        assert_eq!(
            date(&session["expiresAt"]) - date(&session["issuedAt"]),
            TimeDelta::from_std(lifetime).unwrap()
        );
    }
    sandbox.fail_next(Fault::lifetime(Duration::MAX));
    // Later dates have more digits than the documented format has.
    assert_eq!(register(&sandbox, "a").await["expiresAt"], "9999-12-31T23:59:59Z");
}

#[tokio::test]
async fn a_session_is_altered_and_a_refusal_is_not() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::altered(|session| session["accessToken"] = json!(null)));

    assert_eq!(register(&sandbox, "a").await["accessToken"], json!(null));
    send(&sandbox, "{}").await.refuses(422, 500_000);
}

#[tokio::test]
async fn faults_queue_up_before_the_standing_one() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::status(503));
    sandbox.fail_next(Fault::status(429));
    sandbox.fail_next(Fault::status(401));

    let status = async || send(&sandbox, r#"{"deviceId":"a"}"#).await.status;

    assert_eq!([status().await, status().await, status().await, status().await], [429, 401, 503, 503]);
    sandbox.fail_next(Fault::status(429));
    sandbox.recover();
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_fault_leaves_other_requests_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.fail_always(Fault::status(503));

    assert_eq!(use_token(&sandbox, Method::GET, "/api/v4/posts", &token).await.status, 200);
}
