//! The blocking client: its calls on a plain thread and on the threads of a Tokio runtime.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use reqwest::{Method, Request, StatusCode};
use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, ErrorCode, ErrorKind, blocking};
use tokio::runtime::{Builder, Runtime};

use crate::service;

/// A sandbox on its own runtime, since the test's thread has none.
struct Elsewhere {
    sandbox: Sandbox,
    _runtime: Runtime,
}

fn sandbox(lifetime: Duration) -> Elsewhere {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox = runtime.block_on(service::builder().lifetime(lifetime).start()).unwrap();
    Elsewhere { sandbox, _runtime: runtime }
}

fn registrations(sandbox: &Sandbox) -> usize {
    sandbox.requests().iter().filter(|request| request.method() == Method::POST).count()
}

#[test]
fn a_read_returns_status_headers_and_body() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(30 * 24 * 60 * 60));
    sandbox.stub_get("/api/v4/posts", json!({ "posts": [1, 2] }));
    let bot = sandbox.client().build_blocking().unwrap();
    let response = bot.get("/api/v4/posts").send().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.json::<Value>().unwrap(), json!({ "posts": [1, 2] }));
    assert_eq!(bot.get("/api/v4/posts").send().unwrap().text().unwrap(), r#"{"posts":[1,2]}"#);
    let request = Request::new(Method::GET, format!("{}/a", sandbox.base_url()).parse().unwrap());
    assert_eq!(bot.send(request).unwrap().bytes().unwrap(), b"{}");
    let error = bot.get("/api/v4/posts").send().unwrap().json::<Vec<u8>>().unwrap_err();
    assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::InvalidResponse, Some(200)));
    assert_eq!((bot.reads_today(), registrations(&sandbox)), (4, 1));
}

#[test]
fn a_body_can_be_read_after_the_client_is_dropped() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(30 * 24 * 60 * 60));
    let long = "x".repeat(8 << 20);
    sandbox.stub_get("/long", json!(long));
    let response = sandbox.client().build_blocking().unwrap().get("/long").send().unwrap();
    assert_eq!(response.json::<String>().unwrap(), long);
}

#[test]
fn threads_share_one_session() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(30 * 24 * 60 * 60));
    let bot = sandbox.client().build_blocking().unwrap();
    let tokens: HashSet<String> = thread::scope(|scope| {
        let ask = || bot.clone().access_token().unwrap().expose_secret().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((tokens.len(), registrations(&sandbox)), (1, 1));
    bot.invalidate(bot.session().unwrap().access_token());
    bot.session().unwrap();
    bot.register().unwrap();
    assert_eq!(registrations(&sandbox), 3);
}

#[test]
fn a_refresh_continues_between_calls() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(4));
    let bot = sandbox.client().build_blocking().unwrap();
    let session = bot.session().unwrap();
    while Utc::now() < session.refresh_due() {
        thread::sleep(Duration::from_millis(10));
    }
    bot.access_token().unwrap();
    let start = Instant::now();
    while registrations(&sandbox) < 2 {
        assert!(start.elapsed() < Duration::from_secs(300), "no refresh happened");
        thread::yield_now();
    }
}

#[test]
fn errors_are_those_of_the_async_client() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(30 * 24 * 60 * 60));
    let impatient = sandbox.client().timeout(Duration::from_millis(300)).build_blocking().unwrap();
    sandbox.fail_next(Fault::silence());
    assert_eq!(impatient.session().unwrap_err().kind(), ErrorKind::Timeout);
    sandbox.recover();
    let bot = sandbox.client().build_blocking().unwrap();
    assert_eq!(bot.get("a").send().unwrap_err().kind(), ErrorKind::InvalidInput);
    let write = Request::new(Method::POST, format!("{}/a", sandbox.base_url()).parse().unwrap());
    assert_eq!(bot.send(write).unwrap_err().code(), Some(ErrorCode::BOT_PERMISSION_DENIED));
    bot.resume_reads_at(Utc::now() + TimeDelta::hours(1));
    assert_eq!(bot.get("/a").send().unwrap_err().code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
    assert_eq!(sandbox.client().api_key("").build_blocking().unwrap_err().kind(), ErrorKind::Config);
}

