//! The client as a middleware: what it does, and what other middlewares see.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use http::Extensions;
use http::header::AUTHORIZATION;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use serde_json::{Value, json};
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, BotClientBuilder, Error, ErrorCode, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::authorized::{REGISTRATION, received};
use crate::raw_service::reads_get;
use crate::service;

pub fn layered(bot: &BotClient) -> ClientWithMiddleware {
    ClientBuilder::new(bot.http_client().clone()).with(bot.clone()).build()
}

fn retrying(bot: &BotClient) -> ClientWithMiddleware {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::from_millis(1))
        .build_with_max_retries(3);
    let retries = RetryTransientMiddleware::new_with_policy(policy);
    ClientBuilder::new(bot.http_client().clone()).with(retries).with(bot.clone()).build()
}

/// The error of this crate within a middleware error.
fn ours(error: &reqwest_middleware::Error) -> &Error {
    Error::find(error).unwrap()
}

#[tokio::test]
async fn requests_are_sent_with_the_token() {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get("/api/v4/posts", json!({ "posts": [1, 2] }));
    let bot = sandbox.client().build().unwrap();
    let posts = layered(&bot).get(format!("{}/api/v4/posts", sandbox.base_url())).send().await.unwrap();
    assert_eq!(posts.json::<Value>().await.unwrap(), json!({ "posts": [1, 2] }));
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /api/v4/posts"]);
    assert_eq!(bot.reads_today(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_another_origin() {
    let (sandbox, elsewhere) = (service::start().await.unwrap(), service::start().await.unwrap());
    let bot = sandbox.client().build().unwrap();
    let error = layered(&bot).get(format!("{}/a", elsewhere.base_url())).send().await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Origin);
    let reqwest_middleware::Error::Middleware(error) = error else { panic!("{error}") };
    assert_eq!(error.downcast_ref::<Error>().unwrap().to_string(), error.to_string());
    // The layer of reqwest-retry passes on the source of our layer's error, and not the error.
    let error = retrying(&bot).get(format!("{}/a", elsewhere.base_url())).send().await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Origin);
    let wrapped = std::io::Error::other(error);
    assert_eq!(Error::find(&wrapped).map(Error::kind), Some(ErrorKind::Origin));
    assert_eq!(elsewhere.requests().len() + sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let url = format!("{}/a", sandbox.base_url());
    assert_eq!(layered(&bot).get(&url).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /a", REGISTRATION, "GET /a"]);

    let bot = sandbox.client().device_id("another").build().unwrap();
    sandbox.fail_always(Fault::altered(|response| response["accessToken"] = json!("forged")));
    let refused = layered(&bot).get(&url).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.extensions().get::<Error>().unwrap().kind(), ErrorKind::DeviceInUse);
    assert_eq!(received(&sandbox)[4..], [REGISTRATION, "GET /a", REGISTRATION, "GET /a"]);
    let error = layered(&bot).get(&url).send().await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::DeviceInUse);
}

#[tokio::test]
async fn an_error_response_carries_the_error_as_an_extension() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let refused = layered(&bot).post(format!("{}/a", sandbox.base_url())).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let error = refused.extensions().get::<Error>().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], 403_998);
}

#[tokio::test]
async fn a_used_up_quota_is_an_error_that_is_not_retried() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let client = layered(&bot);
    let url = format!("{}/a", sandbox.base_url());
    for _ in 0..100 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    let sent = sandbox.requests().len();
    let error = client.get(&url).send().await.unwrap_err();
    assert_eq!(ours(&error).code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
    assert!(ours(&error).retry_after().is_some());
    retrying(&bot).get(&url).send().await.unwrap_err();
    assert_eq!(sandbox.requests().len(), sent);
}

#[tokio::test]
async fn a_failed_registration_is_not_retried_by_a_retry_middleware() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    sandbox.fail_always(Fault::status(403));
    let error = retrying(&bot).get(format!("{}/a", sandbox.base_url())).send().await.unwrap_err();
    assert_eq!(ours(&error).code(), Some(ErrorCode::USER_BANNED));
    assert_eq!(received(&sandbox), [REGISTRATION]);
}

/// A client for a raw socket server that accepts each registration, and returns 503 for the first `times` reads.
async fn reads_fail(times: usize) -> BotClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut reads = 0;
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            let (status, body) = if request.starts_with(b"POST") {
                let expires = Utc::now() + TimeDelta::days(30);
                (
                    "200 OK",
                    json!({ "accessToken": "abc", "issuedAt": Utc::now(), "expiresAt": expires, "users": [] }),
                )
            } else {
                reads += 1;
                let failed = reads <= times;
                let token = String::from_utf8_lossy(&request).contains("authorization: Bearer abc\r\n");
                (
                    if failed { "503 Service Unavailable" } else { "200 OK" },
                    json!({ "token": token, "read": reads }),
                )
            };
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            socket.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address).build().unwrap()
}

