//! What the tests of sessions that the tool keeps have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use social_plus_bot::sandbox::Sandbox;
use tempfile::TempDir;

use crate::process::{run, text, tool};

/// A sandbox, and a state folder of its own for the tool.
pub struct Fixture {
    pub sandbox: Sandbox,
    pub state: TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self { sandbox: Sandbox::start().await.unwrap(), state: tempfile::tempdir().unwrap() }
    }

    pub fn tool(&self, command: &str) -> Command {
        let mut tool = tool();
        tool.args([command, "--base-url", self.sandbox.base_url()]);
        tool.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
        tool.env("XDG_STATE_HOME", self.state.path()).env("HOME", self.state.path());
        tool.env("LOCALAPPDATA", self.state.path()).env("USERPROFILE", self.state.path());
        tool
    }

    /// Runs it with a folder for its sessions.
    pub fn in_folder(&self, command: &str, folder: &Path) -> Command {
        let mut tool = self.tool(command);
        tool.args(["--device-id", "crawler-1", "--store"]).arg(folder);
        tool
    }

    pub fn registrations(&self) -> usize {
        self.sandbox.requests().len()
    }
}

/// What the tool printed, with nothing said on standard error.
pub async fn printed(command: Command) -> String {
    let output = run(command).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

/// Looks until something is so, and gives up after five minutes.
pub async fn until(so: impl Fn() -> bool) {
    let looks = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(300), looks)
        .await
        .expect("it did not happen within five minutes");
}

/// The one file of `folder` with this ending.
pub fn file(folder: &Path, ending: &str) -> PathBuf {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == ending)).unwrap()
}

/// Runs the tool with a disk of 64 KiB, of which `used` bytes are used, or which can only be read.
#[cfg(target_os = "linux")]
pub fn on_a_small_disk(disk: &Path, whole: &Command, used: usize, options: &str) -> Command {
    fs::create_dir_all(disk).unwrap();
    // A mount of its own, which is gone with the process.
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$1\" && head -c \"$2\" /dev/zero > \"$1/other\" \
        && mount -o \"remount,$3\" \"$1\" && shift 3 && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(disk).arg(used.to_string());
    command.arg(options);
    within(command, whole)
}

/// Runs `whole` as the last arguments of `command`.
#[cfg(target_os = "linux")]
pub fn within(mut command: Command, whole: &Command) -> Command {
    command.arg(whole.get_program()).args(whole.get_args());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Runs `whole` and does something to its system calls.
#[cfg(target_os = "linux")]
pub fn traced(whole: &Command, inject: &str) -> Command {
    let mut command = Command::new("strace");
    let calls = inject.split(':').next().unwrap();
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={inject}")]);
    within(command, whole)
}

/// A process that is ended with the test.
pub struct Watcher(pub Child);

impl Watcher {
    pub fn start(mut command: Command) -> Self {
        // What it runs belongs to its group, and ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }

    pub fn goes_on(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        #[cfg(unix)]
        Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status().unwrap();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Fixture {
    /// Keeps a token in `watched`, with a folder for its sessions.
    pub fn watch(&self, watched: &Path) -> Command {
        let mut command = self.in_folder("token", &self.state.path().join("sessions"));
        command.args(["--timeout", "2", "--watch"]).arg(watched);
        command
    }
}
