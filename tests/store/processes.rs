//! Real processes that share a session through a real store.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

#[cfg(target_os = "linux")]
use serde_json::Value;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::task::JoinSet;

use crate::redis_server::Redis;

use crate::service;

/// The tool, with nothing from the environment of the tests.
pub fn token(sandbox: &Sandbox, store: &str, device: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_social-plus-bot"));
    command.env_clear().stdin(Stdio::null());
    // Windows finds its network library there.
    command.envs(std::env::var_os("SYSTEMROOT").map(|folder| ("SYSTEMROOT", folder)));
    command.args(["token", "--base-url", sandbox.base_url(), "--device-id", device, "--store", store]);
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
    command
}

pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[track_caller]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

/// Starts 16 processes at once on a cold store, ten times.
async fn start_together(mut store: impl FnMut(usize) -> String) {
    let sandbox = service::start().await.unwrap();
    // Long enough for all of them to come while the first one registers.
    sandbox.fail_always(Fault::delay(Duration::from_millis(200)));
    for round in 0..10 {
        let (store, device) = (store(round), format!("crawler-{round}"));
        let mut all = JoinSet::new();
        for _ in 0..16 {
            all.spawn(run(token(&sandbox, &store, &device)));
        }
        let tokens: HashSet<_> = all.join_all().await.iter().map(printed).collect();
        assert_eq!(tokens.len(), 1, "round {round}");
        assert_eq!(sandbox.requests().len(), round + 1, "round {round}");
    }
}

#[tokio::test]
async fn processes_that_start_together_on_a_cold_folder_make_one_registration() {
    let folder = tempfile::tempdir().unwrap();
    start_together(|round| folder.path().join(round.to_string()).to_str().unwrap().to_owned()).await;
}

#[tokio::test]
async fn processes_that_start_together_on_a_cold_redis_make_one_registration() {
    let redis = Redis::start(&[]);
    start_together(|_| redis.url()).await;
}

/// Runs `openssl` in `folder`.
fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("openssl is needed");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_redis_behind_tls_is_trusted_if_the_system_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path();
    fs::write(keys.join("names"), "subjectAltName=DNS:localhost").unwrap();
    openssl(keys, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca");
    openssl(keys, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    openssl(
        keys,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    let path = |name: &str| keys.join(name).to_str().unwrap().to_owned();
    let redis = Redis::start(&[
        "--tls-cert-file",
        &path("server.pem"),
        "--tls-key-file",
        &path("server.key"),
        "--tls-ca-cert-file",
        &path("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let store = format!("rediss://localhost:{}", redis.listen_for_tls());

    let sandbox = service::start().await.unwrap();
    let mut tokens = HashSet::new();
    for _ in 0..2 {
        let mut command = token(&sandbox, &store, "crawler-1");
        command.env("SSL_CERT_FILE", path("ca.pem"));
        tokens.insert(printed(&run(command).await));
    }
    assert_eq!(tokens.len(), 1);
    let stranger = run(token(&sandbox, &store, "crawler-1")).await;
    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("certificate"), "{}", text(&stranger.stderr));
    assert_eq!(sandbox.requests().len(), 1);
}

/// Ends the tool at each system call of writing in turn, as a power cut would, with an old session in place.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_each_step_of_writing_a_reader_sees_the_old_session_or_the_new_one() {
    const STEPS: [&str; 5] = ["write", "fsync", "rename", "renameat", "renameat2"];
    let sandbox = service::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("sessions");
    let store = folder.to_str().unwrap();
    let first = printed(&run(token(&sandbox, store, "crawler-1")).await);
    let path = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let path = path.into_iter().find(|path| path.extension().unwrap() == "json").unwrap();
    let mut old: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    // 24 days and 12 hours: to be renewed, and good for some days more.
    let received = old["newest"]["received_ms"].as_u64().unwrap() - 2_116_800_000;
    old["newest"]["received_ms"] = received.into();

    let (mut before, mut after) = (0, 0);
    for step in STEPS {
        for time in 1.. {
            fs::write(&path, old.to_string()).unwrap();
            let traced = token(&sandbox, store, "crawler-1");
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={step}")]);
            command.args(["-e", &format!("inject={step}:signal=KILL:when={time}")]);
            command.arg(traced.get_program()).args(traced.get_args());
            command.envs(traced.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let ended = run(command).await;

            let kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).expect("a whole session");
            let kept = kept["session"]["accessToken"].as_str().unwrap();
            let is_old = kept == first.trim_end();
            let next = printed(&run(token(&sandbox, store, "crawler-1")).await);
            assert!(is_old || next.trim_end() == kept, "{step} {time}");
            if ended.status.success() {
                break;
            }
            *if is_old { &mut before } else { &mut after } += 1;
            assert!(time < 100, "{}", text(&ended.stderr));
        }
    }
    println!("killed {before} times before the new session was there, {after} times after");
    assert!(before >= 3 && after >= 1, "{before} and {after}: the steps are not those of writing");
}

/// A file is on the disk before its name is, and the name before anybody relies on it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_session_is_synced_before_it_gets_its_name() {
    let sandbox = service::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let store = folder.path().join("sessions");
    let traced = token(&sandbox, store.to_str().unwrap(), "crawler-1");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o"]).arg(&trace);
    command.arg(traced.get_program()).args(traced.get_args());
    command.envs(traced.get_envs().filter_map(|(name, value)| Some((name, value?))));
    printed(&run(command).await);
    let trace = fs::read_to_string(trace).unwrap();
    let steps: Vec<_> = trace
        .lines()
        .filter(|line| line.contains("/sessions"))
        .filter(|line| !line.contains("device-id") && !line.contains(".lock"))
        .map(|line| line.split_whitespace().nth(1).unwrap().split('(').next().unwrap())
        .map(|step| if step.starts_with("rename") { "rename" } else { step })
        .collect();
    assert_eq!(steps, ["write", "fsync", "rename", "fsync"], "{trace}");
}
