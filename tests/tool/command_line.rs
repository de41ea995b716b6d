//! The command line tool, run as a process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use chrono::DateTime;
use serde_json::{Value, json};
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::{Fault, Sandbox};

use crate::failed::failed;
use crate::fixture::{Fixture, printed};
use crate::process::{run, text, tool};

/// `register` with a sandbox of the test's own.
pub fn register(sandbox: &Sandbox) -> Command {
    register_as(sandbox, "crawler-1")
}

/// The same with a device id. A session of this device, or a failure, is stored for the next run.
fn register_as(sandbox: &Sandbox, device: &str) -> Command {
    let mut command = tool();
    command.args(["register", "--base-url", sandbox.base_url(), "--device-id", device]);
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
    command
}

#[tokio::test]
async fn register_prints_the_session_with_every_documented_required_field() {
    let mut command = tool();
    command.args(["register", "--sandbox"]);
    let output = run(command).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    let session: Value = serde_json::from_slice(&output.stdout).unwrap();
    let contract: Value = serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap();
    for (schema, value) in [("BotSession", &session), ("User", &session["users"][0])] {
        for name in contract["components"]["schemas"][schema]["required"].as_array().unwrap() {
            assert!(!value[name.as_str().unwrap()].is_null(), "{name} of {schema} is missing");
        }
    }
    let issued = DateTime::parse_from_rfc3339(session["issuedAt"].as_str().unwrap()).unwrap();
    let expires = DateTime::parse_from_rfc3339(session["expiresAt"].as_str().unwrap()).unwrap();
    assert_eq!((expires - issued).num_days(), 30);
}

#[tokio::test]
async fn register_can_print_for_people() {
    let mut command = tool();
    command.args(["register", "--sandbox", "--format", "text", "--device-id", "crawler-1"]);
    let output = run(command).await;
    let lines: Vec<_> =
        text(&output.stdout).lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(lines, ["user", "issued", "expires", "token"]);
}

#[tokio::test]
async fn the_environment_gives_what_no_option_does() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = tool();
    command.arg("register");
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8").env("SOCIAL_PLUS_BASE_URL", sandbox.base_url());
    command.env("SOCIAL_PLUS_DEVICE_ID", "from-the-environment");
    assert!(run(command).await.status.success());

    let mut command = register(&sandbox);
    command.env("SOCIAL_PLUS_DEVICE_ID", "from-the-environment").env("SOCIAL_PLUS_REGION", "mars");
    assert!(run(command).await.status.success());

    let ids: Vec<_> = sandbox
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(request.body()).unwrap()["deviceId"].clone())
        .collect();
    assert_eq!(ids, ["from-the-environment", "crawler-1"]);
}

