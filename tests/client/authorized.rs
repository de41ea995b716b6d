//! Requests with the token: which URLs get it, when it is replaced, and the errors that callers see.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http_body_util::Full;
use hyper::body::Bytes;
use reqwest::{Body, Method, Request, StatusCode};
use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{ErrorCode, ErrorKind};

use crate::raw_service::{EMPTY, REGISTERED, reads_get, with_responses, with_tokens_and_responses};

use crate::service;

/// Long enough not to expire unless a call hangs.
const HANG: Duration = Duration::from_secs(300);

/// Short enough to wait for. On a slow machine, even requests with a response may take longer.
const SHORT: Duration = Duration::from_millis(300);

pub fn request(sandbox: &Sandbox, method: Method, path: &str) -> Request {
    Request::new(method, format!("{}{path}", sandbox.base_url()).parse().unwrap())
}

/// The methods and paths of the received requests, in order.
pub fn received(sandbox: &Sandbox) -> Vec<String> {
    sandbox.requests().iter().map(|request| format!("{} {}", request.method(), request.path())).collect()
}

pub const REGISTRATION: &str = "POST /api/v5/sessions/bot";

#[tokio::test]
async fn a_read_sends_the_token_and_returns_the_response() {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get("/api/v4/posts", json!({ "posts": [1, 2] }));
    let bot = sandbox.client().build().unwrap();
    let posts: Value = bot.get("/api/v4/posts?limit=2").await.unwrap().json().await.unwrap();
    assert_eq!(posts, json!({ "posts": [1, 2] }));
    bot.get("/api/v3/communities").await.unwrap();
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /api/v4/posts", "GET /api/v3/communities"]);

    let token = bot.access_token().await.unwrap();
    let header = format!("Bearer {}", token.expose_secret());
    let read = &sandbox.requests()[1];
    assert_eq!(read.headers()[AUTHORIZATION], header);
    assert!(!read.headers().contains_key("x-api-key"));
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_origin() {
    let sandbox = service::start().await.unwrap();
    let elsewhere = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    for url in [
        format!("{}/api/v4/posts", elsewhere.base_url()),
        sandbox.base_url().replace("http:", "https:"),
        sandbox.base_url().replace("127.0.0.1", "localhost"),
        "data:text/plain,x".to_owned(),
    ] {
        let error = bot.send(Request::new(Method::GET, url.parse().unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Origin, "{url}");
    }
    for path in ["", "api/v4/posts", "@example.com/", ".example.com/"] {
        let error = bot.get(path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "path: must begin with a slash");
    }
    assert_eq!(received(&sandbox), [REGISTRATION]);
    assert_eq!(elsewhere.requests().len(), 0);
    assert_eq!(bot.reads_today(), 0);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_request_repeated() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.get("/a").await.unwrap();
    sandbox.revoke_tokens();
    bot.get("/b").await.unwrap();
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /a", "GET /b", REGISTRATION, "GET /b"]);
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_not_replaced_again() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    sandbox.fail_always(Fault::altered(|response| response["accessToken"] = json!("forged")));
    let error = bot.get("/a").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status().map(u16::from), error.code()),
        (ErrorKind::DeviceInUse, Some(401), Some(ErrorCode::UNAUTHORIZED))
    );
    assert!(error.is_transient() && error.retry_after().is_some());
    for part in ["\"sandbox\"", "share one store", "its own device id", "its user is banned"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    for _ in 0..50 {
        assert_eq!(bot.get("/a").await.unwrap_err().kind(), ErrorKind::DeviceInUse);
    }
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /a", REGISTRATION, "GET /a"]);
}

#[tokio::test]
async fn a_streaming_request_is_not_repeated_but_the_token_is_replaced() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let mut streamed = request(&sandbox, Method::POST, "/a");
    *streamed.body_mut() = Some(Body::wrap(Full::<Bytes>::from("{}")));
    assert_eq!(bot.send(streamed).await.unwrap_err().status().map(u16::from), Some(401));
    bot.get("/b").await.unwrap();
    assert_eq!(received(&sandbox), [REGISTRATION, "POST /a", REGISTRATION, "GET /b"]);
}

#[tokio::test]
async fn concurrent_requests_with_a_revoked_token_register_once() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let bot = bot.clone();
        readers.spawn(async move { bot.get("/a").await.map(drop) });
    }
    assert!(readers.join_all().await.iter().all(Result::is_ok));
    let registrations = received(&sandbox).iter().filter(|received| *received == REGISTRATION).count();
    assert_eq!(registrations, 2);
}

#[tokio::test]
async fn a_write_returns_the_error_code_of_the_service() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let error = bot.send(request(&sandbox, Method::POST, "/api/v4/posts")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, Some(ErrorCode::BOT_PERMISSION_DENIED)));
    assert!(error.to_string().starts_with("bots are read-only"), "{error}");
    assert_eq!(bot.reads_today(), 0);
}

