//! Responses that are not a session: redirects, other statuses, and bodies without a usable token or too long.

use std::time::Duration;

use serde_json::json;
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, ErrorCode, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::refusals::{JSON, PAGE, envelope, no_session, refused};

use crate::service;

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://{}/api/v5/sessions/bot", elsewhere.local_addr().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let (error, attempts) = refused(Fault::redirect(status, &location)).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), attempts),
            (ErrorKind::InvalidResponse, Some(status), 1)
        );
        assert!(error.to_string().contains("redirects to 127.0.0.1"), "{error}");
    }
    let (error, _) = refused(Fault::redirect(302, "/login?back=/")).await;
    assert!(error.to_string().contains("redirects to 127.0.0.1;"), "{error}");
    // A connection would already wait in the listener's queue, so the timeout can be short.
    let received = tokio::time::timeout(Duration::from_millis(1), elsewhere.accept()).await;
    assert!(received.is_err(), "something connected to the redirect's target");
}

#[tokio::test]
async fn not_modified_is_not_called_a_redirect() {
    let (error, attempts) = refused(Fault::answer(304, JSON, "")).await;
    assert_eq!(
        (error.kind(), error.status().map(u16::from), attempts),
        (ErrorKind::InvalidResponse, Some(304), 1)
    );
    assert!(error.to_string().starts_with("the response says that nothing was modified"), "{error}");
}

#[tokio::test]
async fn an_undocumented_success_status_is_an_error() {
    for status in [201, 202, 204] {
        let (error, attempts) = refused(Fault::answer(status, JSON, "")).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), attempts),
            (ErrorKind::InvalidResponse, Some(status), 1)
        );
    }
}

#[tokio::test]
async fn a_200_that_is_not_a_json_object_is_an_error() {
    for body in [PAGE, "", "null", "[]", "7", "{\"accessToken\": \"abc"] {
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
    for (code, kind, expected) in [
        (ErrorCode::UNAUTHORIZED, ErrorKind::Rejected, 1),
        (ErrorCode::DAILY_QUOTA_EXCEEDED, ErrorKind::RateLimited, 4),
        (ErrorCode::UNEXPECTED, ErrorKind::Unavailable, 2),
    ] {
        let fault = Fault::answer(200, JSON, envelope(code.get(), "it was said", &json!(["a detail"])));
        let (error, attempts) = refused(fault).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), error.code()),
            (kind, Some(200), Some(code))
        );
        assert_eq!((error.message(), attempts), (Some("it was said"), expected));
        assert_eq!(error.details(), ["a detail"]);
    }
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
        ("expiresAt", json!("2026-01-01T00:00:00Z"), "no lifetime: it was issued and expires at 2026-01-01"),
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
    for fault in [Fault::oversized(30 << 20), Fault::oversized_chunked(30 << 20)] {
        let (error, attempts) = refused(fault).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), attempts),
            (ErrorKind::InvalidResponse, Some(200), 1)
        );
        assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    }
}

#[tokio::test]
async fn the_response_limit_is_exact() {
    let sandbox = service::start().await.unwrap();
    let body = json!({ "accessToken": "abc", "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2126-01-01T00:00:00Z", "users": [] }).to_string();
    sandbox.fail_always(Fault::answer(200, JSON, body.clone()));
    sandbox.client().max_response_bytes(body.len()).build().unwrap().register().await.unwrap();
    let error =
        sandbox.client().max_response_bytes(body.len() - 1).build().unwrap().register().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
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
