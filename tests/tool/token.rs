//! `token` and `status`: a session that is kept between the runs of a tool, over the file store.

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;
#[cfg(target_os = "linux")]
use std::process::Stdio;

use chrono::TimeDelta;
use serde_json::{Value, json};
use social_plus_bot::sandbox::Fault;
use tokio::task::JoinSet;

use crate::failed::failed;
use crate::fixture::{Fixture, file, printed};
#[cfg(target_os = "linux")]
use crate::fixture::{Watcher, on_a_small_disk, traced, until};
#[cfg(unix)]
use crate::process::run_or_kill;
use crate::process::{run, text, tool};

/// Makes the kept session older by so much.
fn age(folder: &Path, by: TimeDelta) {
    let path = file(folder, "json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let received = record["newest"]["received_ms"].as_i64().unwrap() - by.num_milliseconds();
    record["newest"]["received_ms"] = received.into();
    // The pause after a failed registration is over by then.
    record["failure"] = Value::Null;
    fs::write(&path, record.to_string()).unwrap();
}

#[tokio::test]
async fn a_hundred_runs_make_one_registration_and_each_token_works() {
    let fixture = Fixture::new().await;
    let read = format!("{}/api/v4/posts", fixture.sandbox.base_url());
    let http = reqwest::Client::new();
    for _ in 0..100 {
        let token = printed(fixture.tool("token")).await;
        let answer = http.get(&read).bearer_auth(token.trim_end()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let came = fixture.sandbox.requests();
    assert_eq!(came.iter().filter(|request| request.method() == http::Method::POST).count(), 1);
}

#[tokio::test]
async fn a_token_can_be_printed_with_the_time_that_it_expires() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let token = printed(fixture.in_folder("token", &folder)).await;
    let status: Value = serde_json::from_str(&printed(fixture.in_folder("status", &folder)).await).unwrap();
    let as_json = |refused: bool| {
        let mut command = fixture.in_folder("token", &folder);
        command.args(["--format", "json"]);
        if refused {
            let file = fixture.state.path().join("refused");
            fs::write(&file, &token).unwrap();
            command.arg("--refused").arg(file);
        }
        async { serde_json::from_str::<Value>(&printed(command).await).unwrap() }
    };
    let expected = json!({ "accessToken": token.trim_end(), "expiresAt": status["session"]["expiresAt"] });
    assert_eq!(as_json(false).await, expected);
    let replaced = as_json(true).await;
    assert_ne!(replaced["accessToken"], expected["accessToken"]);
    assert_eq!(as_json(false).await, replaced);

    let mut command = fixture.in_folder("token", &folder);
    command.args(["--format", "json", "--watch", "token"]);
    assert!(failed(&run(command).await, 2).contains("cannot be used with"));
}

#[tokio::test]
async fn the_device_is_named_once_and_keeps_its_name() {
    let fixture = Fixture::new().await;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(run(fixture.tool("register")));
    }
    assert!(all.join_all().await.iter().all(|output| output.status.success()));
    let names: Vec<_> = fixture
        .sandbox
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(request.body()).unwrap()["deviceId"].clone())
        .collect();
    assert!((1..=8).contains(&names.len()), "{names:?}");
    assert!(names.iter().all(|name| name == &names[0]), "{names:?}");
    assert_eq!(names[0].as_str().unwrap().len(), "bot-".len() + 32);
}

#[tokio::test]
async fn a_stale_session_is_refreshed_and_used_during_an_outage() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let first = printed(fixture.in_folder("token", &folder)).await;
    age(&folder, TimeDelta::days(24));
    fixture.sandbox.fail_always(Fault::status(401));
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, first);
    fixture.sandbox.recover();
    // There is a pause before the next attempt.
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, first);
    age(&folder, TimeDelta::hours(1));
    let second = printed(fixture.in_folder("token", &folder)).await;
    assert_ne!(second, first);
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, second);
    age(&folder, TimeDelta::days(31));
    fixture.sandbox.fail_always(Fault::status(401));
    failed(&run(fixture.in_folder("token", &folder)).await, 3);
}

