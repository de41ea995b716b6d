//! Requests that are built step by step, and the header that authorizes them.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::{Serialize, Serializer};
use social_plus_bot::{BotClient, ErrorKind, RequestBuilder};

use crate::authorized::{REGISTRATION, received};
use crate::raw_service::reads_get;
use crate::service;

const KEY: &str = "b0e8a2c4d6f81357";

#[tokio::test]
async fn queries_and_headers_are_sent() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let more = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basic x"))]);
    let builder = bot
        .get("/api/v4/posts?a=1")
        .query(&[("targetId", "x&y=z"), ("options[limit]", "2")])
        .query(&[("b", 3)])
        .header("accept-language", "en")
        .headers(more);
    builder.await.unwrap();
    let requests = sandbox.requests();
    let sent = requests.last().unwrap();
    assert_eq!(sent.query(), Some("a=1&targetId=x%26y%3Dz&options%5Blimit%5D=2&b=3"));
    assert_eq!(sent.headers()["accept-language"], "en");
    let authorized: Vec<_> = sent.headers().get_all(AUTHORIZATION).iter().collect();
    let token = bot.access_token().await.unwrap();
    assert_eq!(authorized, [&format!("Bearer {}", token.expose_secret())]);
}

#[tokio::test]
async fn a_request_can_have_another_method() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let head = bot.request(Method::HEAD, "/a").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let request = bot.request(Method::OPTIONS, "/b").build().unwrap();
    assert_eq!((request.method(), request.url().path()), (&Method::OPTIONS, "/b"));
    assert_eq!(received(&sandbox), [REGISTRATION, "HEAD /a"]);
    assert_eq!(bot.reads_today(), 1);
}

#[tokio::test]
async fn a_request_has_its_own_timeout() {
    let bot = reads_get([], |builder| builder.timeout(Duration::from_secs(300))).await;
    let error = bot.get("/a").timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("the request's timeout"), "{error}");
}

/// A value that can't be part of a query, and says so with its content.
struct Quoted;

impl Serialize for Quoted {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format!("unusable: {KEY}")))
    }
}

#[tokio::test]
async fn what_can_not_be_sent_is_an_error_when_it_is_sent() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().api_key(KEY).build().unwrap();
    let requests: [fn(&BotClient) -> RequestBuilder; 5] = [
        |bot| bot.get("a"),
        |bot| bot.get("").query(&[("a", "b")]).timeout(Duration::from_secs(1)),
        |bot| bot.get("/a").header("not a name", KEY),
        |bot| bot.get("/a").header("name", format!("{KEY}\n")),
        |bot| bot.get("/a").query(&Quoted),
    ];
    for request in requests {
        let error = request(&bot).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let shown = format!("{error} {error:?} {:?}", request(&bot));
        assert!(!shown.contains(KEY), "{shown}");
        assert_eq!(request(&bot).build().unwrap_err().to_string(), error.to_string());
    }
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_query_is_not_shown_by_errors() {
    let bot = reads_get("not HTTP", |builder| builder.api_key(KEY)).await;
    let error = bot.get("/a").query(&[("key", KEY)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("/a") && !shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn the_future_of_a_request_can_be_spawned() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let (a, b) = (bot.get("/a"), bot.get("/b").into_future());
    drop(bot);
    tokio::spawn(a.send()).await.unwrap().unwrap();
    tokio::spawn(b).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_header_is_formatted_once_for_each_token() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let token = bot.access_token().await.unwrap();
    let headers = [bot.auth_headers().await.unwrap(), bot.auth_headers().await.unwrap()];
    for value in
        [token.header().unwrap(), headers[0][AUTHORIZATION].clone(), headers[1][AUTHORIZATION].clone()]
    {
        assert_eq!(value, format!("Bearer {}", token.expose_secret()));
        assert!(value.is_sensitive());
        // It is the memory that is wiped with the token.
        assert_eq!(value.as_bytes()["Bearer ".len()..].as_ptr(), token.expose_secret().as_ptr());
    }
    bot.register().await.unwrap();
    assert_ne!(bot.auth_headers().await.unwrap(), headers[0]);
}