#[tokio::test]
async fn redirects_are_returned_and_not_followed() {
    let response = "HTTP/1.1 302 Found\r\nlocation: https://example.com/\r\ncontent-length: 0\r\n\r\n";
    let bot = reads_get(response, |builder| builder.timeout(HANG)).await;
    assert_eq!(bot.get("/a").await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_error_without_an_error_body_is_classified_by_its_status() {
    let bot = reads_get("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>", |builder| {
        builder.timeout(HANG)
    })
    .await;
    let error = bot.get("/a").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status().map(u16::from), error.code()),
        (ErrorKind::Unavailable, Some(502), None)
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_read_times_out_after_the_clients_or_its_own_timeout() {
    let bot = reads_get([], |builder| builder.timeout(SHORT)).await;
    assert_eq!(bot.get("/a").await.unwrap_err().kind(), ErrorKind::Timeout);
    let mut own = Request::new(Method::GET, format!("{}/a", bot.base_url()).parse().unwrap());
    *own.timeout_mut() = Some(Duration::from_millis(50));
    assert_eq!(bot.send(own).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn an_incomplete_error_body_keeps_the_status() {
    let bot =
        reads_get("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{", |builder| builder.timeout(SHORT))
            .await;
    loop {
        let error = bot.get("/a").await.unwrap_err();
        match error.status().map(u16::from) {
            Some(status) => return assert_eq!(status, 403),
            None => assert_eq!(error.kind(), ErrorKind::Timeout, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_path_can_not_leave_the_base_url() {
    let (bot, received) = with_responses(vec![EMPTY.to_owned()]).await;
    for path in [
        "/../tenant-b/x",
        "/..",
        "/a/../../tenant-b",
        "/%2e%2e/tenant-b/x",
        "/.%2E/tenant-b/x",
        "/..\\tenant-b",
        "\\..\\tenant-b",
        "/.\t./tenant-b",
        "/..%2ftenant-b/x",
        "/a/..%5C..%5Ctenant-b",
        "/%252e%252e/tenant-b",
        "/%25252525252e%25252525252e/tenant-b",
        "/..%3fx/tenant-b",
        "/..%23tenant-b",
        "/.%09./tenant-b",
        "/..%0a/tenant-b",
        "/..%00/tenant-b",
    ] {
        let error = bot.get(path).await.map(|read| read.url().clone()).unwrap_err();
        let kind = if path.starts_with('/') { ErrorKind::Origin } else { ErrorKind::InvalidInput };
        assert_eq!(error.kind(), kind, "{path}: {error}");
    }
    assert_eq!(*received.lock().unwrap(), [""; 0]);
    for path in ["/", "/x", "/a/../x?next=/../y", "/...", "/a..b", "//x"] {
        bot.get(path).await.unwrap();
    }
    let received = received.lock().unwrap().clone();
    assert_eq!(received[0], REGISTERED);
    assert!(received[1..].iter().all(|line| line.starts_with("GET /tenant-a/")), "{received:?}");
}

#[tokio::test]
async fn a_request_outside_the_base_url_is_not_sent() {
    let (bot, received) = with_responses(vec![EMPTY.to_owned()]).await;
    let beside = bot.base_url().replace("tenant-a", "tenant-b/x");
    let error = bot.send(Request::new(Method::GET, beside.parse().unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Origin, "{error}");
    assert_eq!(*received.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_for_a_head_request() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let head = bot.send(request(&sandbox, Method::HEAD, "/a")).await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(received(&sandbox), [REGISTRATION, "HEAD /a", REGISTRATION, "HEAD /a"]);
}

#[tokio::test]
async fn a_401_without_a_code_replaces_the_token_once() {
    for body in ["", "<html>", "{}", "[]", r#"{"error":"expired"}"#] {
        let refused = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (bot, received) = with_responses(vec![refused.clone(), EMPTY.to_owned()]).await;
        bot.get("/a").await.unwrap_or_else(|error| panic!("{body}: {error}"));
        let read = "GET /tenant-a/a";
        assert_eq!(*received.lock().unwrap(), [REGISTERED, read, REGISTERED, read], "{body}");

        let (bot, received) = with_responses(vec![refused]).await;
        assert_eq!(bot.get("/a").await.unwrap_err().status().map(u16::from), Some(401));
        assert_eq!(*received.lock().unwrap(), [REGISTERED, read, REGISTERED, read], "{body}");
        // The reason may not be the token, so the next 401 does not replace it.
        assert_eq!(bot.get("/a").await.unwrap_err().status().map(u16::from), Some(401));
        assert_eq!(received.lock().unwrap()[4..], [read], "{body}");
    }
    // A code that does not concern the token.
    let body = json!({ "status": "error", "code": 400_312 }).to_string();
    let banned = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (bot, received) = with_responses(vec![banned]).await;
    assert_eq!(bot.get("/a").await.unwrap_err().code(), Some(ErrorCode::USER_BANNED));
    assert_eq!(received.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_that_is_issued_again_is_not_replaced_at_each_401_without_a_code() {
    let refused = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let (bot, received) =
        with_tokens_and_responses(|_| "the-same".to_owned(), vec![refused.to_owned()]).await;
    for _ in 0..3 {
        assert_eq!(bot.get("/a").await.unwrap_err().status().map(u16::from), Some(401));
    }
    let read = "GET /tenant-a/a";
    assert_eq!(*received.lock().unwrap(), [REGISTERED, read, REGISTERED, read, read, read]);
}