/// A current-thread runtime, and a multi-thread one.
fn runtimes() -> [Runtime; 2] {
    let builders = [Builder::new_current_thread(), Builder::new_multi_thread()];
    builders.map(|mut builder| builder.worker_threads(2).enable_all().build().unwrap())
}

/// More than one task may receive without yielding.
const LONG: usize = 8 << 20;

/// Makes a call of each kind.
fn call(bot: &blocking::BotClient) {
    bot.register().unwrap();
    let session = bot.session().unwrap();
    assert_eq!(bot.access_token().unwrap(), *session.access_token());
    let text: String = bot.get("/long").query(&[("limit", 1)]).send().unwrap().json().unwrap();
    assert_eq!(text.len(), LONG);
}

#[test]
fn calls_work_in_spawn_blocking() {
    for runtime in runtimes() {
        runtime.block_on(async {
            // It runs on the same runtime.
            let sandbox = service::start().await.unwrap();
            sandbox.stub_get("/long", json!("x".repeat(LONG)));
            let bot = sandbox.client().build_blocking().unwrap();
            let caller = bot.clone();
            tokio::task::spawn_blocking(move || call(&caller)).await.unwrap();
            assert_eq!(bot.reads_today(), 1);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_work_in_block_in_place() {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get("/long", json!("x".repeat(LONG)));
    let bot = sandbox.client().build_blocking().unwrap();
    tokio::task::block_in_place(|| call(&bot));
    let task = tokio::spawn(async move { tokio::task::block_in_place(|| bot.session().map(drop)) });
    task.await.unwrap().unwrap();
}

#[test]
fn calls_in_async_code_block_its_thread() {
    let Elsewhere { sandbox, _runtime } = sandbox(Duration::from_secs(30 * 24 * 60 * 60));
    sandbox.stub_get("/long", json!("x".repeat(LONG)));
    for runtime in runtimes() {
        let bot = sandbox.client().build_blocking().unwrap();
        // Both in the future that the runtime blocks on, and in a task.
        runtime.block_on(async {
            call(&bot);
            tokio::spawn(async move { call(&bot) }).await.unwrap();
        });
    }
}

#[test]
fn a_call_that_blocks_its_own_service_times_out() {
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        let sandbox = service::start().await.unwrap();
        let bot = sandbox.client().timeout(Duration::from_millis(300)).build_blocking().unwrap();
        assert_eq!(bot.session().unwrap_err().kind(), ErrorKind::Timeout);
    });
}

#[test]
fn a_token_quoted_by_a_response_is_redacted() {
    let opaque = "0paque-token-0f-the-answer";
    let now = Utc::now();
    let session = json!({ "accessToken": opaque, "issuedAt": now, "expiresAt": now + TimeDelta::days(30) });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for body in [session, json!(opaque)] {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let (body, cookie) = (body.to_string(), format!("set-cookie: session={opaque}"));
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{cookie}\r\ncontent-length:");
            write!(socket, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    let response = builder.build_blocking().unwrap().get("/a").send().unwrap();
    let mut shown = format!("{response:?}");
    let error = response.json::<u32>().unwrap_err();
    shown += &format!(" {error} {error:?}");
    assert!(shown.contains("invalid type: string") && !shown.contains(opaque), "{shown}");
}

/// Starting a thread fails if there is not enough memory for its stack.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_failure_to_start_the_thread_is_an_error() {
    const STACK: &str = "RUST_MIN_STACK";
    if std::env::var_os(STACK).is_some_and(|size| size.len() > 15) {
        let error = BotClient::builder()
            .api_key("b0e8a2c4d6f8")
            .device_id("crawler-1")
            .base_url("http://127.0.0.1:1")
            .build_blocking()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Runtime);
        println!("an error: {error}");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "blocking::a_failure_to_start_the_thread_is_an_error", "--nocapture"])
        .env(STACK, "1152921504606846976")
        .output()
        .unwrap();
    let printed =
        String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && printed.contains("an error: runtime: "), "{printed}");
}
