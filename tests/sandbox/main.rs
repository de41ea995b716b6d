//! What the sandbox does, seen by a client that shares nothing with it but the wire.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::pin::pin;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATH: &str = "/api/v5/sessions/bot";

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

    let answer = Answer::of(plain().post(url(&sandbox, PATH)).json(&json!({ "deviceId": "a" }))).await;

    answer.refuses(401, 400_100);
    assert_eq!(answer.details(), ["x-api-key: missing (required)"]);
    assert_eq!(sandbox.violations(), ["x-api-key: missing (required)"]);
}

#[tokio::test]
async fn an_empty_key_is_unauthorized() {
    let sandbox = Sandbox::start().await.unwrap();

    let answer = Answer::of(
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

    let answer = Answer::of(post().header(CONTENT_TYPE, "text/plain")).await;
    answer.refuses(422, 500_000);
    assert_eq!(answer.details(), ["content-type: not application/json"]);
    Answer::of(post()).await.refuses(422, 500_000);
    assert_eq!(Answer::of(post().header(CONTENT_TYPE, "Application/JSON; charset=utf-8")).await.status, 200);
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

    Answer::of(plain().get(url(&sandbox, "/api/v3/posts"))).await.refuses(401, 400_100);
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
    let sandbox = Sandbox::builder().lifetime(TimeDelta::zero()).start().await.unwrap();

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
        async |token: &str| Answer::of(client.get(url(&sandbox, "/api/v4/posts")).bearer_auth(token)).await;

    for _ in 0..100 {
        assert_eq!(read(&mine).await.status, 200);
    }

    read(&mine).await.refuses(429, 400_323);
    read(&token(&sandbox).await).await.refuses(429, 400_323);
    assert_eq!(read(&others).await.status, 200);
}

#[tokio::test]
async fn a_status_comes_with_the_error_body_of_the_contract() {
    let sandbox = Sandbox::start().await.unwrap();
    let cases = [
        (400, 400_000),
        (401, 400_100),
        (403, 400_312),
        (404, 400_400),
        (422, 500_000),
        (429, 400_311),
        (500, 500_000),
        (503, 500_000),
    ];
    for (status, code) in cases {
        sandbox.fail_next(Fault::status(status));
        send(&sandbox, r#"{"deviceId":"a"}"#).await.refuses(status, code);
    }
}

#[tokio::test]
async fn an_impossible_status_becomes_500() {
    let sandbox = Sandbox::start().await.unwrap();

    for status in [0, 42, 100, 199, 1000] {
        sandbox.fail_next(Fault::status(status));
        send(&sandbox, r#"{"deviceId":"a"}"#).await.refuses(500, 500_000);
    }
}

#[tokio::test]
async fn any_answer_can_be_given() {
    let sandbox = Sandbox::start().await.unwrap();
    let envelope = r#"{"status":"error","code":400100,"message":"no"}"#;
    let cases = [
        (502, "text/html", "<html><h1>Bad gateway</h1></html>"),
        (200, "application/json", ""),
        (200, "application/json", r#"{"accessToken":"#),
        (200, "application/json", envelope),
        (418, "application/problem+json", r#"{"title":"I'm a teapot"}"#),
    ];
    for (status, content_type, body) in cases {
        sandbox.fail_next(Fault::answer(status, content_type, body));

        let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

        assert_eq!(answer.status, status);
        assert_eq!(answer.headers[CONTENT_TYPE], content_type);
        assert_eq!(answer.body, body.as_bytes());
    }
}

#[tokio::test]
async fn a_header_is_added_without_what_http_cant_carry() {
    let sandbox = Sandbox::start().await.unwrap();

    sandbox.fail_next(Fault::status(429).header(RETRY_AFTER, "1").header(RETRY_AFTER, "120\r\nx: y"));
    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    answer.refuses(429, 400_311);
    let values: Vec<_> = answer.headers.get_all(RETRY_AFTER).into_iter().collect();
    assert_eq!(values, ["120x: y"]);
}

#[tokio::test]
async fn a_header_cant_break_the_framing() {
    let sandbox = Sandbox::start().await.unwrap();
    let fault = Fault::answer(200, "text/plain", "hello");

    sandbox.fail_next(fault.clone().header(CONTENT_LENGTH, "1000"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.body, b"hello");
    sandbox.fail_next(fault.header(TRANSFER_ENCODING, "chunked"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.body, b"hello");
    sandbox.fail_next(Fault::answer(204, "text/plain", "hello"));
    assert_eq!(send(&sandbox, r#"{"deviceId":"a"}"#).await.headers.get(CONTENT_LENGTH), None);
}

#[tokio::test]
async fn a_delay_ends_in_the_usual_answer() {
    let sandbox = Sandbox::start().await.unwrap();
    let delay = Duration::from_millis(80);
    sandbox.fail_next(Fault::delay(delay));
    let start = Instant::now();

    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    assert_eq!(answer.status, 200);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn silence_stays_silent() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::silence());

    let mut answer = pin!(registration(&sandbox, r#"{"deviceId":"a"}"#).send());
    // Once the request has arrived, and some time after that.
    while sandbox.requests().is_empty() {
        assert!(timeout(Duration::from_millis(1), &mut answer).await.is_err());
    }
    assert!(timeout(Duration::from_millis(150), &mut answer).await.is_err());
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::reset());

    let error = raw(&sandbox, r#"{"deviceId":"a"}"#).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_answer_is_cut_short() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::cut_short());

    // It ends without an error: the connection is closed, not reset.
    let (head, body) = raw(&sandbox, r#"{"deviceId":"a"}"#).await.unwrap();

    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with(b"{\"accessToken\":\"ey"));

    sandbox.fail_next(Fault::cut_short());
    let answer = registration(&sandbox, r#"{"deviceId":"a"}"#).send().await.unwrap();
    let error = format!("{:?}", answer.bytes().await.unwrap_err());
    assert!(error.contains("IncompleteMessage") || error.contains("UnexpectedEof"), "{error}");
}

#[tokio::test]
async fn an_answer_is_oversized_with_and_without_an_announcement() {
    let sandbox = Sandbox::start().await.unwrap();
    let bytes = 5_000_001;
    for announced in [true, false] {
        sandbox.fail_next(Fault::oversized(bytes, announced));

        let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.len() as u64, bytes);
        assert_eq!(answer.json()["userType"], "bot");
        let length = answer.headers.get(CONTENT_LENGTH);
        assert_eq!(length, announced.then_some(&HeaderValue::from(bytes)));
    }
}

#[tokio::test]
async fn an_oversized_answer_is_made_while_it_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    // More than any machine holds.
    sandbox.fail_next(Fault::oversized(u64::MAX / 2, true));

    let mut answer = registration(&sandbox, r#"{"deviceId":"a"}"#).send().await.unwrap();

    assert_eq!(answer.content_length(), Some(u64::MAX / 2));
    assert!(answer.chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn a_redirect_says_where_to() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::redirect(307, "http://127.0.0.1:1/elsewhere"));

    let answer = send(&sandbox, r#"{"deviceId":"a"}"#).await;

    assert_eq!(answer.status, 307);
    assert_eq!(answer.headers[LOCATION], "http://127.0.0.1:1/elsewhere");
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_lifetime_can_be_anything() {
    let sandbox = Sandbox::start().await.unwrap();
    for lifetime in [TimeDelta::milliseconds(1500), TimeDelta::zero(), TimeDelta::hours(-2)] {
        sandbox.fail_next(Fault::lifetime(lifetime));

        let session = register(&sandbox, "a").await;

        assert_eq!(date(&session["expiresAt"]) - date(&session["issuedAt"]), lifetime);
    }
    for (endless, end) in [(TimeDelta::MAX, "9999-12-31T23:59:59Z"), (TimeDelta::MIN, "0000-01-01T00:00:00Z")]
    {
        sandbox.fail_next(Fault::lifetime(endless));
        // Other dates than these have more digits than the documented format has.
        assert_eq!(register(&sandbox, "a").await["expiresAt"], end);
    }
}

#[tokio::test]
async fn a_session_is_altered_and_a_refusal_is_not() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::altered(|session| session["accessToken"] = json!(null)));

    assert_eq!(register(&sandbox, "a").await["accessToken"], json!(null));
    send(&sandbox, "{}").await.refuses(422, 500_000);
}

#[tokio::test]
async fn faults_queue_up_before_the_standing_one() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::status(503));
    sandbox.fail_next(Fault::status(429));
    sandbox.fail_next(Fault::status(401));

    let status = async || send(&sandbox, r#"{"deviceId":"a"}"#).await.status;

    assert_eq!([status().await, status().await, status().await, status().await], [429, 401, 503, 503]);
    sandbox.fail_next(Fault::status(429));
    sandbox.recover();
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_fault_leaves_other_requests_alone() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.fail_always(Fault::status(503));

    assert_eq!(use_token(&sandbox, Method::GET, "/api/v4/posts", &token).await.status, 200);
}

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

#[tokio::test]
async fn a_dropped_sandbox_refuses_connections_at_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = address(&sandbox);

    drop(sandbox);

    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sandbox_cuts_its_connections() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::silence());
    let mut silent = TcpStream::connect(address(&sandbox)).await.unwrap();
    silent.write_all(wire(r#"{"deviceId":"a"}"#).as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(address(&sandbox)).await.unwrap();
    // Connections are taken in their order, so once this one is answered the sandbox has the others.
    Answer::of(plain().get(sandbox.base_url())).await.refuses(401, 400_100);

    drop(sandbox);

    for connection in [&mut silent, &mut idle] {
        let mut buffer = [0; 16];
        let end = timeout(Duration::from_secs(300), connection.read(&mut buffer)).await.unwrap();
        assert_eq!(end.unwrap_or(0), 0);
    }
}

#[test]
fn a_sandbox_ends_with_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let address = address(&sandbox);

    drop(runtime);

    assert_eq!(std::net::TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn sandboxes_share_nothing() {
    let (one, two) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    one.fail_always(Fault::status(503));

    assert_eq!(send(&one, r#"{"deviceId":"a"}"#).await.status, 503);
    assert_eq!(send(&two, r#"{"deviceId":"a"}"#).await.status, 200);
    assert_eq!((one.requests().len(), two.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_port_can_be_chosen_and_a_taken_one_is_an_error() {
    let free = Sandbox::start().await.unwrap();
    let port = address(&free).rsplit(':').next().unwrap().parse().unwrap();

    let error = Sandbox::builder().port(port).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);

    drop(free);
    let sandbox = Sandbox::builder().port(port).start().await.unwrap();
    assert_eq!(sandbox.base_url(), format!("http://127.0.0.1:{port}"));
}

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().into(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn details(&self) -> Vec<String> {
        serde_json::from_value(self.json()["data"]["detail"].clone()).unwrap()
    }

    #[track_caller]
    fn refuses(&self, status: u16, code: i64) {
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
        let body = self.json();
        assert_eq!((self.status, body["code"].as_i64()), (status, Some(code)), "{body}");
        assert_eq!(body["status"], "error");
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert!(!self.details().is_empty());
    }
}

/// A client that follows nothing, so that each answer is seen.
fn plain() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn url(sandbox: &Sandbox, path: &str) -> String {
    format!("{}{path}", sandbox.base_url())
}

fn address(sandbox: &Sandbox) -> String {
    sandbox.base_url().trim_start_matches("http://").to_owned()
}

fn registration(sandbox: &Sandbox, body: impl Into<String>) -> reqwest::RequestBuilder {
    plain()
        .post(url(sandbox, PATH))
        .header("x-api-key", "any-key")
        .header(CONTENT_TYPE, "application/json")
        .body(body.into())
}

async fn send(sandbox: &Sandbox, body: impl Into<String>) -> Answer {
    Answer::of(registration(sandbox, body)).await
}

async fn register(sandbox: &Sandbox, device: &str) -> Value {
    let answer = send(sandbox, json!({ "deviceId": device }).to_string()).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn token(sandbox: &Sandbox) -> String {
    register(sandbox, "crawler-1").await["accessToken"].as_str().unwrap().to_owned()
}

async fn use_token(sandbox: &Sandbox, method: Method, path: &str, token: &str) -> Answer {
    Answer::of(plain().request(method, url(sandbox, path)).bearer_auth(token)).await
}

/// A registration as bytes.
fn wire(body: &str) -> String {
    let length = body.len();
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: sandbox\r\nx-api-key: any-key\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Registers over a bare connection; gives head and body of what came until it was closed.
async fn raw(sandbox: &Sandbox, body: &str) -> std::io::Result<(String, Vec<u8>)> {
    let mut connection = TcpStream::connect(address(sandbox)).await?;
    connection.write_all(wire(body).as_bytes()).await?;
    let mut came = Vec::new();
    connection.read_to_end(&mut came).await?;
    let end = came.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = came.split_off(end);
    Ok((String::from_utf8(came).unwrap(), body))
}

/// The documented example of a body.
fn example(place: &str) -> Value {
    let contract: Value = serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap();
    let example = format!("{place}/content/application~1json/examples/documented/value");
    contract.pointer(&example).unwrap().clone()
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn date(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}
