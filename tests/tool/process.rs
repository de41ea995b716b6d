//! The command line tool as a process, for the tests that run it.

use std::process::{Command, Output, Stdio};

/// The tool, without the settings and the kept sessions that the caller's environment may have.
pub fn tool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_social-plus-bot"));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SOCIAL_PLUS_"))
    {
        command.env_remove(name);
    }
    // A folder of nobody's: a test that keeps something names one of its own.
    let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-state");
    command.env("XDG_STATE_HOME", state).env("HOME", state);
    command.env("LOCALAPPDATA", state).env("USERPROFILE", env!("CARGO_TARGET_TMPDIR"));
    command.stdin(Stdio::null());
    command
}

pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[track_caller]
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The same for a process that may hang: it is killed after five minutes, and then has no exit status.
#[cfg(unix)]
#[allow(dead_code, reason = "not every test that runs the tool has one")]
pub async fn run_or_kill(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let process = child.id().to_string();
    let ends = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let mut ends = std::pin::pin!(ends);
    match tokio::time::timeout(std::time::Duration::from_secs(300), &mut ends).await {
        Ok(output) => output.unwrap(),
        Err(_) => {
            Command::new("kill").args(["-KILL", &process]).status().unwrap();
            ends.await.unwrap()
        }
    }
}
