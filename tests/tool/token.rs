//! `token` and `status`: a session that is kept between the runs of a tool, over the file store.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::failed::failed;
use crate::process::{run, text, tool};

/// A sandbox, and a state folder of its own for the tool.
struct Scene {
    sandbox: Sandbox,
    state: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self { sandbox: Sandbox::start().await.unwrap(), state: tempfile::tempdir().unwrap() }
    }

    fn tool(&self, command: &str) -> Command {
        let mut tool = tool();
        tool.args([command, "--base-url", self.sandbox.base_url()]);
        tool.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
        tool.env("XDG_STATE_HOME", self.state.path()).env("HOME", self.state.path());
        tool.env("APPDATA", self.state.path());
        tool
    }

    /// Runs it with a folder for its sessions.
    fn in_folder(&self, command: &str, folder: &Path) -> Command {
        let mut tool = self.tool(command);
        tool.args(["--device-id", "crawler-1", "--store"]).arg(folder);
        tool
    }

    fn registrations(&self) -> usize {
        self.sandbox.requests().len()
    }
}

/// What the tool printed, with nothing said on standard error.
async fn printed(command: Command) -> String {
    let output = run(command).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

/// Looks until something is so, and gives up after a minute.
async fn until(so: impl Fn() -> bool) {
    let looks = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looks).await.expect("it did not happen within a minute");
}

/// The one file of `folder` with this ending.
fn file(folder: &Path, ending: &str) -> std::path::PathBuf {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == ending)).unwrap()
}

