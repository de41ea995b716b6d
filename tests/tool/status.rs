//! `status`: what is stored, for people and scripts.

use std::process::Command;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::fixture::{Fixture, printed};
use crate::process::{run, text, tool};

/// What is printed without a session.
async fn without_session(command: Command) -> Value {
    let output = run(command).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(5), ""));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["session"], Value::Null);
    status
}

fn names(lines: &str) -> Vec<&str> {
    lines.lines().map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[tokio::test]
async fn without_a_session_the_exit_status_is_5() {
    let fixture = Fixture::new().await;
    let status = without_session(fixture.tool("status")).await;
    assert_eq!(status["device"], Value::Null);

    let folder = fixture.state.path().join("sessions");
    let status = without_session(fixture.in_folder("status", &folder)).await;
    assert_eq!(status["device"], "crawler-1");
    assert_eq!(status["store"], folder.to_str().unwrap());

    printed(fixture.in_folder("token", &folder)).await;
    let mut another = fixture.tool("status");
    another.args(["--device-id", "crawler-2", "--store"]).arg(&folder);
    without_session(another).await;

    let mut command = fixture.tool("status");
    command.args(["--format", "text"]);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(names(text(&output.stdout)), ["store", "address", "region", "device", "session"]);
    assert_eq!(fixture.registrations(), 1);
}

#[tokio::test]
async fn status_tells_what_is_stored_but_not_the_token_and_asks_nobody() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let token = printed(fixture.in_folder("token", &folder)).await;
    let stored = printed(fixture.in_folder("status", &folder)).await;
    assert!(!stored.contains(token.trim_end()));
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let session = &stored["session"];
    let date = |name: &str| session[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!((date("expiresAt") - date("issuedAt")).num_days(), 30);
    assert_eq!((date("refreshDue") - date("issuedAt")).num_days(), 24);
    assert!(session["user"].is_string());

    let mut command = fixture.in_folder("status", &folder);
    command.args(["--format", "text"]);
    let lines = printed(command).await;
    let expected = ["store", "address", "region", "device", "user", "issued", "expires", "refresh"];
    assert_eq!(names(&lines), expected);
    assert_eq!(fixture.registrations(), 1);
}

#[tokio::test]
async fn status_shows_the_address_and_the_region_that_has_it() {
    let fixture = Fixture::new().await;
    let status = without_session(fixture.tool("status")).await;
    assert_eq!((&status["address"], &status["region"]), (&fixture.sandbox.base_url().into(), &Value::Null));

    for address in [["--region", "EU"], ["--base-url", "https://apix.eu.amity.co/"]] {
        let mut command = tool();
        command.arg("status").args(address).env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
        command.env("XDG_STATE_HOME", fixture.state.path());
        let status = without_session(command).await;
        assert_eq!(
            (&status["address"], &status["region"]),
            (&"https://apix.eu.amity.co".into(), &"eu".into())
        );
    }
}
