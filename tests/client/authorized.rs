//! Requests with the token: where it goes, when it is replaced, and what errors become.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http_body_util::Full;
use hyper::body::Bytes;
use reqwest::{Body, Method, Request, StatusCode};
use serde_json::{Value, json};
use social_plus_bot::api::ClientInfo;
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, ErrorCode, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn request(sandbox: &Sandbox, method: Method, path: &str) -> Request {
    Request::new(method, format!("{}{path}", sandbox.base_url()).parse().unwrap())
}

/// The methods and paths that came, in order.
fn came(sandbox: &Sandbox) -> Vec<String> {
    sandbox.requests().iter().map(|request| format!("{} {}", request.method(), request.path())).collect()
}

const REGISTRATION: &str = "POST /api/v5/sessions/bot";

#[tokio::test]
async fn a_read_carries_the_token_and_returns_what_is_there() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.stub_get("/api/v4/posts", json!({ "posts": [1, 2] }));
    let bot = sandbox.client().build().unwrap();
    let posts: Value = bot.get("/api/v4/posts?limit=2").await.unwrap().json().await.unwrap();
    assert_eq!(posts, json!({ "posts": [1, 2] }));
    bot.get("/api/v3/communities").await.unwrap();
    assert_eq!(came(&sandbox), [REGISTRATION, "GET /api/v4/posts", "GET /api/v3/communities"]);

    let token = bot.access_token().await.unwrap();
    let header = format!("Bearer {}", token.expose_secret());
    let read = &sandbox.requests()[1];
    assert_eq!(read.headers()[AUTHORIZATION], header);
    assert!(!read.headers().contains_key("x-api-key"));
}

#[tokio::test]
async fn the_token_goes_to_no_other_origin() {
    let sandbox = Sandbox::start().await.unwrap();
    let elsewhere = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    for url in [
        format!("{}/api/v4/posts", elsewhere.base_url()),
        sandbox.base_url().replace("http:", "https:"),
        sandbox.base_url().replace("127.0.0.1", "localhost"),
        "data:text/plain,x".to_owned(),
    ] {
        let error = bot.send(Request::new(Method::GET, url.parse().unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
    }
    for path in ["", "api/v4/posts", "@example.com/", ".example.com/"] {
        assert_eq!(bot.get(path).await.unwrap_err().to_string(), "path: must begin with a slash");
    }
    assert_eq!(came(&sandbox), [REGISTRATION]);
    assert_eq!(elsewhere.requests().len(), 0);
    assert_eq!(bot.reads_today(), 0);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_read_repeated() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.get("/a").await.unwrap();
    sandbox.revoke_tokens();
    bot.get("/b").await.unwrap();
    assert_eq!(came(&sandbox), [REGISTRATION, "GET /a", "GET /b", REGISTRATION, "GET /b"]);
}

#[tokio::test]
async fn a_token_refused_twice_is_the_callers_error() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    sandbox.fail_always(Fault::altered(|answer| answer["accessToken"] = json!("forged")));
    let error = bot.get("/a").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status(), error.code()),
        (ErrorKind::Rejected, Some(401), Some(ErrorCode::UNAUTHORIZED))
    );
    assert_eq!(came(&sandbox), [REGISTRATION, "GET /a", REGISTRATION, "GET /a"]);
}

#[tokio::test]
async fn a_body_that_streams_is_not_repeated_but_the_token_is_replaced() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let mut streamed = request(&sandbox, Method::POST, "/a");
    *streamed.body_mut() = Some(Body::wrap(Full::<Bytes>::from("{}")));
    assert_eq!(bot.send(streamed).await.unwrap_err().status(), Some(401));
    bot.get("/b").await.unwrap();
    assert_eq!(came(&sandbox), [REGISTRATION, "POST /a", REGISTRATION, "GET /b"]);
}

#[tokio::test]
async fn many_callers_with_a_revoked_token_cause_one_registration() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let bot = bot.clone();
        readers.spawn(async move { bot.get("/a").await.map(drop) });
    }
    assert!(readers.join_all().await.iter().all(Result::is_ok));
    let registrations = came(&sandbox).iter().filter(|came| *came == REGISTRATION).count();
    assert_eq!(registrations, 2);
}

#[tokio::test]
async fn a_write_is_refused_by_the_service_with_its_code() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let error = bot.send(request(&sandbox, Method::POST, "/api/v4/posts")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, Some(ErrorCode::BOT_PERMISSION_DENIED)));
    assert!(error.to_string().starts_with("a bot may only read"), "{error}");
    assert_eq!(bot.reads_today(), 0);
}

