//! What errors say: the cause, the service's message and details, and their limits.

use reqwest::{Method, Request};
use serde_json::json;
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, Error, ErrorKind};
use tokio::net::TcpListener;

use crate::refusals::{JSON, envelope, refused};

use crate::service;

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
        (407, ErrorKind::Rejected, "a proxy in front of the service requires authentication"),
        (425, ErrorKind::Unavailable, "the service does not accept a request this early in a connection"),
        (501, ErrorKind::Unavailable, "the service failed"),
        (511, ErrorKind::Unavailable, "the network requires a login"),
        (522, ErrorKind::Unavailable, "the gateway in front of the service can't reach it"),
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
async fn a_password_in_a_url_is_not_shown() {
    let bot = service::start().await.unwrap().client().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://reader:pass-word@{address}/a?b=qu-ery#frag-ment").parse().unwrap();
    let error = bot.http_client().execute(Request::new(Method::GET, url)).await.unwrap_err();
    let error = Error::from(error);
    let shown = format!("{error} {error:?} {:?}", with_sources(&error));
    assert!(shown.contains("127.0.0.1"), "{shown}");
    for secret in ["reader", "pass-word", "qu-ery", "frag-ment"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn details_and_message_have_limits() {
    let long = json!({ "a": vec!["x".repeat(400); 100], "b": "y".repeat(9000), "c": 1 });
    let (error, _) = refused(Fault::answer(422, JSON, envelope(500_000, &"z".repeat(9000), &long))).await;
    let lengths = |lines: &[String]| lines.iter().map(|line| line.chars().count()).collect::<Vec<_>>();
    assert_eq!(lengths(error.details()), [500, 500, 4], "{error}");
    assert_eq!(error.message().unwrap().chars().count(), 500);
}

/// With quadratic time, the search for secrets would take minutes.
#[tokio::test]
async fn secrets_are_searched_for_in_linear_time() {
    let headers = format!("{} %25252541", "eyJ".repeat(21_000));
    let token = format!("{}b", "a".repeat(16_000));
    let name = |number| format!("{}{number}%25252541", "a".repeat(60_000));
    let names = (0..16).map(|number| (name(number), json!(1)));
    let sandbox = service::start().await.unwrap();
    for (status, body) in [
        (422, json!({ "code": 500_000, "data": { "detail": vec![headers; 16] } })),
        (200, names.chain([("accessToken".to_owned(), json!(token))]).collect()),
    ] {
        sandbox.fail_always(Fault::answer(status, JSON, body.to_string()));
        let error = sandbox.client().build().unwrap().register().await.unwrap_err();
        assert_eq!(error.status().map(u16::from), Some(status));
    }
}
