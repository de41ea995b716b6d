//! What callers see when the service refuses or fails, or when its response is not a session.

use std::time::{Duration, Instant};

use http::header::{DATE, RETRY_AFTER};
use serde_json::json;
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, Error, ErrorCode, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const JSON: &str = "application/json";
const HTML: &str = "text/html";
const PAGE: &str = "<html><body><h1>It broke</h1></body></html>";

/// The error of a registration whose attempts all meet `fault`, and the number of attempts.
async fn refused(fault: Fault) -> (Error, usize) {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(fault);
    let bot = sandbox.client().timeout(Duration::from_secs(120)).build().unwrap();
    let error = bot.register().await.expect_err("the registration should fail");
    (error, sandbox.requests().len())
}

/// Asserts that a 200 with this body is an `InvalidResponse` that is not retried. Returns the error's text.
async fn no_session(content_type: &str, body: &str) -> String {
    let (error, attempts) = refused(Fault::answer(200, content_type, body)).await;
    assert_eq!(
        (error.kind(), error.status(), attempts),
        (ErrorKind::InvalidResponse, Some(200), 1),
        "{body}: {error}"
    );
    assert!(!error.is_transient());
    error.to_string()
}

fn envelope(code: i64, message: &str, detail: &serde_json::Value) -> String {
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
        assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(status), Some(code)));
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
        assert_eq!((error.kind(), error.status(), error.code()), (kind, Some(403), Some(code)));
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
            assert_eq!((error.kind(), error.status(), attempts), (kind, Some(status), 1), "{body}");
            assert_eq!((error.code(), error.message(), error.details().len()), (None, None, 0), "{body}");
            assert!(!error.to_string().contains("broke"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_gateway_failure_is_retried_once_if_the_request_may_have_passed() {
    for (status, expected) in [(502, 2), (503, 4), (504, 2)] {
        let (error, attempts) = refused(Fault::answer(status, HTML, PAGE)).await;
        assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::Unavailable, Some(status), expected));
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn retry_after_can_be_seconds() {
    let (error, attempts) = refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, "120")).await;
    assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::RateLimited, Some(429), 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert!(error.is_transient());
}

