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
    let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");
    command.env("XDG_STATE_HOME", state).env("HOME", state).env("APPDATA", state);
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
