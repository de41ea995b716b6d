//! Real processes that share a session through a real store, and die at any moment.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::task::JoinSet;

use crate::process::{run, text, tool};
use crate::redis_server::Redis;

fn token(sandbox: &Sandbox, store: &str, device: &str) -> Command {
    let mut command = tool();
    command.args(["token", "--base-url", sandbox.base_url(), "--device-id", device, "--store", store]);
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
    command
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

/// Starts 16 processes at once on a cold store, ten times.
async fn start_together(mut store: impl FnMut(usize) -> String) {
    let sandbox = Sandbox::start().await.unwrap();
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

/// Kills 200 processes, each at a random moment of its life, and lets a second one of the same device follow, which
/// has to find a session or make one, at the latest when the lease of the first one ends.
async fn die(store: &str) {
    let seed = fastrand::get_seed();
    println!("seed {seed}");
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::delay(Duration::from_millis(40)));
    let mut killed_in_time = 0;
    for batch in 0..10 {
        let mut all = JoinSet::new();
        for number in 0..20 {
            let device = format!("crawler-{batch}-{number}");
            let dies_after = Duration::from_millis(fastrand::u64(..400));
            let mut first = token(&sandbox, store, &device);
            // The lease lasts two seconds longer than a registration may.
            let mut second = token(&sandbox, store, &device);
            for command in [&mut first, &mut second] {
                command.args(["--timeout", "1"]);
            }
            all.spawn(async move {
                let mut process = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                tokio::time::sleep(dies_after).await;
                process.kill().unwrap();
                let in_time = !process.wait().unwrap().success();
                let follower = run(second).await;
                // Both have the same lease to wait for; beyond it the fault would be told.
                printed(&follower);
                in_time
            });
        }
        killed_in_time += all.join_all().await.into_iter().filter(|in_time| *in_time).count();
    }
    println!("{killed_in_time} of 200 were killed before they ended");
    assert!(killed_in_time > 50, "too few were killed in time");
}

/// The files whose names end so.
fn files(folder: &Path, ending: &str) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(ending)).count()
}

#[tokio::test]
async fn whoever_dies_leaves_no_file_that_blocks_or_misleads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("sessions");
    die(folder.to_str().unwrap()).await;
    assert_eq!(files(&folder, ".json"), 200);
    assert_eq!(files(&folder, ".lock"), 200);
    // What was half written has another name, and is never read.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 400 + files(&folder, ".new"));
}

#[tokio::test]
async fn whoever_dies_leaves_no_key_that_blocks_or_misleads() {
    let redis = Redis::start(&[]);
    die(&redis.url()).await;
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]);
    assert_eq!(keys.iter().filter(|key| key.ends_with(":session")).count(), 200);
    for key in &keys {
        assert!(redis.ask::<i64>(&["PTTL", key]) > 0, "{key} would stay for ever");
    }
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
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _: String = redis.ask(&["CONFIG", "SET", "tls-port", &free.to_string()]);
    let store = format!("rediss://localhost:{free}");

    let sandbox = Sandbox::start().await.unwrap();
    let mut tokens = HashSet::new();
    for _ in 0..2 {
        let mut command = token(&sandbox, &store, "crawler-1");
        command.env("SSL_CERT_FILE", path("ca.pem"));
        tokens.insert(printed(&run(command).await));
    }
    assert_eq!(tokens.len(), 1);
    let stranger = run(token(&sandbox, &store, "crawler-1")).await;
    assert!(stranger.status.success());
    assert!(text(&stranger.stderr).contains("certificate"), "{}", text(&stranger.stderr));
    assert!(!tokens.contains(text(&stranger.stdout)));
}

/// Ends the tool at each system call of writing in turn, as a power cut would, with an old session in place.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_each_step_of_writing_a_reader_sees_the_old_session_or_the_new_one() {
    const STEPS: [&str; 5] = ["write", "fsync", "rename", "renameat", "renameat2"];
    let sandbox = Sandbox::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("sessions");
    let store = folder.to_str().unwrap();
    let first = printed(&run(token(&sandbox, store, "crawler-1")).await);
    let path = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let path = path.into_iter().find(|path| path.extension().unwrap() == "json").unwrap();
    let mut old: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    // 24 days and 12 hours: to be renewed, and good for some days more.
    let received = old["received_ms"].as_u64().unwrap() - 2_116_800_000;
    old["received_ms"] = received.into();

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
    let sandbox = Sandbox::start().await.unwrap();
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
        .filter(|line| !line.contains("device-id"))
        .map(|line| line.split_whitespace().nth(1).unwrap().split('(').next().unwrap())
        .map(|step| if step.starts_with("rename") { "rename" } else { step })
        .collect();
    assert_eq!(steps, ["write", "fsync", "rename", "fsync"], "{trace}");
}