#[tokio::test]
async fn retry_after_can_be_a_date() {
    let then = std::time::SystemTime::now() + Duration::from_secs(300);
    let (error, _) =
        refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, &httpdate::fmt_http_date(then))).await;
    let wait = error.retry_after().unwrap().as_secs();
    assert!((1..=300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_retry_after_date_counts_by_the_services_clock() {
    let fault = Fault::answer(429, HTML, "")
        .header(DATE, "Sun, 06 Nov 1994 08:49:37 GMT")
        .header(RETRY_AFTER, "Sun, 06 Nov 1994 08:51:37 GMT");
    assert_eq!(refused(fault).await.0.retry_after(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_retry_after_date_in_the_past_is_no_wait() {
    let fault = Fault::answer(503, HTML, "").header(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
    let (error, attempts) = refused(fault).await;
    assert_eq!((error.retry_after(), attempts), (Some(Duration::ZERO), 4));
}

#[tokio::test]
async fn an_invalid_retry_after_is_ignored() {
    for value in ["soon", "-5", "1.5", "99999999999999999999999"] {
        let (error, attempts) = refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, value)).await;
        assert_eq!((error.retry_after(), attempts), (None, 4), "{value}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://{}/api/v5/sessions/bot", elsewhere.local_addr().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let (error, attempts) = refused(Fault::redirect(status, &location)).await;
        assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::InvalidResponse, Some(status), 1));
        assert!(error.to_string().contains("redirects to 127.0.0.1"), "{error}");
    }
    let (error, _) = refused(Fault::redirect(302, "/login?back=/")).await;
    assert!(error.to_string().contains("redirects to 127.0.0.1;"), "{error}");
    // A connection would already wait in the listener's queue, so the timeout can be short.
    let received = tokio::time::timeout(Duration::from_millis(1), elsewhere.accept()).await;
    assert!(received.is_err(), "something connected to the redirect's target");
}

#[tokio::test]
async fn an_undocumented_success_status_is_an_error() {
    for status in [201, 202, 204] {
        let (error, attempts) = refused(Fault::answer(status, JSON, "")).await;
        assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::InvalidResponse, Some(status), 1));
    }
}

#[tokio::test]
async fn a_200_that_is_not_a_json_object_is_an_error() {
    for body in [PAGE, "", "null", "[]", "7", "{\"accessToken\": \"abc", "\u{feff}{}"] {
        let text = no_session(JSON, body).await;
        assert!(text.contains("it is not a JSON object"), "{body}: {text}");
    }
}

#[tokio::test]
async fn trailing_data_after_a_session_is_an_error() {
    let good = json!({ "accessToken": "abc", "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2126-01-01T00:00:00Z", "users": [] });
    let text = no_session(JSON, &format!("{good}{good}")).await;
    assert!(text.contains("trailing characters"), "{text}");
}

#[tokio::test]
async fn a_200_with_an_error_envelope_is_an_error() {
    let text = no_session(JSON, &envelope(400_100, "Unauthorized", &json!([]))).await;
    assert!(text.contains("/accessToken: missing"), "{text}");
}

#[tokio::test]
async fn a_response_without_a_usable_token_or_date_is_an_error() {
    let good = json!({ "accessToken": "abc", "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2126-01-01T00:00:00Z", "users": [] });
    for (field, value, said) in [
        ("accessToken", json!(""), "/accessToken is empty"),
        ("accessToken", json!("two\nlines"), "/accessToken contains a line break"),
        ("accessToken", json!("schlüssel"), "/accessToken contains a character that is not visible ASCII"),
        ("accessToken", json!("x".repeat(16_385)), "/accessToken is longer than 16384 bytes"),
        ("accessToken", json!(12_345), "/accessToken: expected string, found number"),
        ("accessToken", json!(null), "/accessToken: expected string, found null"),
        ("accessToken", json!({ "token": "abc" }), "/accessToken: expected string, found object"),
        ("issuedAt", json!("yesterday"), "/issuedAt: expected date-time, found string"),
        ("issuedAt", json!(1_700_000_000), "/issuedAt: expected string, found number"),
        ("expiresAt", json!("2126-13-01T00:00:00Z"), "/expiresAt: expected date-time, found string"),
        ("expiresAt", json!("2126-01-01"), "/expiresAt: expected date-time, found string"),
        ("expiresAt", json!("2026-01-01T00:00:00Z"), "expires (2026-01-01 00:00:00 UTC) before"),
        ("expiresAt", json!("2025-01-01T00:00:00Z"), "expires (2025-01-01 00:00:00 UTC) before"),
        ("expiresAt", json!("2026-01-02T00:00:00Z"), "the token expired at 2026-01-02"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let text = no_session(JSON, &body.to_string()).await;
        assert!(text.contains(said), "{said} is not in: {text}");
    }
    for field in ["accessToken", "issuedAt", "expiresAt"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let text = no_session(JSON, &body.to_string()).await;
        assert!(text.contains(&format!("/{field}: missing")), "{text}");
    }
}

#[tokio::test]
async fn an_oversized_response_is_an_error() {
    for announced in [true, false] {
        let (error, attempts) = refused(Fault::oversized(30 << 20, announced)).await;
        assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::InvalidResponse, Some(200), 1));
        assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    }
}

#[tokio::test]
async fn the_response_limit_is_exact() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({ "accessToken": "abc", "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2126-01-01T00:00:00Z", "users": [] }).to_string();
    sandbox.fail_always(Fault::answer(200, JSON, body.clone()));
    sandbox.client().max_response_bytes(body.len()).build().unwrap().register().await.unwrap();
    let error =
        sandbox.client().max_response_bytes(body.len() - 1).build().unwrap().register().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
}

#[tokio::test]
async fn a_silent_service_times_out_at_the_deadline() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::silence());
    let bot = sandbox.client().timeout(Duration::from_millis(300)).build().unwrap();
    let start = Instant::now();
    let error = bot.register().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, None));
    assert!(error.is_transient());
    assert!((Duration::from_millis(300)..Duration::from_secs(300)).contains(&start.elapsed()));
}

#[tokio::test]
async fn a_lost_connection_is_retried_once() {
    for fault in [Fault::reset(), Fault::cut_short()] {
        let (error, attempts) = refused(fault).await;
        assert_eq!((error.kind(), error.status(), attempts), (ErrorKind::Unavailable, None, 2));
        assert!(error.is_transient());
        assert!(error.to_string().starts_with("the connection to the service was lost: "), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let bot = BotClient::builder()
        .api_key("b0e8a2c4d6f8")
        .device_id("crawler-1")
        .base_url(address)
        .build()
        .unwrap();
    let error = bot.register().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot connect to the service"), "{error}");
}

#[tokio::test]
async fn a_host_without_an_address_is_unavailable() {
    // `.invalid` is reserved for names that never resolve.
    let bot = BotClient::builder()
        .api_key("b0e8a2c4d6f8")
        .device_id("crawler-1")
        .base_url("https://nowhere.invalid");
    let error = bot.timeout(Duration::from_secs(20)).build().unwrap().register().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_error_status_counts_even_if_its_body_is_too_long() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::answer(403, HTML, vec![b'x'; 30 << 20]));
    let error = sandbox.client().build().unwrap().register().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Rejected, Some(403)));
}

