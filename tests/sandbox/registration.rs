//! Registrations: what the contract documents, the key, the rules for requests, and users.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use chrono::TimeDelta;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use social_plus_bot::sandbox::Sandbox;

use crate::requests::{PATH, Response, date, example, names, plain, register, send, url};

#[tokio::test]
async fn the_documented_request_gets_every_documented_field() {
    let sandbox = Sandbox::start().await.unwrap();
    let documented = example("/paths/~1api~1v5~1sessions~1bot/post/requestBody");
    let expected = example("/paths/~1api~1v5~1sessions~1bot/post/responses/200");

    let answer = send(&sandbox, documented.to_string()).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let session = answer.json();
    assert_eq!(names(&session), names(&expected));
    let user = &session["users"][0];
    assert_eq!(names(user), names(&expected["users"][0]));
    assert_eq!(names(&user["hashFlag"]), names(&expected["users"][0]["hashFlag"]));
    assert_eq!(user["permissions"], json!([]));
    assert_eq!(session["users"].as_array().unwrap().len(), 1);
    assert_eq!(session["roles"], json!([]));
    assert_eq!(session["files"], json!([]));
    assert_eq!(session["userType"], "bot");
    assert_eq!(date(&session["expiresAt"]) - date(&session["issuedAt"]), TimeDelta::days(30));
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn its_own_client_registers_without_a_mismatch() {
    let sandbox = Sandbox::start().await.unwrap();

    let session = sandbox.client().build().unwrap().register().await.unwrap();

    assert_eq!(session.schema_mismatches(), []);
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn the_token_is_a_signed_jwt_of_user_and_device() {
    let sandbox = Sandbox::start().await.unwrap();

    let first = register(&sandbox, "crawler-1").await;
    let second = register(&sandbox, "crawler-1").await;

    let claims = |session: &Value| {
        let token = session["accessToken"].as_str().unwrap();
        assert_eq!(jsonwebtoken::decode_header(token).unwrap().alg, jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).unwrap()
    };
    let said = claims(&first);
    assert_eq!(said["userId"], first["users"][0]["userId"]);
    assert_eq!(said["deviceId"], "crawler-1");
    assert_eq!(said["iat"], date(&first["issuedAt"]).timestamp());
    assert_eq!(said["exp"], date(&first["expiresAt"]).timestamp());
    assert_ne!(said["jti"], claims(&second)["jti"]);
}

#[tokio::test]
async fn a_missing_key_is_unauthorized() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = Response::of(plain().post(url(&sandbox, PATH)).json(&json!({ "deviceId": "a" }))).await;

    answer.refuses(401, 400_100);
    assert_eq!(answer.details(), ["x-api-key: missing (required)"]);
    assert_eq!(sandbox.violations(), ["x-api-key: missing (required)"]);
}

#[tokio::test]
async fn an_empty_key_is_unauthorized() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = Response::of(
        plain().post(url(&sandbox, PATH)).header("x-api-key", "").json(&json!({ "deviceId": "a" })),
    )
    .await;

    answer.refuses(401, 400_100);
    assert_eq!(sandbox.violations(), ["x-api-key: empty (required)"]);
}

