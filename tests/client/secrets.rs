//! Neither the key nor a token is shown: not in logs at level `TRACE`, not by `Debug` of any public type, and not in
//! errors that quote the service.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, Once};

use serde_json::json;
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{AccessToken, ApiKey, BotClient};
use tracing_subscriber::fmt::MakeWriter;

use crate::service;

const KEY: &str = "b0e8a2c4d6f81357";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl";

/// Everything that was logged or formatted.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<Vec<u8>>>);

impl Shown {
    pub fn show(&self, shown: &impl Debug) {
        self.say(&format!("{shown:?}\n{shown:#?}\n"));
    }

    fn say(&self, text: &str) {
        self.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }

    #[track_caller]
    pub fn assert_without(&self, secret: &str) {
        let shown = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        assert!(shown.len() > 100, "too little was shown: {shown}");
        if let Some(at) = shown.find(secret) {
            let from = shown[..at].rfind('\n').map_or(0, |line| line + 1);
            panic!("a secret is shown: {}", shown[from..].lines().next().unwrap_or_default());
        }
    }
}

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Shown {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs `work`, and records all events that crates log with `tracing` or `log`.
pub async fn logged<T>(shown: &Shown, work: impl Future<Output = T>) -> T {
    static LOG: Once = Once::new();
    LOG.call_once(|| tracing_log::LogTracer::init().unwrap());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(shown.clone()).finish();
    // All tasks of a test run on its thread, so those that `work` starts are logged too.
    let _logging = tracing::subscriber::set_default(subscriber);
    work.await
}

#[tokio::test]
async fn a_session_shows_neither_key_nor_token() {
    let sandbox = service::start().await.unwrap();
    let shown = Shown::default();
    let builder = sandbox.client().api_key(KEY);
    shown.show(&builder);
    let bot = builder.build().unwrap();
    sandbox.fail_next(Fault::status(503));
    sandbox.fail_next(Fault::altered(|response| response["new"] = json!(1)));
    let session = logged(&shown, bot.register()).await.unwrap();
    shown.show(&bot);
    shown.show(bot.api());
    shown.show(&session);
    shown.show(session.access_token());
    shown.show(session.body());
    shown.show(&sandbox.requests());
    shown.show(&sandbox);
    shown.assert_without(KEY);
    shown.assert_without(session.access_token().expose_secret());
}

#[cfg(feature = "file-store")]
#[tokio::test]
async fn a_shared_session_shows_neither_key_nor_token() {
    let sandbox = service::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("sessions");
    let shown = Shown::default();
    let store = social_plus_bot::store::FileStore::new(&folder).unwrap();
    shown.show(&store);
    let bot = sandbox.client().store(store).api_key(KEY).build().unwrap();
    let token = logged(&shown, bot.access_token()).await.unwrap();
    // Damage the stored session, so that the client detects and replaces it.
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        shown.say(&file.display().to_string());
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(!kept.contains(KEY), "the key is in {}", file.display());
        std::fs::write(&file, kept.replace("\"received_ms\"", "\"recieved_ms\"")).unwrap();
    }
    bot.invalidate(&token);
    let next = logged(&shown, bot.access_token()).await.unwrap();
    assert!(bot.store_faults().last.unwrap().to_string().contains("it is damaged"));
    let log = String::from_utf8_lossy(&shown.0.lock().unwrap()).into_owned();
    assert!(log.contains("the store failed"), "the task of the registration was not logged: {log}");
    shown.show(&(&bot, bot.store_faults(), bot.stored_session().await));
    shown.assert_without(KEY);
    shown.assert_without(token.expose_secret());
    shown.assert_without(next.expose_secret());
}

#[tokio::test]
async fn a_mismatch_is_logged_as_a_warning_once() {
    let sandbox = service::start().await.unwrap();
    let shown = Shown::default();
    sandbox.fail_next(Fault::status(503));
    sandbox.fail_always(Fault::altered(|response| response["userType"] = json!("assistant")));
    let bot = sandbox.client().build().unwrap();
    for _ in 0..3 {
        logged(&shown, bot.register()).await.unwrap();
    }
    let log = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("registration failed, retrying").count(), 1);
    let ours = || log.lines().filter(|line| line.contains("the response does not match the contract"));
    assert_eq!(ours().filter(|line| line.contains("WARN")).count(), 1, "{log}");
    assert_eq!(ours().filter(|line| line.contains("DEBUG")).count(), 2, "{log}");
    assert_eq!(log.matches("/userType: a value that is not documented").count(), 1);
}

