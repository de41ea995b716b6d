//! The examples, run as processes against a sandbox.
//!
//! `render` and `testing` have tests of their own.

use std::env;
use std::process::{Command, Output};

use social_plus_bot::ErrorCode;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tempfile::TempDir;

/// It says how to run them with a sandbox.
const README: &str = include_str!("../examples/README.md");

/// A sandbox with a network, and a state folder.
struct Fixture {
    sandbox: Sandbox,
    state: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let sandbox = Sandbox::builder().seed_network().start().await.unwrap();
        Self { sandbox, state: tempfile::tempdir().unwrap() }
    }

    /// The program of an example, with settings for the sandbox. It is built with the tests, in a folder beside them.
    fn example(&self, name: &str) -> Command {
        let mut path = env::current_exe().unwrap();
        path.pop();
        path.set_file_name("examples");
        path.push(format!("{name}{}", env::consts::EXE_SUFFIX));
        assert!(
            path.exists(),
            "{} is missing; build it with `cargo build --examples --all-features`",
            path.display()
        );
        let mut command = Command::new(path);
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("SOCIAL_PLUS_") {
                command.env_remove(variable);
            }
        }
        let state = self.state.path();
        command.env("XDG_STATE_HOME", state).env("HOME", state);
        command.env("LOCALAPPDATA", state).env("USERPROFILE", state);
        let variables = README.lines().find_map(|line| line.strip_prefix("export ")).unwrap();
        command.envs(variables.split(' ').map(|variable| variable.split_once('=').unwrap()));
        command.env("SOCIAL_PLUS_BASE_URL", self.sandbox.base_url());
        command
    }

    /// The requests that arrived, as in `GET /path`.
    fn requests(&self) -> Vec<String> {
        self.sandbox
            .requests()
            .iter()
            .map(|request| format!("{} {}", request.method(), request.path()))
            .collect()
    }
}

async fn run(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The lines that a successful run prints.
async fn printed(command: Command) -> Vec<String> {
    let (status, output, errors) = run(command).await;
    assert_eq!((status, &*errors), (Some(0), ""), "{output}");
    output.lines().map(ToOwned::to_owned).collect()
}

const REGISTERED: &str = "POST /api/v5/sessions/bot";

#[tokio::test]
async fn register_prints_the_user_with_settings_and_without() {
    let fixture = Fixture::new().await;
    let mut without = fixture.example("register");
    without.env_remove("SOCIAL_PLUS_API_KEY").env_remove("SOCIAL_PLUS_BASE_URL");
    for (command, registrations) in [(without, 0), (fixture.example("register"), 1)] {
        let lines = printed(command).await;
        assert!(lines[0].starts_with("user: ") && lines[2].starts_with("expires at: "), "{lines:?}");
        assert_eq!(fixture.requests().len(), registrations);
    }
}

#[tokio::test]
async fn settings_sends_the_description_of_the_device_and_names_an_invalid_setting() {
    let fixture = Fixture::new().await;
    let lines = printed(fixture.example("settings")).await;
    assert_eq!(lines[0], format!("device crawler-1 at {}", fixture.sandbox.base_url()));
    let requests = fixture.sandbox.requests();
    let body: serde_json::Value = serde_json::from_slice(requests[0].body()).unwrap();
    assert_eq!(body["deviceInfo"]["model"], "indexer");

    let mut invalid = fixture.example("settings");
    invalid.env_remove("SOCIAL_PLUS_BASE_URL").env("SOCIAL_PLUS_REGION", "mars");
    let (status, _, errors) = run(invalid).await;
    assert_eq!(status, Some(2));
    assert!(errors.contains("the regions are us, eu, sg"), "{errors}");
    assert_eq!(fixture.requests(), [REGISTERED]);
}

#[tokio::test]
async fn sessions_registers_once_for_all_its_requests() {
    let fixture = Fixture::new().await;
    let lines = printed(fixture.example("sessions")).await;
    assert_eq!(lines[0], "status 200 OK with another client");
    assert!(!lines[1].starts_with("0 ") && lines[1].ends_with(" posts in gardening"), "{lines:?}");
    assert!(!lines[2].starts_with("0 ") && lines[2].ends_with(" communities"), "{lines:?}");
    assert_eq!(lines[4], "2 reads were sent by this client");
    let requests = fixture.requests();
    assert_eq!(requests.iter().filter(|request| *request == REGISTERED).count(), 1, "{requests:?}");
    assert_eq!(requests.len(), 4, "{requests:?}");
}

#[tokio::test]
async fn sessions_replaces_a_token_that_is_refused() {
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_next_read(Fault::status(401));
    let lines = printed(fixture.example("sessions")).await;
    assert_eq!(lines[0], "status 200 OK with another client");
    let registrations = fixture.requests().iter().filter(|request| *request == REGISTERED).count();
    assert_eq!(registrations, 2);
}

#[tokio::test]
async fn blocking_reads_from_several_threads_with_one_session() {
    let fixture = Fixture::new().await;
    let lines = printed(fixture.example("blocking")).await;
    assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with(" bytes")), "{lines:?}");
    let registrations = fixture.requests().iter().filter(|request| *request == REGISTERED).count();
    assert_eq!(registrations, 1);
}