#[tokio::test]
async fn an_unusable_store_is_an_error_with_its_name_and_advice() {
    let fixture = Fixture::new().await;
    let file = fixture.state.path().join("file");
    fs::write(&file, "").unwrap();
    for (store, said) in [
        (file.to_str().unwrap(), "it is not a folder"),
        (file.join("below").to_str().unwrap(), "the folder can't be created"),
        ("ftp://example.com", "use a folder, redis://HOST or rediss://HOST"),
        ("redis://localhost:99999", "not an address of a Redis server"),
        ("redis://:swordfish@localhost", "set SOCIAL_PLUS_STORE instead"),
        ("redis:/:swordfish@localhost", "invalid address; use redis://HOST"),
    ] {
        // A folder that does not exist has no session, and `status` does not create it.
        let commands = if store == "/proc/nowhere" { &["token"][..] } else { &["token", "status"] };
        for command in commands {
            let mut command = fixture.tool(command);
            command.args(["--device-id", "x", "--store", store]);
            let line = failed(&run(command).await, 2);
            assert!(line.contains(said) && line.contains("store"), "{line}");
            assert!(!line.contains("swordfish"), "{line}");
        }
    }
    assert_eq!(fixture.registrations(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_others_have_access_to_is_refused_and_such_a_file_replaced() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let token = printed(fixture.in_folder("token", &folder)).await;
    for mode in [0o755, 0o1777] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        for command in ["token", "status"] {
            let line = failed(&run(fixture.in_folder(command, &folder)).await, 2);
            assert!(line.contains("use another folder") && line.contains(folder.to_str().unwrap()), "{line}");
            assert!(!line.contains("chmod"), "{line}");
        }
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, token);
    assert_eq!(fixture.registrations(), 1);

    fs::set_permissions(file(&folder, "json"), fs::Permissions::from_mode(0o640)).unwrap();
    let output = run(fixture.in_folder("token", &folder)).await;
    assert!(output.status.success() && text(&output.stdout) != token);
    assert!(text(&output.stderr).contains("mode 0640"), "{}", text(&output.stderr));
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, text(&output.stdout));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_somebody_else_is_refused() {
    let fixture = Fixture::new().await;
    let own = fixture.state.path().join("sessions");
    fs::create_dir(&own).unwrap();
    // Who may not give folders away finds one of another user's.
    let given = std::os::unix::fs::chown(&own, Some(12_345), None).is_ok();
    let folder = if given { own.as_path() } else { Path::new("/usr") };
    let line = failed(&run(fixture.in_folder("token", folder)).await, 2);
    assert!(line.contains("it belongs to user") && line.contains("use another folder"), "{line}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_or_read_only_disk_is_reported_with_advice() {
    let fixture = Fixture::new().await;
    let disk = fixture.state.path().join("disk");
    let token = fixture.in_folder("token", &disk);
    let line = failed(&run(on_a_small_disk(&disk, &token, 65_536, "rw")).await, 1);
    assert!(line.contains("No space left on device") && line.contains("free some space"), "{line}");
    assert_eq!(fixture.registrations(), 0, "its session would not be stored");
    let line = failed(&run(on_a_small_disk(&disk, &token, 0, "ro")).await, 2);
    assert!(line.contains("it can't be written to: Read-only file system"), "{line}");
    assert!(run(on_a_small_disk(&disk, &token, 0, "rw")).await.status.success());
}

#[tokio::test]
async fn an_in_process_sandbox_stores_nothing() {
    let state = tempfile::tempdir().unwrap();
    let mut command = tool();
    command.args(["token", "--sandbox"]).env("XDG_STATE_HOME", state.path()).env("HOME", state.path());
    let token = printed(command).await;
    assert_eq!(token.trim_end().split('.').count(), 3, "{token}");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_cannot_be_synced_keeps_sessions_all_the_same() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let command = traced(&fixture.in_folder("token", &folder), "fsync:error=EINVAL:when=2+");
    let token = printed(command).await;
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, token);
    assert_eq!(fixture.registrations(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stopped_process_does_not_keep_its_lease_for_ever() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    fixture.sandbox.fail_always(Fault::silence());
    let mut command = fixture.in_folder("token", &folder);
    command.args(["--timeout", "5"]).stderr(Stdio::null());
    let stopped = Watcher::start(command);
    until(|| fixture.registrations() == 1).await;
    let process = stopped.0.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
    fixture.sandbox.recover();
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let mut command = fixture.in_folder("token", &folder);
        command.args(["--timeout", "5"]);
        all.spawn(printed(command));
    }
    let tokens = all.join_all().await;
    assert!(tokens.iter().all(|token| token == &tokens[0]), "{tokens:?}");
    assert_eq!(fixture.registrations(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn files_that_hang_do_not_keep_the_tool_from_ending() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let first = printed(fixture.in_folder("token", &folder)).await;
    let session = file(&folder, "json");
    fs::remove_file(&session).unwrap();
    fifo(&session);
    let output = run_or_kill(fixture.in_folder("token", &folder)).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_ne!(text(&output.stdout), first);
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, text(&output.stdout));

    printed(fixture.tool("token")).await;
    let name = fixture.state.path().join("social-plus-bot/device-id");
    fs::remove_file(&name).unwrap();
    fifo(&name);
    let line = failed(&run_or_kill(fixture.tool("token")).await, 2);
    assert!(line.contains("device-id"), "{line}");
}

/// Writes `token` to the standard input of `token --refused -`, and returns what is printed.
async fn after_refusal(fixture: &Fixture, folder: &Path, token: &str) -> String {
    let refused = fixture.state.path().join("refused");
    fs::write(&refused, token).unwrap();
    let mut command = fixture.in_folder("token", folder);
    command.args(["--refused", "-"]).stdin(fs::File::open(&refused).unwrap());
    printed(command).await
}

#[tokio::test]
async fn a_token_that_was_refused_is_replaced_once() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let first = printed(fixture.in_folder("token", &folder)).await;
    fixture.sandbox.revoke_tokens();
    let second = after_refusal(&fixture, &folder, &first).await;
    assert_ne!(second, first);
    // Who comes later with the same token gets the one after it, and so does who was not refused.
    assert_eq!(after_refusal(&fixture, &folder, &first).await, second);
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, second);
    assert_eq!(fixture.registrations(), 2);

    age(&folder, TimeDelta::hours(1));
    let refused = fixture.state.path().join("refused");
    fs::write(&refused, &second).unwrap();
    let mut command = fixture.in_folder("token", &folder);
    command.arg("--refused").arg(&refused);
    assert_ne!(printed(command).await, second);
}

#[tokio::test]
async fn register_notes_that_it_ends_the_stored_session_and_stores_the_new_one() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let first = printed(fixture.in_folder("token", &folder)).await;
    let output = run(fixture.in_folder("register", &folder)).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let note = text(&output.stderr);
    assert!(
        note.starts_with("note: this ends the stored session of device \"crawler-1\", valid until "),
        "{note}"
    );
    assert!(!note.contains(first.trim_end()) && note.lines().count() == 1, "{note}");
    let session: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stored = printed(fixture.in_folder("token", &folder)).await;
    assert_eq!(session["accessToken"], stored.trim_end());
    assert_eq!(fixture.registrations(), 2);
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_read_is_wrong_usage() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let empty = fixture.state.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    for (file, said) in [(empty.as_path(), "is empty"), (Path::new("/no/such/file"), "os error")] {
        let mut command = fixture.in_folder("token", &folder);
        command.arg("--refused").arg(file);
        let line = failed(&run(command).await, 2);
        assert!(line.contains("--refused") && line.contains(said), "{line}");
    }
    let mut command = fixture.in_folder("token", &folder);
    command.args(["--refused", "-", "--api-key-file", "-"]);
    let line = failed(&run(command).await, 2);
    assert!(line.contains("standard input"), "{line}");
    assert_eq!(fixture.registrations(), 0);
}

#[tokio::test]
async fn a_token_or_key_in_the_place_of_a_file_is_not_shown() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let token = printed(fixture.in_folder("token", &folder)).await;
    let token = token.trim_end();
    let long = token.repeat(10);
    for (option, secret) in [("--refused", token), ("--refused", &long), ("--api-key-file", "b0e8a2c4d6f8")] {
        let mut command = fixture.in_folder("token", &folder);
        command.args([option, secret]);
        let line = failed(&run(command).await, 2);
        assert!(line.contains(option) && !line.contains(secret), "{line}");
        assert!(line.contains("name of a file"), "{line}");
    }
    assert_eq!(fixture.registrations(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_a_script_has_locked_keeps_sessions_all_the_same() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    // As by `flock FOLDER social-plus-bot token --store FOLDER`, so that one runs at a time.
    let locked = fs::File::open(&folder).unwrap();
    locked.lock().unwrap();
    let token = printed(fixture.in_folder("token", &folder)).await;
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, token);
    assert_ne!(after_refusal(&fixture, &folder, &token).await, token);
    assert_eq!(fixture.registrations(), 2);
}
