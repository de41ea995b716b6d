//! Which files a run leaves, above all one that fails.

use std::fs;
use std::path::Path;

use social_plus_bot::sandbox::Fault;

use crate::failed::failed;
use crate::fixture::{Fixture, printed};
use crate::process::{run, tool};

/// The paths of all files and folders below `folder`, in order. A fingerprint is shown as `*`.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            found.push(match path.rsplit_once('/') {
                Some((folder, name)) if name.len() > 32 && !name.contains('-') => {
                    format!("{folder}/*{}", &name[32..])
                }
                _ => path,
            });
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_run_with_an_invalid_setting_creates_nothing() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let text = |path: &str| state.join(path).to_str().unwrap().to_owned();
    let (sessions, nowhere) = (text("sessions"), text("no/such/folder/token"));
    let long = "x".repeat(151);
    let invalid: [&[&str]; 14] = [
        &["--region", "mars"],
        &["--region", "mars", "--device-id", "crawler-1", "--store", &sessions],
        &["--base-url", "http://example.com", "--store", &sessions],
        &["--region", "eu", "--device-id", "", "--store", &sessions],
        &["--region", "eu", "--device-id", &long],
        &["--region", "eu", "--device-id", "b0e8a2c4d6f8"],
        &["--region", "eu", "--timeout", "0"],
        &["--region", "eu", "--api-key-file", "/dev/null", "--store", &sessions],
        &["--region", "eu", "--api-key-file", &nowhere],
        &["--region", "eu", "--store", "ftp://example.com"],
        &["--region", "eu", "--store", "redis://localhost:99999"],
        &["--region", "eu", "--store", "redis://:swordfish@localhost"],
        &["--region", "eu", "--format", "xml"],
        &["--store", &sessions],
    ];
    let refused: [&[&str]; 2] = [
        &["--region", "eu", "--store", &sessions, "--refused", &nowhere],
        &["--region", "eu", "--store", &sessions, "--refused", "/dev/null"],
    ];
    let watched: [&[&str]; 2] = [
        &["--region", "eu", "--store", &sessions, "--watch", &nowhere],
        &["--region", "mars", "--watch", &text("token")],
    ];
    let runs =
        ["register", "token", "status"].into_iter().flat_map(|name| invalid.map(|options| (name, options)));
    for (name, options) in
        runs.chain(refused.map(|options| ("token", options))).chain(watched.map(|options| ("token", options)))
    {
        let mut command = tool();
        command.arg(name).args(options).env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
        command.env("XDG_STATE_HOME", state).env("HOME", state);
        failed(&run(command).await, 2);
        assert_eq!(below(state), [""; 0], "{name} {options:?}");
    }
}

#[tokio::test]
async fn a_failed_registration_leaves_the_device_id_and_the_failure_and_no_locks() {
    for (fault, status) in
        [(Fault::status(401), 3), (Fault::status(503), 4), (Fault::answer(200, "text/html", "<p>"), 1)]
    {
        for name in ["register", "token"] {
            let fixture = Fixture::new().await;
            fixture.sandbox.fail_always(fault.clone());
            let mut command = fixture.tool(name);
            command.args(["--timeout", "2"]);
            failed(&run(command).await, status);
            let left = ["social-plus-bot", "social-plus-bot/*.json", "social-plus-bot/device-id"];
            assert_eq!(below(fixture.state.path()), left, "{name} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_successful_run_leaves_the_device_id_and_the_session_and_no_locks() {
    let fixture = Fixture::new().await;
    let left = ["social-plus-bot", "social-plus-bot/*.json", "social-plus-bot/device-id"];
    for name in ["register", "token", "status"] {
        assert!(run(fixture.tool(name)).await.status.success());
        assert_eq!(below(fixture.state.path()), left, "{name}");
    }
}

#[tokio::test]
async fn an_unreachable_redis_leaves_only_the_device_id() {
    let fixture = Fixture::new().await;
    let mut command = fixture.tool("token");
    // A port that nobody listens to.
    command.args(["--store", "redis://127.0.0.1:1"]);
    failed(&run(command).await, 1);
    assert_eq!(below(fixture.state.path()), ["social-plus-bot", "social-plus-bot/device-id"]);
}

#[tokio::test]
async fn status_creates_nothing() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    for command in [fixture.tool("status"), fixture.in_folder("status", &folder)] {
        assert_eq!(run(command).await.status.code(), Some(5));
        assert_eq!(below(fixture.state.path()), [""; 0]);
    }
    // Nor does it where there is a session already.
    printed(fixture.in_folder("token", &folder)).await;
    let before = below(fixture.state.path());
    printed(fixture.in_folder("status", &folder)).await;
    assert_eq!(below(fixture.state.path()), before);
}