#[tokio::test]
async fn the_key_can_come_from_a_file_or_from_standard_input() {
    let sandbox = Sandbox::builder().api_key("key-of-a-file").start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    // The second is what a shell of Windows writes.
    for content in ["key-of-a-file\n", "\u{feff}key-of-a-file\r\n"] {
        std::fs::write(&file, content).unwrap();
        let mut command = register(&sandbox);
        command.arg("--api-key-file").arg(file.path());
        assert!(run(command).await.status.success(), "{content:?}");
    }

    let mut command = register(&sandbox);
    command.args(["--api-key-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"key-of-a-file\n").unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_one_line() {
    for (arguments, said) in [
        (&["register", "--colour", "red"][..], "unexpected argument '--colour'"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&[], "requires a subcommand"),
        (&["register", "--timeout", "soon"], "invalid value 'soon' for '--timeout <SECONDS>'"),
        (&["register", "--timeout=-1"], "--timeout"),
        (&["register", "--format", "xml"], "[possible values: json, text]"),
        (&["register", "--sandbox", "--region", "us"], "cannot be used with"),
        (&["sandbox", "--port", "70000"], "--port"),
    ] {
        let mut command = tool();
        command.args(arguments);
        let line = failed(&run(command).await, 2);
        assert!(line.contains(said), "{said} is not in: {line}");
    }
}

#[tokio::test]
async fn wrong_configuration_ends_with_2_and_names_the_setting() {
    let long = "x".repeat(151);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (empty, endless) = (file("empty", ""), file("endless", &"x".repeat(70_000)));
    for (arguments, said) in [
        (&[][..], "error: no API key: set SOCIAL_PLUS_API_KEY, or give --api-key-file FILE"),
        (&["--api-key-file", "/nonexistent/key"], "--api-key-file /nonexistent/key: "),
        (&["--api-key-file", &empty], "--api-key-file: the key is empty"),
        (&["--api-key-file", &endless], ": too long for a key"),
    ] {
        let mut command = tool();
        command.arg("register").args(arguments);
        let line = failed(&run(command).await, 2);
        assert!(line.contains(said), "{said} is not in: {line}");
    }
    for (arguments, said) in [
        (
            &["--device-id", "crawler-1"][..],
            "no region: give --region or --base-url, or set SOCIAL_PLUS_REGION",
        ),
        (&["--region", "us", "--device-id", ""], "error: --device-id: must not be empty"),
        (&["--region", "us", "--device-id", &long], "error: --device-id: longer than 150 characters"),
        (&["--region", "mars", "--device-id", "x"], "error: --region: "),
        (&["--base-url", "http://example.com", "--device-id", "x"], "error: --base-url: plain http"),
        (
            &["--region", "us", "--device-id", "x", "--timeout", "0"],
            "error: --timeout: must be longer than zero",
        ),
    ] {
        let mut command = tool();
        command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8").arg("register").args(arguments);
        let line = failed(&run(command).await, 2);
        assert!(line.contains(said), "{said} is not in: {line}");
    }
    for (variable, value, said) in [
        ("SOCIAL_PLUS_REGION", "mars", "the regions are us, eu, sg"),
        ("SOCIAL_PLUS_DEVICE_ID", "", "must not be empty"),
        ("SOCIAL_PLUS_API_KEY", "two words", "the key contains"),
    ] {
        let mut command = tool();
        command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8").env("SOCIAL_PLUS_REGION", "us").arg("register");
        command.env("SOCIAL_PLUS_DEVICE_ID", "crawler-1").env(variable, value);
        let line = failed(&run(command).await, 2);
        assert!(line.starts_with(&format!("error: {variable}: ")) && line.contains(said), "{line}");
    }
}

#[tokio::test]
async fn two_addresses_in_the_environment_are_one_too_many() {
    let mut command = tool();
    command
        .arg("register")
        .env("SOCIAL_PLUS_REGION", "us")
        .env("SOCIAL_PLUS_BASE_URL", "https://example.com");
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8");
    assert!(failed(&run(command).await, 2).contains("unset one"));
}

#[tokio::test]
async fn the_status_tells_a_refusal_from_an_outage() {
    let sandbox = Sandbox::start().await.unwrap();
    for (fault, status, timeout) in [
        (Fault::status(401), 3, "60"),
        (Fault::status(422), 3, "60"),
        (Fault::status(503), 4, "60"),
        (Fault::status(429).header(http::header::RETRY_AFTER, "100"), 4, "60"),
        (Fault::silence(), 4, "1"),
        (Fault::answer(200, "text/html", "<p>"), 1, "60"),
        (Fault::redirect(302, "https://example.com"), 1, "60"),
    ] {
        let mut command = register_as(&sandbox, &format!("{fault:?}"));
        sandbox.fail_always(fault);
        command.args(["--timeout", timeout]);
        failed(&run(command).await, status);
    }
}

#[tokio::test]
async fn differences_from_the_contract_are_summed_up_and_listed_on_demand() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_always(Fault::altered(|answer| {
        answer["userType"] = "assistant".into();
        answer["mood"] = 1.into();
    }));
    let output = run(register(&sandbox)).await;
    let summary = "note: the response does not match the contract in 2 places";
    assert_eq!(text(&output.stderr), format!("{summary}; --verbose lists them\n"));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["userType"], "assistant");

    let mut command = register_as(&sandbox, "crawler-2");
    command.arg("--verbose");
    let output = run(command).await;
    let lines: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, &*format!("{summary}:")));
    assert!(lines.contains(&"note: /userType: a value that is not documented"), "{lines:?}");
}

#[tokio::test]
async fn a_sandbox_gets_the_device_id_of_the_environment() {
    let mut command = tool();
    command.args(["register", "--sandbox", "--format", "json"]).env("SOCIAL_PLUS_DEVICE_ID", "x".repeat(151));
    assert!(failed(&run(command).await, 2).contains("SOCIAL_PLUS_DEVICE_ID: longer than 150 characters"));
}