#[tokio::test]
async fn secrets_quoted_by_the_service_are_redacted_in_errors() {
    let said = format!("the key {KEY} and the token {TOKEN} are unknown");
    let envelope =
        |detail| json!({ "status": "error", "code": 400_100, "message": said, "data": { "detail": detail } });
    let responses = [
        (401, envelope(json!([said]))),
        (422, envelope(json!({ KEY: TOKEN, "nested": [{ "a": said }] }))),
        (500, envelope(json!([[said]]))),
        (503, json!(said)),
        (200, json!({ "accessToken": [TOKEN], "issuedAt": said, "expiresAt": TOKEN, "users": KEY })),
        (
            200,
            json!({ "accessToken": TOKEN, "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": "2026-01-02T00:00:00Z" }),
        ),
        (200, json!(said)),
        (302, json!(said)),
    ];
    for (status, body) in responses {
        for body in [body.to_string(), format!("<p>{said}"), body.to_string().replace('}', "")] {
            let sandbox = service::start().await.unwrap();
            let shown = Shown::default();
            let bot = sandbox.client().api_key(KEY).build().unwrap();
            sandbox.fail_always(Fault::answer(status, "application/json", body.clone()));
            let error = logged(&shown, bot.register()).await.unwrap_err();
            shown.show(&error);
            shown.say(&error.to_string());
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                shown.say(&format!("{inner} {inner:?}"));
                cause = inner.source();
            }

            let bare =
                logged(&shown, bot.api().register_bot_session().body_map(|body| body.device_id("x")).send());
            let bare = bare.await;
            shown.show(&bare);
            shown.say(&bare.err().map(|error| format!("{error} {error:#}")).unwrap_or_default());
            shown.assert_without(KEY);
            shown.assert_without(TOKEN);
        }
    }
}

/// Everything that is shown of a failed registration, by the client and by the generated client.
async fn shown_of_a_registration(key: &str, fault: Fault) -> (Shown, Sandbox) {
    let (sandbox, shown) = (service::start().await.unwrap(), Shown::default());
    let bot = sandbox.client().api_key(key).build().unwrap();
    sandbox.fail_always(fault);
    let registered = logged(&shown, bot.register()).await;
    shown.show(&registered);
    shown.say(
        &registered
            .map(|session| format!("{:?}", session.schema_mismatches()))
            .unwrap_or_else(|e| e.to_string()),
    );
    let sent = bot.api().register_bot_session().body_map(|body| body.device_id("x")).send();
    let bare = logged(&shown, sent).await;
    shown.show(&bare);
    shown.say(&bare.err().map(|error| format!("{error} {error:#}")).unwrap_or_default());
    (shown, sandbox)
}

#[tokio::test]
async fn a_secret_in_a_field_name_is_redacted() {
    let odd = "b0e8~a2c4/d6f8%1357";
    let long = "b0e8a2c4d6f81357".repeat(8);
    for key in [KEY, odd, &*long] {
        for place in ["", "/users/0", "/users/0/hashFlag"] {
            let name = key.to_owned();
            let opaque = "0paque-token-0f-the-answer";
            let fault = Fault::altered(move |response| {
                response["accessToken"] = json!(opaque);
                response["users"][0]["hashFlag"] = json!({});
                let object = response.pointer_mut(place).unwrap().as_object_mut().unwrap();
                object.insert(name.clone(), json!(1));
                object.insert(format!("x-{name}"), json!(1));
                object.insert(TOKEN.to_owned(), json!(1));
                object.insert(opaque.to_owned(), json!(1));
            });
            let (shown, _sandbox) = shown_of_a_registration(key, fault).await;
            let pointer = key.replace('~', "~0").replace('/', "~1");
            for secret in [key, &pointer[..20.min(pointer.len() - 2)], &TOKEN[..40], opaque] {
                shown.assert_without(secret);
            }
        }
        let name = key.to_owned();
        let (shown, _sandbox) = shown_of_a_registration(
            key,
            Fault::altered(move |response| {
                response.as_object_mut().unwrap().remove("accessToken");
                response[&name] = json!(1);
            }),
        )
        .await;
        shown.assert_without(key);
        shown.assert_without(&key.replace('~', "~0").replace('/', "~1"));
    }
}

#[tokio::test]
async fn a_key_in_a_redirect_or_header_is_redacted() {
    let mixed = "B0e8A2c4D6f81357";
    for location in [
        format!("https://{mixed}.example.com/"),
        format!("https://example.com/?key={mixed}"),
        format!("//{mixed}"),
    ] {
        let (shown, _sandbox) = shown_of_a_registration(mixed, Fault::redirect(302, &location)).await;
        shown.assert_without(mixed);
        shown.assert_without(&mixed.to_lowercase());
    }
    for status in [401, 204] {
        let fault = Fault::answer(status, "application/json", "{}").header(http::header::WARNING, mixed);
        let (shown, _sandbox) = shown_of_a_registration(mixed, fault).await;
        shown.assert_without(mixed);
    }
}