#[tokio::test]
async fn reads_shows_many_pages_from_one_read() {
    let fixture = Fixture::new().await;
    let lines = printed(fixture.example("reads")).await;
    let pages: usize = lines[0].split(' ').next().unwrap().parse().unwrap();
    assert!(pages >= 3, "{lines:?}");
    assert!(lines[1].starts_with("1 of 100 reads are used"), "{lines:?}");
    assert_eq!(fixture.requests(), [REGISTERED, "GET /api/v4/posts"]);
}

#[tokio::test]
async fn errors_waits_where_that_helps() {
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_next_read(Fault::status(503).header(http::header::RETRY_AFTER, "1"));
    let (status, output, errors) = run(fixture.example("errors")).await;
    assert_eq!((status, &*output), (Some(0), "status 200 OK\n"));
    assert!(errors.contains("another attempt in"), "{errors}");
}

#[tokio::test]
async fn errors_says_what_to_do_where_waiting_does_not_help() {
    for (fault, advice) in [
        (Fault::status(403), "check the API key, and whether the network permits bots"),
        (Fault::error(404, ErrorCode::NOT_FOUND), "check the path"),
        (Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED), "run it tomorrow"),
    ] {
        let fixture = Fixture::new().await;
        fixture.sandbox.fail_reads(fault);
        let (status, output, errors) = run(fixture.example("errors")).await;
        assert_eq!((status, &*output), (Some(1), ""));
        assert_eq!(errors.lines().last(), Some(advice), "{errors}");
    }
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_always(Fault::answer(200, "text/html", "<html>Maintenance</html>"));
    let (_, _, errors) = run(fixture.example("errors")).await;
    assert_eq!(errors.lines().last(), Some("check the region or the base URL"), "{errors}");
    let mut command = fixture.example("errors");
    command.env_remove("SOCIAL_PLUS_API_KEY");
    let (_, _, errors) = run(command).await;
    assert!(errors.contains("SOCIAL_PLUS_API_KEY") && errors.ends_with("change the setting\n"), "{errors}");
}

#[tokio::test]
async fn several_processes_share_a_session_with_the_command_line_tool() {
    let fixture = Fixture::new().await;
    let first = printed(fixture.example("several_processes")).await;
    let second = printed(fixture.example("several_processes")).await;
    assert_eq!((&*first[1], &*second[1]), ("there is no session yet", "there is a session"));
    assert_eq!((&first[0], &first[2]), (&second[0], &second[2]));

    let mut tool = Command::new(env!("CARGO_BIN_EXE_social-plus-bot"));
    let example = fixture.example("several_processes");
    for (name, value) in example.get_envs() {
        match value {
            Some(value) => tool.env(name, value),
            None => tool.env_remove(name),
        };
    }
    tool.arg("token");
    assert_eq!(printed(tool).await.len(), 1);
    assert_eq!(fixture.requests(), [REGISTERED]);
}