#[tokio::test]
async fn the_message_explains_the_status() {
    for (status, kind, meaning) in [
        (400, ErrorKind::Rejected, "the service rejected the request (HTTP 400"),
        (
            401,
            ErrorKind::Rejected,
            "the service rejected the API key, the token or its user; check the key and its region",
        ),
        (403, ErrorKind::Rejected, "the service rejected the user"),
        (404, ErrorKind::Rejected, "not found; check the path, and the region or base URL"),
        (408, ErrorKind::Unavailable, "the service timed out waiting for the request"),
        (422, ErrorKind::Rejected, "the service rejected the content of the request"),
        (501, ErrorKind::Unavailable, "the service failed"),
    ] {
        let (error, _) = refused(Fault::status(status)).await;
        assert_eq!(error.kind(), kind, "{status}");
        let code = format!("code {}", error.code().unwrap());
        assert!(error.to_string().starts_with(meaning) && error.to_string().contains(&code), "{error}");
    }
}

/// The messages of an error and its sources.
fn with_sources(error: &Error) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        lines.push(cause.to_string());
        source = cause.source();
    }
    lines
}

#[tokio::test]
async fn display_has_the_cause_once_and_debug_the_whole_chain() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let bot = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    let refused_here = bot.build().unwrap().register().await.unwrap_err();
    for error in [refused_here, refused(Fault::reset()).await.0, refused(Fault::status(401)).await.0] {
        let lines = with_sources(&error);
        for (at, line) in lines.iter().enumerate() {
            let others = lines.iter().enumerate().filter(|(other, _)| *other != at);
            assert!(others.clone().all(|(_, other)| !other.contains(&**line)), "{lines:#?}");
            let cause = line.rsplit(": ").next().unwrap();
            assert!(others.clone().all(|(_, other)| !other.contains(cause)), "{lines:#?}");
        }
    }
    let (broken, _) = refused(Fault::reset()).await;
    let (text, debug) = (broken.to_string(), format!("{broken:?}"));
    assert!(debug.contains("hyper") && !text.contains("hyper"), "{text}\n{debug}");
}

#[tokio::test]
async fn details_and_message_have_limits() {
    let long = json!({ "a": vec!["x".repeat(400); 100], "b": "y".repeat(9000), "c": 1 });
    let (error, _) = refused(Fault::answer(422, JSON, envelope(500_000, &"z".repeat(9000), &long))).await;
    let lengths = |lines: &[String]| lines.iter().map(|line| line.chars().count()).collect::<Vec<_>>();
    assert_eq!(lengths(error.details()), [500, 500, 4], "{error}");
    assert_eq!(error.message().unwrap().chars().count(), 500);
}

#[tokio::test]
async fn a_large_content_length_allocates_nothing() {
    for status in ["200 OK", "422 Unprocessable Entity"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let response =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{{", i64::MAX);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    socket.read_buf(&mut request).await.unwrap();
                }
                socket.write_all(response.as_bytes()).await.unwrap();
            }
        });
        let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
        let bot = builder.max_response_bytes(usize::MAX).build().unwrap();
        let error = bot.register().await.unwrap_err();
        let expected = if status.starts_with("200") { ErrorKind::Unavailable } else { ErrorKind::Rejected };
        assert_eq!(error.kind(), expected, "{error}");
    }
}

/// With quadratic time, the search for secrets would take minutes.
#[tokio::test]
async fn secrets_are_searched_for_in_linear_time() {
    let headers = format!("{} %25252541", "eyJ".repeat(21_000));
    let token = format!("{}b", "a".repeat(16_000));
    let name = |number| format!("{}{number}%25252541", "a".repeat(60_000));
    let names = (0..16).map(|number| (name(number), json!(1)));
    let sandbox = Sandbox::start().await.unwrap();
    for (status, body) in [
        (422, json!({ "code": 500_000, "data": { "detail": vec![headers; 16] } })),
        (200, names.chain([("accessToken".to_owned(), json!(token))]).collect()),
    ] {
        sandbox.fail_always(Fault::answer(status, JSON, body.to_string()));
        let error = sandbox.client().build().unwrap().register().await.unwrap_err();
        assert_eq!(error.status(), Some(status));
    }
}