#[tokio::test]
async fn a_key_of_digits_is_redacted_in_numbers() {
    for key in ["1357913579", "13579135791357913579135791357913", "0013579135"] {
        let number = key.trim_start_matches('0');
        let said = format!(
            r#"{{"status":"error","code":{number},"message":"m {key}","data":{{"detail":{{"key":{number},"n":[{number}],"f":{number}.0,"e":1e2}}}}}}"#
        );
        let (shown, _sandbox) =
            shown_of_a_registration(key, Fault::answer(422, "application/json", said)).await;
        shown.assert_without(number);
        shown.assert_without("1.35791357");
    }
}

#[tokio::test]
async fn a_token_quoted_by_an_endpoint_is_redacted() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    for token in ["0paque.token-~+/of=the$service", TOKEN] {
        let percent = token.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let said = [
            token.to_owned(),
            format!("session_{token}"),
            format!("Bearer%20{token}"),
            format!("token%3D{token}%26x"),
            format!("x{token}"),
            percent.clone(),
            percent.to_lowercase().replace('%', "%25"),
        ];
        let session = json!({
            "accessToken": token, "issuedAt": chrono::Utc::now(), "expiresAt": chrono::Utc::now() + chrono::TimeDelta::days(30),
        });
        let quoted = json!({ "status": "error", "code": 400_400, "message": said.join(", "),
            "data": { "detail": { token: said, "a": [token] } } });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    socket.read_buf(&mut request).await.unwrap();
                }
                let registers = request.starts_with(b"POST");
                let body = if registers { &session } else { &quoted }.to_string();
                let status = if registers { "200 OK" } else { "404 Not Found" };
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                socket.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        let bot = BotClient::builder().api_key(KEY).device_id("crawler-1").base_url(address).build().unwrap();
        let shown = Shown::default();
        let error = logged(&shown, bot.get("/a").send()).await.unwrap_err();
        shown.show(&error);
        shown.say(&error.to_string());
        assert!(error.message().unwrap().contains("[redacted]"), "{error}");
        for secret in [token, &percent, &percent.to_lowercase().replace('%', "%25"), &token[..12]] {
            shown.assert_without(secret);
        }
    }
}

#[test]
fn an_invalid_setting_that_may_be_secret_is_not_shown() {
    let shown = Shown::default();
    for key in ["half-a-secret\n", "half-a-secret\u{e9}"] {
        let builder = BotClient::builder().api_key(key);
        shown.show(&builder);
        shown.show(&builder.build().unwrap_err());
    }
    for url in
        ["https://me:half-a-secret@example.com", "https://example.com/?key=half-a-secret", "half-a-secret"]
    {
        let builder = BotClient::builder().api_key(KEY).base_url(url);
        shown.show(&builder);
        shown.show(&builder.build().unwrap_err());
    }
    shown.assert_without("half-a-secret");
}

#[test]
fn secrets_are_redacted_in_debug() {
    let key = ApiKey::try_from(KEY).unwrap();
    assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
    let token = AccessToken::from(TOKEN.to_owned());
    assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
}

#[cfg(feature = "schemars")]
#[test]
fn the_json_schema_of_a_token_is_a_named_string() {
    let schema = schemars::schema_for!(AccessToken).to_value();
    assert_eq!((&schema["title"], &schema["type"]), (&"AccessToken".into(), &"string".into()));
}

#[tokio::test]
async fn a_key_in_json_within_json_is_redacted() {
    let escaped: String = KEY.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let detail = json!({ "x": { "$serde_json::private::RawValue": format!("\"{escaped}\"") } });
    let said =
        json!({ "status": "error", "code": 500_000, "message": "it is wrong", "data": { "detail": detail } });
    let (shown, _sandbox) =
        shown_of_a_registration(KEY, Fault::answer(422, "application/json", said.to_string())).await;
    shown.assert_without(KEY);
}

#[tokio::test]
async fn a_token_in_the_url_of_a_failed_request_is_redacted() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let token = bot.access_token().await.unwrap();
    let address = format!("{}/file?token={}", sandbox.base_url(), token.expose_secret());
    drop(sandbox);
    let request = reqwest::Request::new(reqwest::Method::GET, address.parse().unwrap());
    let shown = Shown::default();
    let error = logged(&shown, bot.send(request)).await.unwrap_err();
    assert_eq!(error.kind(), social_plus_bot::ErrorKind::Unavailable);
    shown.show(&error);
    shown.assert_without(token.expose_secret());
}