#[tokio::test]
async fn after_the_days_quota_reads_fail_here_until_the_caller_resumes_them() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for _ in 0..100 {
        bot.get("/a").await.unwrap();
    }
    assert_eq!(bot.reads_today(), 100);
    // The registration, a hundred reads, and the one that was one too many.
    for sent in [102, 102, 102] {
        let error = bot.get("/a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
        assert!(error.retry_after().unwrap() <= Duration::from_secs(24 * 60 * 60));
        assert_eq!(sandbox.requests().len(), sent);
    }

    // Writes are no reads; the service refuses them for another reason.
    let write = bot.send(request(&sandbox, Method::POST, "/a")).await.unwrap_err();
    assert_eq!(write.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));

    bot.resume_reads_at(Utc::now() + TimeDelta::hours(1));
    assert!(bot.get("/a").await.unwrap_err().retry_after().unwrap() <= Duration::from_secs(3600));
    assert_eq!(sandbox.requests().len(), 103);
    bot.resume_reads_at(Utc::now());
    assert_eq!(bot.get("/a").await.unwrap_err().status(), Some(429));
    assert_eq!(sandbox.requests().len(), 104);
}

/// A client of a bare socket that registers anyone, and answers reads with these bytes or not at all.
async fn reads_get(answer: Option<&'static str>) -> BotClient {
    let session = json!({
        "accessToken": "abc", "issuedAt": Utc::now(), "expiresAt": Utc::now() + TimeDelta::days(30), "users": [],
    })
    .to_string();
    let registered =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{session}", session.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            match (request.starts_with(b"POST"), answer) {
                (true, _) => socket.write_all(registered.as_bytes()).await.unwrap(),
                (false, Some(answer)) => socket.write_all(answer.as_bytes()).await.unwrap(),
                (false, None) => silent.push(socket),
            }
        }
    });
    // What is answered comes, however long it takes; what is not has to end in time.
    let timeout = Duration::from_millis(if answer.is_some_and(is_whole) { 120_000 } else { 300 });
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    let bot = builder.timeout(timeout).build().unwrap();
    // On a busy machine a registration takes longer than that now and then.
    while let Err(error) = bot.access_token().await {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    bot
}

/// Whether the body is as long as the response says.
fn is_whole(answer: &str) -> bool {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    head.contains(&format!("content-length: {}", body.len()))
}

#[tokio::test]
async fn a_redirect_is_a_response_and_not_followed() {
    let answer = "HTTP/1.1 302 Found\r\nlocation: https://example.com/\r\ncontent-length: 0\r\n\r\n";
    let bot = reads_get(Some(answer)).await;
    assert_eq!(bot.get("/a").await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_error_without_the_envelope_is_known_by_its_status() {
    let bot = reads_get(Some("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>")).await;
    let error = bot.get("/a").await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.code()), (ErrorKind::Unavailable, Some(502), None));
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_silent_read_ends_at_the_clients_timeout_or_at_the_requests_own() {
    let bot = reads_get(None).await;
    assert_eq!(bot.get("/a").await.unwrap_err().kind(), ErrorKind::Timeout);
    let mut own = Request::new(Method::GET, format!("{}/a", bot.api().baseurl()).parse().unwrap());
    *own.timeout_mut() = Some(Duration::from_millis(50));
    assert_eq!(bot.send(own).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn an_error_whose_body_never_ends_is_an_error_in_time() {
    let bot = reads_get(Some("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{")).await;
    assert_eq!(bot.get("/a").await.unwrap_err().status(), Some(403));
}

/// What came to a bare socket that registers anyone and then answers each request with the next of these, or the last.
async fn answering(answers: Vec<String>) -> (BotClient, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/tenant-a", listener.local_addr().unwrap());
    let came = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&came);
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        let (mut last, mut registrations) = (String::new(), 0);
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            let line = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
            let registers = line.starts_with("POST");
            noted.lock().unwrap().push(line.replace(" HTTP/1.1", ""));
            let answer = if registers {
                registrations += 1;
                let (token, now) = (format!("token-{registrations}"), Utc::now());
                let session = json!({
                    "accessToken": token, "issuedAt": now, "expiresAt": now + TimeDelta::days(30), "users": [],
                });
                let session = session.to_string();
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{session}", session.len())
            } else {
                last = answers.next().unwrap_or(last);
                last.clone()
            };
            let closing = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            socket.write_all(closing.as_bytes()).await.unwrap();
        }
    });
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    (builder.build().unwrap(), came)
}