#[tokio::test]
async fn a_retry_middleware_sees_failures_and_each_attempt_has_the_token() {
    let bot = reads_fail(2).await;
    let read = retrying(&bot).get(format!("{}/a", bot.base_url())).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    assert_eq!(read.json::<Value>().await.unwrap(), json!({ "token": true, "read": 3 }));
    assert_eq!(bot.reads_today(), 3);

    let bot = reads_fail(usize::MAX).await;
    let failed = retrying(&bot).get(format!("{}/a", bot.base_url())).send().await.unwrap();
    assert_eq!(failed.extensions().get::<Error>().unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!(failed.json::<Value>().await.unwrap(), json!({ "token": true, "read": 4 }));
}

/// Records the token of each request, if it has one, and the status of the response.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<Vec<Trace>>>);

type Trace = (Option<String>, u16);

#[async_trait::async_trait]
impl Middleware for Traces {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let token = request.headers().get(AUTHORIZATION).map(|token| format!("{token:?}"));
        let response = next.run(request, extensions).await?;
        self.0.lock().unwrap().push((token, response.status().as_u16()));
        Ok(response)
    }
}

#[tokio::test]
async fn outer_middlewares_see_no_token_and_inner_ones_see_it_marked_as_sensitive() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let (before, after) = (Traces::default(), Traces::default());
    let client = ClientBuilder::new(bot.http_client().clone())
        .with(before.clone())
        .with(bot.clone())
        .with(after.clone())
        .build();
    client.get(format!("{}/a", sandbox.base_url())).send().await.unwrap();
    let marked = Some("Sensitive".to_owned());
    assert_eq!(*before.0.lock().unwrap(), [(None, 200)]);
    assert_eq!(*after.0.lock().unwrap(), [(marked.clone(), 401), (marked, 200)]);
}

/// Adds an extension to each response.
struct Marks;

#[derive(Clone, Debug, PartialEq)]
struct Mark(&'static str);

#[async_trait::async_trait]
impl Middleware for Marks {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let mut response = next.run(request, extensions).await?;
        response.extensions_mut().insert(Mark("set by an inner middleware"));
        Ok(response)
    }
}

#[tokio::test]
async fn responses_keep_extensions_of_inner_middlewares() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let client = ClientBuilder::new(bot.http_client().clone()).with(bot.clone()).with(Marks).build();
    let url = format!("{}/a", sandbox.base_url());
    for (response, status) in [
        (client.get(&url).send().await.unwrap(), StatusCode::OK),
        (client.post(&url).send().await.unwrap(), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(response.status(), status);
        assert_eq!(
            response.extensions().get::<Mark>(),
            Some(&Mark("set by an inner middleware")),
            "{status}"
        );
        let service = response.remote_addr().map(|address| format!("http://{address}"));
        assert_eq!(service.as_deref(), Some(sandbox.base_url()), "{status}");
        assert_eq!(response.url().as_str(), url, "{status}");
        let announced = response.headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), announced, "{status}");
    }
}

fn error_of(bytes: usize) -> String {
    format!("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n")
}

#[tokio::test]
async fn an_error_body_beyond_the_limit_reaches_outer_middlewares_completely() {
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    // Even the smallest limit is enough for the registration's response.
    for limit in [200, 5000, body.len() - 1, body.len()] {
        let small = |builder: BotClientBuilder| builder.max_response_bytes(limit);
        for head in [error_of(body.len()), "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n".to_owned()] {
            let bot = reads_get([head.as_bytes(), &body].concat(), small).await;
            let read = layered(&bot).get(format!("{}/a", bot.base_url())).send().await.unwrap();
            assert_eq!(read.status(), StatusCode::NOT_FOUND);
            assert_eq!(read.extensions().get::<Error>().unwrap().status(), Some(StatusCode::NOT_FOUND));
            let received = read.bytes().await.unwrap();
            assert!(received == body, "{} of {} bytes with a limit of {limit}", received.len(), body.len());
        }
    }
}

#[tokio::test]
async fn outer_middlewares_see_an_incomplete_error_body_as_incomplete() {
    let bot = reads_get(error_of(100) + "{\"half\":", |builder| builder).await;
    let mut read = layered(&bot).get(format!("{}/a", bot.base_url())).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::NOT_FOUND);
    assert_eq!(read.chunk().await.unwrap().as_deref(), Some(&b"{\"half\":"[..]));
    assert!(read.chunk().await.is_err());
}

#[tokio::test]
async fn the_timeout_of_the_surrounding_client_counts() {
    let hour = |builder: BotClientBuilder| builder.timeout(Duration::from_secs(3600));
    let bot = reads_get([], hour).await;
    let strict = reqwest::Client::builder().timeout(Duration::from_millis(50)).build().unwrap();
    let client = ClientBuilder::new(strict).with(bot.clone()).build();
    let read = client.get(format!("{}/a", bot.base_url())).send();
    let error = tokio::time::timeout(Duration::from_secs(60), read).await.expect("it ends").unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test]
async fn the_clients_timeout_counts_on_its_own_connections() {
    let short = |builder: BotClientBuilder| builder.timeout(Duration::from_millis(300));
    let bot = reads_get([], short).await;
    let read = layered(&bot).get(format!("{}/a", bot.base_url())).send();
    let error = tokio::time::timeout(Duration::from_secs(60), read).await.expect("it ends").unwrap_err();
    assert!(error.is_timeout(), "{error}");
}