#[tokio::test]
async fn only_the_chosen_key_is_accepted() {
    let sandbox = Sandbox::builder().api_key("only-this-one").start().await.unwrap();

    send(&sandbox, r#"{"deviceId":"a"}"#).await.refuses(401, 400_100);
    sandbox.client().build().unwrap().register().await.unwrap();

    // Another key is no breach of the contract.
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn an_impossible_key_is_refused_at_the_start() {
    let error = Sandbox::builder().api_key("").start().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "api_key: the key is empty");
}

#[tokio::test]
async fn each_rule_of_the_request_is_checked_and_named() {
    let sandbox = Sandbox::start().await.unwrap();
    let kinds = r#"(enum ["ios","android","web","node"])"#;
    let cases = [
        (json!({}), "/deviceId: missing (required)".to_owned()),
        (json!({ "deviceId": "" }), "/deviceId: value is shorter than 1 character (minLength 1)".to_owned()),
        (
            json!({ "deviceId": "x".repeat(151) }),
            "/deviceId: value is longer than 150 characters (maxLength 150)".to_owned(),
        ),
        (json!({ "deviceId": 7 }), r#"/deviceId: value is not of type "string" (type "string")"#.to_owned()),
        (
            json!({ "deviceId": null }),
            r#"/deviceId: value is not of type "string" (type "string")"#.to_owned(),
        ),
        (
            json!({ "deviceId": "a", "deviceInfo": "web" }),
            r#"/deviceInfo: value is not of type "object" (type "object")"#.to_owned(),
        ),
        (
            json!({ "deviceId": "a", "deviceInfo": { "kind": "toaster" } }),
            format!(
                r#"/deviceInfo/kind: value is not one of "ios", "android" or 2 other candidates {kinds}"#
            ),
        ),
        (
            json!({ "deviceId": "a", "deviceInfo": { "model": "m".repeat(301) } }),
            "/deviceInfo/model: value is longer than 300 characters (maxLength 300)".to_owned(),
        ),
        (
            json!({ "deviceId": "a", "deviceInfo": { "sdkVersion": "1".repeat(31) } }),
            "/deviceInfo/sdkVersion: value is longer than 30 characters (maxLength 30)".to_owned(),
        ),
        (json!([]), r#"body: value is not of type "object" (type "object")"#.to_owned()),
    ];
    for (body, rule) in &cases {
        let answer = send(&sandbox, body.to_string()).await;

        answer.refuses(422, 500_000);
        assert_eq!(answer.details(), [rule.as_str()], "{body}");
    }
    assert_eq!(sandbox.violations(), cases.map(|(_, rule)| rule));
}

#[tokio::test]
async fn each_violation_is_a_line() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({ "deviceId": "", "deviceInfo": { "kind": 1, "sdkVersion": "1".repeat(31) } });

    let answer = send(&sandbox, body.to_string()).await;

    let places: BTreeSet<_> =
        answer.details().iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    assert!(
        places.is_superset(
            &["/deviceId", "/deviceInfo/kind", "/deviceInfo/sdkVersion"].map(String::from).into()
        )
    );
}

#[tokio::test]
async fn lengths_are_counted_in_code_points() {
    let sandbox = Sandbox::start().await.unwrap();

    assert_eq!(send(&sandbox, json!({ "deviceId": "é".repeat(150) }).to_string()).await.status, 200);
    send(&sandbox, json!({ "deviceId": "é".repeat(151) }).to_string()).await.refuses(422, 500_000);
}

#[tokio::test]
async fn an_unknown_field_is_allowed() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = send(&sandbox, json!({ "deviceId": "a", "colour": "blue" }).to_string()).await;

    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = send(&sandbox, r#"{"deviceId":"#).await;

    answer.refuses(422, 500_000);
    assert!(answer.details()[0].starts_with("body: not JSON"), "{:?}", answer.details());
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = r#"{"deviceId":"a"}"#;
    let post = || plain().post(url(&sandbox, PATH)).header("x-api-key", "any").body(body);

    let answer = Response::of(post().header(CONTENT_TYPE, "text/plain")).await;
    answer.refuses(422, 500_000);
    assert_eq!(answer.details(), ["content-type: not application/json"]);
    Response::of(post()).await.refuses(422, 500_000);
    assert_eq!(
        Response::of(post().header(CONTENT_TYPE, "Application/JSON; charset=utf-8")).await.status,
        200
    );
}

#[tokio::test]
async fn an_endless_body_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = send(&sandbox, json!({ "deviceId": "a", "more": "x".repeat(3_000_000) }).to_string()).await;

    answer.refuses(413, 400_000);
    assert_eq!(answer.details(), ["body: longer than 65536 bytes"]);
    assert_eq!(sandbox.requests()[0].body().len(), 65536);
}

#[tokio::test]
async fn the_same_device_stays_the_same_user() {
    let sandbox = Sandbox::start().await.unwrap();

    let first = register(&sandbox, "crawler-1").await;
    let again = register(&sandbox, "crawler-1").await;
    let other = register(&sandbox, "crawler-2").await;

    assert_eq!(first["users"][0], again["users"][0]);
    assert_ne!(first["accessToken"], again["accessToken"]);
    assert_ne!(first["users"][0]["userId"], other["users"][0]["userId"]);
}

#[tokio::test]
async fn a_device_is_another_user_under_another_key() {
    let sandbox = Sandbox::start().await.unwrap();
    let under = async |key: &str| {
        let bot = sandbox.client().api_key(key).build().unwrap();
        bot.register().await.unwrap().user().unwrap().user_id.clone()
    };

    assert_ne!(under("network-1").await, under("network-2").await);
}