const REGISTERED: &str = "POST /tenant-a/api/v5/sessions/bot";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_path_does_not_lead_out_of_the_base_url() {
    let (bot, came) = answering(vec![EMPTY.to_owned()]).await;
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
    ] {
        let error = bot.get(path).await.map(|read| read.url().clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{path}: {error}");
    }
    assert_eq!(*came.lock().unwrap(), [""; 0]);
    for path in ["/", "/x", "/a/../x?next=/../y", "/...", "/a..b", "//x"] {
        bot.get(path).await.unwrap();
    }
    let came = came.lock().unwrap().clone();
    assert_eq!(came[0], REGISTERED);
    assert!(came[1..].iter().all(|line| line.starts_with("GET /tenant-a/")), "{came:?}");
}

#[tokio::test]
async fn a_request_beside_the_base_url_gets_no_token() {
    let (bot, came) = answering(vec![EMPTY.to_owned()]).await;
    let beside = bot.api().baseurl().replace("tenant-a", "tenant-b/x");
    let error = bot.send(Request::new(Method::GET, beside.parse().unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(*came.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_for_a_head_request_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let head = bot.send(request(&sandbox, Method::HEAD, "/a")).await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(came(&sandbox), [REGISTRATION, "HEAD /a", REGISTRATION, "HEAD /a"]);
}

#[tokio::test]
async fn a_401_without_the_envelope_is_a_refused_token() {
    for body in ["", "<html>", "{}", "[]", r#"{"error":"expired"}"#] {
        let refused = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (bot, came) = answering(vec![refused.clone(), EMPTY.to_owned()]).await;
        bot.get("/a").await.unwrap_or_else(|error| panic!("{body}: {error}"));
        let read = "GET /tenant-a/a";
        assert_eq!(*came.lock().unwrap(), [REGISTERED, read, REGISTERED, read], "{body}");

        let (bot, came) = answering(vec![refused]).await;
        assert_eq!(bot.get("/a").await.unwrap_err().status(), Some(401));
        assert_eq!(*came.lock().unwrap(), [REGISTERED, read, REGISTERED, read], "{body}");
        // It may not be for the token, and a registration is not free.
        assert_eq!(bot.get("/a").await.unwrap_err().status(), Some(401));
        assert_eq!(came.lock().unwrap()[4..], [read], "{body}");
    }
    // A code that says something else of the user.
    let body = json!({ "status": "error", "code": 400_312 }).to_string();
    let banned = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (bot, came) = answering(vec![banned]).await;
    assert_eq!(bot.get("/a").await.unwrap_err().code(), Some(ErrorCode::USER_BANNED));
    assert_eq!(came.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_head_request_beyond_the_days_quota_closes_reads_like_any_other() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for _ in 0..100 {
        bot.get("/a").await.unwrap();
    }
    let error = bot.send(request(&sandbox, Method::HEAD, "/a")).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(429), Some(ErrorCode::DAILY_QUOTA_EXCEEDED)));
    let sent = sandbox.requests().len();
    assert_eq!(bot.get("/a").await.unwrap_err().status(), None);
    assert_eq!(sandbox.requests().len(), sent);
}

/// The refusal of a read once the day's are used up, with these headers.
fn used_up(headers: &str) -> String {
    let body = json!({ "status": "error", "code": 400_323, "message": "used up" }).to_string();
    format!("HTTP/1.1 403 Forbidden\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn reads_are_asked_for_again_within_minutes_of_the_first_refusal() {
    let (bot, came) = answering(vec![used_up(""), EMPTY.to_owned()]).await;
    let refused = bot.get("/a").await.unwrap_err();
    assert_eq!((refused.kind(), refused.status()), (ErrorKind::RateLimited, Some(403)));
    assert!(refused.retry_after().unwrap() <= Duration::from_secs(300), "{refused}");
    bot.resume_reads_at(Utc::now());
    bot.get("/a").await.unwrap();
    assert_eq!(came.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_the_service_says_of_when_reads_resume_is_believed() {
    let (bot, came) = answering(vec![used_up("retry-after: 3600\r\n")]).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(bot.get("/a").await.unwrap_err().retry_after(), Some(hour));
    let later = bot.get("/a").await.unwrap_err().retry_after().unwrap();
    assert!(later <= hour && later > hour / 2, "{later:?}");
    assert_eq!(came.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_day_of_a_refusal_is_told_by_the_services_clock() {
    for (date, wait) in [("23:59:00", 60), ("23:59:59", 1), ("12:00:00", 300)] {
        let (bot, _) = answering(vec![used_up(&format!("date: Sun, 01 Mar 2026 {date} GMT\r\n"))]).await;
        let refused = bot.get("/a").await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(wait)), "{date}");
    }
}