#[tokio::test]
async fn closing_the_output_early_is_not_an_error() {
    let mut command = tool();
    command.args(["register", "--sandbox"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

/// A stand-alone sandbox, ended when dropped.
struct Served(Child);

impl Served {
    fn start(arguments: &[&str]) -> (Self, BufReader<ChildStdout>) {
        let mut command = tool();
        command.arg("sandbox").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn sandbox_accepts_only_the_key_of_the_environment() {
    let mut command = tool();
    command.arg("sandbox").env("SOCIAL_PLUS_API_KEY", "this-one").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let _served = Served(child);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").expect(&line).to_owned();

    for (key, status) in [("this-one", 0), ("another", 3)] {
        let mut command = tool();
        command
            .args(["register", "--base-url", &address, "--device-id", "x"])
            .env("SOCIAL_PLUS_API_KEY", key);
        assert_eq!(run(command).await.status.code(), Some(status), "{key}");
    }

    let mut command = tool();
    command.arg("sandbox").env("SOCIAL_PLUS_API_KEY", "");
    assert_eq!(failed(&run(command).await, 2), "error: SOCIAL_PLUS_API_KEY: the key is empty");
}

#[tokio::test]
async fn sandbox_seeds_a_network_if_asked() {
    for (arguments, has_network) in [(&[][..], false), (&["--seed-network"], true)] {
        let (_served, mut out) = Served::start(arguments);
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").expect(&line);
        let builder = BotClient::builder().base_url(address).api_key("any").device_id("x");
        let response = builder.build().unwrap().get("/api/v3/users/ada").await.unwrap();

        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["users"].is_array(), has_network);
    }
}

#[tokio::test]
async fn sandbox_says_where_it_listens_and_serves_other_processes() {
    let (served, mut out) = Served::start(&[]);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").expect(&line).to_owned();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");

    let mut command = tool();
    command.args(["register", "--base-url", &address, "--device-id", "x"]).env("SOCIAL_PLUS_API_KEY", "any");
    assert!(run(command).await.status.success());

    let port = address.rsplit(':').next().unwrap();
    let mut command = tool();
    command.args(["sandbox", "--port", port]);
    let line = failed(&run(command).await, 2);
    assert!(line.contains(&format!("--port {port}: ")), "{line}");
    drop(served);
}

#[tokio::test]
async fn a_failure_has_its_status_although_nobody_reads_the_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = tool();
    command.args(["register", "--region", "mars"]).stdout(Stdio::null()).stderr(writer);
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(2));
}

/// glibc reads the file that `HOSTALIASES` names before it asks a server for a name without dots. Where that is a FIFO
/// that nobody writes to, it never gets to that.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test]
async fn a_name_that_is_never_resolved_does_not_keep_the_tool_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut command = tool();
    command.args(["register", "--timeout", "1", "--device-id", "x", "--base-url", "https://nowhere"]);
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8").env("HOSTALIASES", &fifo);
    let ended = crate::process::run_or_kill(command).await;
    let line = failed(&ended, 4);
    assert!(line.contains("no response from the service"), "{line}");
}

#[tokio::test]
async fn text_of_the_service_does_not_control_the_terminal() {
    let hostile = "bot\u{1b}[31m\r\n\u{9b}\u{202e}\u{2066}";
    let fixture = Fixture::new().await;
    let store = fixture.state.path().join("sessions");
    let is_plain = |text: &str| {
        text.chars().all(|shown| shown == '\n' || !shown.is_control() && !"\u{202e}\u{2066}".contains(shown))
    };
    for format in ["text", "json"] {
        fixture.sandbox.fail_next(Fault::altered(move |response| {
            response["users"][0]["userId"] = json!(hostile);
            response[format!("new{hostile}")] = json!(1);
        }));
        let mut register = fixture.in_folder("register", &store);
        register.args(["--verbose", "--format", format]);
        let output = run(register).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        for shown in [&output.stdout, &output.stderr] {
            assert!(is_plain(text(shown)), "{:?}", text(shown));
        }
        assert!(text(&output.stderr).contains("new"), "{}", text(&output.stderr));
        let mut status = fixture.in_folder("status", &store);
        status.args(["--format", format]);
        let shown = printed(status).await;
        assert!(is_plain(&shown) && shown.contains("bot"), "{shown:?}");
    }
    let fault =
        Fault::answer(422, "application/json", json!({ "code": 500_000, "message": hostile }).to_string());
    fixture.sandbox.fail_next(fault);
    let output = run(fixture.in_folder("register", &store)).await;
    assert!(
        is_plain(text(&output.stderr)) && text(&output.stderr).contains("bot"),
        "{:?}",
        text(&output.stderr)
    );
}
