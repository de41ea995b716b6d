//! `token --watch`: a file that always holds a valid token.

use std::fs;
#[cfg(target_os = "linux")]
use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::path::Path;
#[cfg(unix)]
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use social_plus_bot::sandbox::{Fault, Sandbox};

use crate::failed::failed;
#[cfg(unix)]
use crate::fixture::printed;
use crate::fixture::{Fixture, Watcher, until};
#[cfg(target_os = "linux")]
use crate::fixture::{on_a_small_disk, traced, within};
use crate::process::run;

#[tokio::test]
async fn a_watched_file_always_holds_a_valid_token_and_nobody_else_can_read_it() {
    let sandbox = Sandbox::builder().lifetime(Duration::from_secs(2)).start().await.unwrap();
    let fixture = Fixture { sandbox, state: tempfile::tempdir().unwrap() };
    let watched = fixture.state.path().join("token");
    let mut command = fixture.tool("token");
    command.arg("--watch").arg(&watched).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();

    let read = format!("{}/api/v4/posts", fixture.sandbox.base_url());
    let http = reqwest::Client::new();
    let mut last = String::new();
    for _ in 0..4 {
        until(|| fs::read_to_string(&watched).is_ok_and(|token| token != last)).await;
        // On a busy machine a token may end between reading and using it; then the file has the next one.
        let works = async {
            loop {
                last = fs::read_to_string(&watched).unwrap();
                assert!(last.ends_with('\n'), "half a token");
                let response = http.get(&read).bearer_auth(last.trim_end()).send().await.unwrap();
                if response.status() == 200 {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(300), works)
            .await
            .expect("the file has no token that works");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&watched).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn watching_ends_with_a_permanent_error() {
    let fixture = Fixture::new().await;
    let nowhere = fixture.state.path().join("no/such/folder/token");
    let mut command = fixture.tool("token");
    command.arg("--watch").arg(&nowhere);
    let line = failed(&run(command).await, 2);
    assert!(line.contains("no/such/folder/token"), "{line}");

    fixture.sandbox.fail_always(Fault::status(401));
    let mut command = fixture.in_folder("token", &fixture.state.path().join("sessions"));
    command.arg("--watch").arg(fixture.state.path().join("token"));
    failed(&run(command).await, 3);
}

#[tokio::test]
async fn watching_continues_through_an_outage() {
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_always(Fault::status(503));
    let watched = fixture.state.path().join("token");
    let mut command = fixture.tool("token");
    command.args(["--timeout", "1", "--watch"]).arg(&watched).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    until(|| fixture.registrations() >= 3).await;
    assert!(!watched.exists());
    fixture.sandbox.recover();
    until(|| watched.exists()).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_watched_file_that_is_removed_or_changed_is_written_again() {
    let fixture = Fixture::new().await;
    let watched = fixture.state.path().join("token");
    let _watcher = Watcher::start(fixture.watch(&watched));
    until(|| watched.exists()).await;
    let token = fs::read_to_string(&watched).unwrap();
    let is_back = || fs::read_to_string(&watched).is_ok_and(|now| now == token);
    fs::remove_file(&watched).unwrap();
    until(is_back).await;
    for content in ["", "another", &token.repeat(2)] {
        fs::write(&watched, content).unwrap();
        until(is_back).await;
    }
    #[cfg(unix)]
    {
        fs::remove_file(&watched).unwrap();
        assert!(Command::new("mkfifo").arg(&watched).status().unwrap().success());
        until(|| fs::metadata(&watched).is_ok_and(|now| now.is_file())).await;
    }
    assert_eq!(fixture.registrations(), 1);
}

#[tokio::test]
async fn watching_continues_through_a_maintenance_page_and_without_stderr() {
    let fixture = Fixture::new().await;
    let page = "<html>We will be back soon.</html>";
    fixture.sandbox.fail_always(Fault::answer(200, "text/html", page));
    let watched = fixture.state.path().join("token");
    let mut command = fixture.watch(&watched);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stderr(writer);
    let mut watcher = Watcher::start(command);
    until(|| fixture.registrations() >= 2).await;
    assert!(watcher.goes_on());
    fixture.sandbox.recover();
    until(|| watched.exists()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn watching_continues_while_the_disk_is_full() {
    let fixture = Fixture::new().await;
    let disk = fixture.state.path().join("disk");
    let watched = disk.join("token");
    let mut command = on_a_small_disk(&disk, &fixture.watch(&watched), 65_536, "rw");
    command.stderr(Stdio::piped());
    let mut watcher = Watcher::start(command);
    let notes = BufReader::new(watcher.0.stderr.take().unwrap());
    let told = tokio::task::spawn_blocking(move || {
        notes.lines().map_while(Result::ok).find(|note| note.contains("No space left on device"))
    });
    let told = told.await.unwrap().expect("it tells that the disk is full");
    assert!(told.starts_with("note: "), "{told}");
    assert!(watcher.goes_on());
    // Its mount is seen by itself only, and by who looks through its eyes.
    let seen = |path: &Path| {
        Path::new(&format!("/proc/{}/root", watcher.0.id())).join(path.strip_prefix("/").unwrap())
    };
    fs::remove_file(seen(&disk.join("other"))).unwrap();
    until(|| seen(&watched).exists()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_watcher_leaves_no_token_that_the_next_one_does_not_remove() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("watched");
    fs::create_dir(&folder).unwrap();
    let watched = folder.join("token");
    // So that the next file to be renamed is the watched one.
    printed(fixture.in_folder("token", &fixture.state.path().join("sessions"))).await;
    let killed = traced(&fixture.watch(&watched), "rename,renameat,renameat2:signal=KILL:when=1");
    assert!(!run(killed).await.status.success());
    let files = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    // Whether it was renamed by then is not said; what was left has the token in it.
    assert_eq!(files().len(), 1, "{:?}", files());
    let _watcher = Watcher::start(fixture.watch(&watched));
    until(|| files() == ["token"]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_save_that_was_given_up_does_not_replace_a_newer_session() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let watched = fixture.state.path().join("token");
    let unfinished = || {
        let names = fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.into_iter().any(|name| name.to_string_lossy().ends_with(".new"))
    };
    // Its session takes 8 s to get onto the disk, which is not waited for.
    let slow = traced(&fixture.watch(&watched), "fsync:delay_enter=8000000:when=1");
    let mut watcher = Watcher::start(slow);
    until(unfinished).await;
    let newer = printed(fixture.in_folder("token", &folder)).await;
    assert_eq!(fixture.registrations(), 2);
    until(|| !unfinished()).await;
    assert!(watcher.goes_on());
    assert_eq!(printed(fixture.in_folder("token", &folder)).await, newer);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_watched_file_stays_a_link_though_the_file_is_missing() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let (link, target) = (fixture.state.path().join("link"), folder.join("token"));
    let between = fixture.state.path().join("between");
    std::os::unix::fs::symlink("between", &link).unwrap();
    std::os::unix::fs::symlink("elsewhere/token", &between).unwrap();
    let mut watcher = Watcher::start(fixture.watch(&link));
    for _ in 0..2 {
        until(|| fs::metadata(&link).is_ok_and(|found| found.is_file())).await;
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link was replaced");
        assert!(fs::symlink_metadata(&between).unwrap().is_symlink(), "the second link was replaced");
        fs::remove_file(&target).unwrap();
    }
    assert!(watcher.goes_on());
    drop(watcher);

    fs::remove_file(&between).unwrap();
    std::os::unix::fs::symlink("link", &between).unwrap();
    let line = failed(&run(fixture.watch(&link)).await, 2);
    assert!(line.contains("too many links"), "{line}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_watched_file_that_others_can_read_is_made_private_again() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new().await;
    let watched = fixture.state.path().join("token");
    let token = printed(fixture.in_folder("token", &fixture.state.path().join("sessions"))).await;
    // As by `token > FILE`, before it was watched.
    fs::write(&watched, token).unwrap();
    let _watcher = Watcher::start(fixture.watch(&watched));
    for mode in [0o644, 0o640] {
        fs::set_permissions(&watched, fs::Permissions::from_mode(mode)).unwrap();
        until(|| fs::metadata(&watched).unwrap().permissions().mode() & 0o777 == 0o600).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_watcher_whose_unfinished_file_another_one_removed_goes_on() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("watched");
    fs::create_dir(&folder).unwrap();
    let watched = folder.join("token");
    printed(fixture.in_folder("token", &fixture.state.path().join("sessions"))).await;
    let unfinished =
        || fs::read_dir(&folder).unwrap().find(|entry| entry.as_ref().unwrap().file_name() != "token");
    // It has made its file, and is about to lock it.
    let slow = traced(&fixture.watch(&watched), "flock:delay_enter=4000000:when=1");
    let mut slow = Watcher::start(slow);
    until(|| unfinished().is_some()).await;
    fs::remove_file(unfinished().unwrap().unwrap().path()).unwrap();
    until(|| watched.exists()).await;
    assert!(slow.goes_on());
    assert!(unfinished().is_none());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_new_file_stays_locked_until_it_replaces_the_watched_one() {
    let fixture = Fixture::new().await;
    let watched = fixture.state.path().join("token");
    let log = fixture.state.path().join("log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-e", "trace=/^rename,flock,close", "-e", "signal=none", "-o"]).arg(&log);
    let _watcher = Watcher::start(within(strace, &fixture.watch(&watched)));
    let calls = || fs::read_to_string(&log).unwrap_or_default();
    let replaces = format!("\"{}\"", watched.display());
    until(|| calls().lines().any(|call| call.contains(&replaces))).await;
    let calls = calls();
    let new: Vec<_> =
        calls.lines().filter(|call| call.contains("/.token.") && call.contains(".new")).collect();
    assert!(new[0].contains("LOCK_EX"), "{new:#?}");
    assert!(new[1].contains("rename"), "it was unlocked or closed: {new:#?}");
}
