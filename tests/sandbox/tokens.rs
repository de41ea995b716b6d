//! What tokens of the sandbox may do.

use std::time::Duration;

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::json;
use social_plus_bot::sandbox::Sandbox;

use crate::requests::{Response, plain, register, token, url, use_token};

#[tokio::test]
async fn a_token_of_the_sandbox_may_read() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;

    let answer = use_token(&sandbox, Method::GET, "/api/v4/posts?limit=10", &token).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");

    let answer = use_token(&sandbox, Method::HEAD, "/api/v4/posts", &token).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[tokio::test]
async fn the_setting_that_ends_an_sdk_login_is_answered() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer =
        use_token(&sandbox, Method::GET, "/api/v3/network-settings/chat", &token(&sandbox).await).await;

    assert_eq!(answer.json(), json!({ "messagePreview": { "enabled": false } }));
}

#[tokio::test]
async fn no_token_is_unauthorized() {
    let sandbox = Sandbox::start().await.unwrap();

    Response::of(plain().get(url(&sandbox, "/api/v3/posts"))).await.refuses(401, 400_100);
}

#[tokio::test]
async fn a_forged_token_is_unauthorized() {
    let sandbox = Sandbox::start().await.unwrap();
    let elsewhere = Sandbox::start().await.unwrap();
    let good = token(&sandbox).await;
    let claims = good.split('.').nth(1).unwrap();

    let foreign = token(&elsewhere).await;
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    for forged in [foreign, unsigned, "nonsense".to_owned(), format!("{good}x")] {
        use_token(&sandbox, Method::GET, "/", &forged).await.refuses(401, 400_100);
    }
}

#[tokio::test]
async fn an_expired_token_is_unauthorized() {
    let sandbox = Sandbox::builder().lifetime(Duration::ZERO).start().await.unwrap();

    let answer = use_token(&sandbox, Method::GET, "/", &token(&sandbox).await).await;

    answer.refuses(401, 400_100);
    assert_eq!(answer.details(), ["authorization: expired"]);
}

#[tokio::test]
async fn revoked_tokens_are_unauthorized_and_new_ones_are_not() {
    let sandbox = Sandbox::start().await.unwrap();
    let old = token(&sandbox).await;

    sandbox.revoke_tokens();

    use_token(&sandbox, Method::GET, "/", &old).await.refuses(401, 400_100);
    assert_eq!(use_token(&sandbox, Method::GET, "/", &token(&sandbox).await).await.status, 200);
}

#[tokio::test]
async fn a_bot_may_not_write() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;

    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        use_token(&sandbox, method, "/api/v4/posts", &token).await.refuses(403, 403_998);
    }
}

#[tokio::test]
async fn the_101st_read_of_a_user_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let mine = token(&sandbox).await;
    let others = register(&sandbox, "another").await["accessToken"].as_str().unwrap().to_owned();
    let client = plain();
    let read =
        async |token: &str| Response::of(client.get(url(&sandbox, "/api/v4/posts")).bearer_auth(token)).await;

    for _ in 0..100 {
        assert_eq!(read(&mine).await.status, 200);
    }

    read(&mine).await.refuses(429, 400_323);
    read(&token(&sandbox).await).await.refuses(429, 400_323);
    assert_eq!(read(&others).await.status, 200);
}