/// Makes the kept session older by so much.
fn age(folder: &Path, by: TimeDelta) {
    let path = file(folder, "json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let received = record["received_ms"].as_i64().unwrap() - by.num_milliseconds();
    record["received_ms"] = received.into();
    fs::write(&path, record.to_string()).unwrap();
}

#[tokio::test]
async fn a_hundred_runs_make_one_registration_and_each_token_works() {
    let scene = Scene::new().await;
    let read = format!("{}/api/v4/posts", scene.sandbox.base_url());
    let http = reqwest::Client::new();
    for _ in 0..100 {
        let token = printed(scene.tool("token")).await;
        let answer = http.get(&read).bearer_auth(token.trim_end()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let came = scene.sandbox.requests();
    assert_eq!(came.iter().filter(|request| request.method() == http::Method::POST).count(), 1);
}

#[tokio::test]
async fn the_device_is_named_once_and_keeps_its_name() {
    let scene = Scene::new().await;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(run(scene.tool("register")));
    }
    assert!(all.join_all().await.iter().all(|output| output.status.success()));
    let names: Vec<_> = scene
        .sandbox
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(request.body()).unwrap()["deviceId"].clone())
        .collect();
    assert_eq!(names.len(), 8);
    assert!(names.iter().all(|name| name == &names[0]), "{names:?}");
    assert_eq!(names[0].as_str().unwrap().len(), "bot-".len() + 32);
}

#[tokio::test]
async fn a_session_that_is_due_is_renewed_and_an_old_one_bridges_an_outage() {
    let scene = Scene::new().await;
    let folder = scene.state.path().join("sessions");
    let first = printed(scene.in_folder("token", &folder)).await;
    age(&folder, TimeDelta::days(24));
    scene.sandbox.fail_always(Fault::status(401));
    assert_eq!(printed(scene.in_folder("token", &folder)).await, first);
    scene.sandbox.recover();
    let second = printed(scene.in_folder("token", &folder)).await;
    assert_ne!(second, first);
    assert_eq!(printed(scene.in_folder("token", &folder)).await, second);
    age(&folder, TimeDelta::days(31));
    scene.sandbox.fail_always(Fault::status(401));
    failed(&run(scene.in_folder("token", &folder)).await, 3);
}

#[tokio::test]
async fn status_tells_what_is_kept_but_not_the_token_and_asks_nobody() {
    let scene = Scene::new().await;
    let line = failed(&run(scene.tool("status")).await, 2);
    assert!(line.contains("device_id: no device has been named yet"), "{line}");

    let folder = scene.state.path().join("sessions");
    let nothing: Value = serde_json::from_str(&printed(scene.in_folder("status", &folder)).await).unwrap();
    assert_eq!((&nothing["device"], &nothing["session"]), (&"crawler-1".into(), &Value::Null));

    let token = printed(scene.in_folder("token", &folder)).await;
    let kept = printed(scene.in_folder("status", &folder)).await;
    assert!(!kept.contains(token.trim_end()));
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let session = &kept["session"];
    let date = |name: &str| session[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!((date("expiresAt") - date("issuedAt")).num_days(), 30);
    assert_eq!((date("renewalDue") - date("issuedAt")).num_days(), 24);
    assert!(session["user"].is_string());

    let mut command = scene.in_folder("status", &folder);
    command.args(["--format", "text"]);
    let lines = printed(command).await;
    let names: Vec<_> = lines.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["store", "device", "user", "issued", "expires", "renewal"]);
    assert_eq!(scene.registrations(), 1);
}

#[tokio::test]
async fn a_watched_file_always_holds_a_valid_token_and_nobody_else_can_read_it() {
    let sandbox = Sandbox::builder().lifetime(TimeDelta::seconds(2)).start().await.unwrap();
    let scene = Scene { sandbox, state: tempfile::tempdir().unwrap() };
    let watched = scene.state.path().join("token");
    let mut command = scene.tool("token");
    command.arg("--watch").arg(&watched).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();

    let read = format!("{}/api/v4/posts", scene.sandbox.base_url());
    let http = reqwest::Client::new();
    let mut last = String::new();
    for _ in 0..4 {
        until(|| fs::read_to_string(&watched).is_ok_and(|token| token != last)).await;
        last = fs::read_to_string(&watched).unwrap();
        assert!(last.ends_with('\n'), "half a token");
        let answer = http.get(&read).bearer_auth(last.trim_end()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
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
async fn watching_ends_with_an_error_that_time_will_not_mend() {
    let scene = Scene::new().await;
    let nowhere = scene.state.path().join("no/such/folder/token");
    let mut command = scene.tool("token");
    command.arg("--watch").arg(&nowhere);
    let line = failed(&run(command).await, 2);
    assert!(line.contains("no/such/folder/token"), "{line}");

    scene.sandbox.fail_always(Fault::status(401));
    let mut command = scene.in_folder("token", &scene.state.path().join("sessions"));
    command.arg("--watch").arg(scene.state.path().join("token"));
    failed(&run(command).await, 3);
}

#[tokio::test]
async fn watching_goes_on_through_an_outage() {
    let scene = Scene::new().await;
    scene.sandbox.fail_always(Fault::status(503));
    let watched = scene.state.path().join("token");
    let mut command = scene.tool("token");
    command.args(["--timeout", "1", "--watch"]).arg(&watched).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    until(|| scene.registrations() >= 3).await;
    assert!(!watched.exists());
    scene.sandbox.recover();
    until(|| watched.exists()).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_be_used_ends_with_an_error_that_names_it_and_the_way_out() {
    let scene = Scene::new().await;
    let file = scene.state.path().join("file");
    fs::write(&file, "").unwrap();
    for (store, said) in [
        (file.to_str().unwrap(), "it is not a folder; name one"),
        ("/proc/nowhere", "the folder can't be made"),
        ("ftp://example.com", "give a folder, or redis://HOST or rediss://HOST"),
        ("redis://localhost:99999", "not an address of a Redis server"),
        ("redis://:swordfish@localhost", "set SOCIAL_PLUS_STORE instead"),
    ] {
        for command in ["token", "status"] {
            let mut command = scene.tool(command);
            command.args(["--device-id", "x", "--store", store]);
            let line = failed(&run(command).await, 2);
            assert!(line.contains(said) && line.contains("store"), "{line}");
            assert!(!line.contains("swordfish"), "{line}");
        }
    }
    assert_eq!(scene.registrations(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn files_that_others_have_access_to_are_refused_until_that_is_mended() {
    use std::os::unix::fs::PermissionsExt;

    let scene = Scene::new().await;
    let folder = scene.state.path().join("sessions");
    let token = printed(scene.in_folder("token", &folder)).await;
    for (path, mode, status, mend) in
        [(folder.clone(), 0o755, 2, "chmod 700"), (file(&folder, "json"), 0o640, 1, "chmod 600")]
    {
        let right = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for command in ["token", "status"] {
            let line = failed(&run(scene.in_folder(command, &folder)).await, status);
            assert!(line.contains(mend) && line.contains(path.to_str().unwrap()), "{line}");
        }
        fs::set_permissions(&path, right).unwrap();
    }
    assert_eq!(printed(scene.in_folder("token", &folder)).await, token);
    assert_eq!(scene.registrations(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_somebody_else_is_refused() {
    let scene = Scene::new().await;
    let own = scene.state.path().join("sessions");
    fs::create_dir(&own).unwrap();
    // Who may not give folders away finds one of another user's.
    let given = std::os::unix::fs::chown(&own, Some(12_345), None).is_ok();
    let folder = if given { own.as_path() } else { Path::new("/usr") };
    let line = failed(&run(scene.in_folder("token", folder)).await, 2);
    assert!(line.contains("it belongs to user") && line.contains("name another place"), "{line}");
}

/// Runs the tool with a disk of 64 KiB, of which `used` bytes are used, or which can only be read.
#[cfg(target_os = "linux")]
fn on_a_small_disk(scene: &Scene, used: usize, options: &str) -> Command {
    let disk = scene.state.path().join("disk");
    fs::create_dir_all(&disk).unwrap();
    let whole = scene.in_folder("token", &disk);
    // A mount of its own, which is gone with the process.
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$1\" && head -c \"$2\" /dev/zero > \"$1/other\" \
        && mount -o \"remount,$3\" \"$1\" && shift 3 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(&disk).arg(used.to_string());
    command.arg(options).arg(whole.get_program()).args(whole.get_args());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_or_read_only_disk_is_told_with_the_way_out() {
    let scene = Scene::new().await;
    let line = failed(&run(on_a_small_disk(&scene, 65_536, "rw")).await, 1);
    assert!(line.contains("No space left on device") && line.contains("make room"), "{line}");
    let line = failed(&run(on_a_small_disk(&scene, 0, "ro")).await, 2);
    assert!(line.contains("it can't be written to: Read-only file system"), "{line}");
    assert!(run(on_a_small_disk(&scene, 0, "rw")).await.status.success());
}

#[tokio::test]
async fn a_sandbox_of_its_own_keeps_nothing() {
    let state = tempfile::tempdir().unwrap();
    let mut command = tool();
    command.args(["token", "--sandbox"]).env("XDG_STATE_HOME", state.path()).env("HOME", state.path());
    let token = printed(command).await;
    assert_eq!(token.trim_end().split('.').count(), 3, "{token}");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}
