//! The requests and violations that a sandbox keeps.

use http::Method;
use http::header::AUTHORIZATION;
use social_plus_bot::sandbox::{Fault, Sandbox};

use crate::requests::{PATH, plain, send, token, url, use_token};

#[tokio::test]
async fn violations_are_kept_even_when_a_fault_answers() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::status(503));

    send(&sandbox, "{}").await.refuses(503, 500_000);

    assert_eq!(sandbox.violations(), ["/deviceId: missing (required)"]);
}

#[tokio::test]
async fn requests_are_kept_as_they_came() {
    let sandbox = Sandbox::start().await.unwrap();
    send(&sandbox, r#"{"deviceId":"a"}"#).await;
    use_token(&sandbox, Method::DELETE, "/api/v4/posts/1?permanent=true", "secret-token").await;

    let requests = sandbox.requests();

    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method(), requests[0].path()), (&Method::POST, PATH));
    assert_eq!(requests[0].headers()["x-api-key"], "any-key");
    assert_eq!(requests[0].body(), br#"{"deviceId":"a"}"#);
    assert_eq!((requests[1].method(), requests[1].path()), (&Method::DELETE, "/api/v4/posts/1"));
    assert_eq!(requests[1].headers()[AUTHORIZATION], "Bearer secret-token");
}

#[tokio::test]
async fn nothing_secret_is_shown_by_debug() {
    let builder = Sandbox::builder().api_key("any-key");
    let shown_builder = format!("{builder:?}");
    let sandbox = builder.start().await.unwrap();
    let token = token(&sandbox).await;
    use_token(&sandbox, Method::GET, "/", &token).await;
    let fault = Fault::answer(200, "application/json", token.clone());

    for shown in [
        shown_builder,
        format!("{sandbox:?}"),
        format!("{:?}", sandbox.requests()),
        format!("{:?}", sandbox.requests()[1].headers()),
        format!("{fault:?}"),
    ] {
        assert!(!shown.contains("any-key") && !shown.contains(&token), "{shown}");
    }
}

#[tokio::test]
async fn the_last_thousand_requests_are_kept() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = plain();

    for number in 0..1003 {
        client.get(url(&sandbox, &format!("/{number}"))).send().await.unwrap();
    }

    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1000);
    assert_eq!(requests[0].path(), "/3");
}
