//! Secrets that are typed on a terminal.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr};
use social_plus_bot::sandbox::{Fault, Sandbox};

use crate::fixture::{Fixture, printed, within};
use crate::process::tool;

/// A terminal with the tool at it.
struct Terminal {
    keyboard: File,
    /// As long as it is open, the terminal keeps its modes.
    terminal: OwnedFd,
    tool: Child,
    /// `None` if nobody reads them.
    errors: Option<BufReader<ChildStderr>>,
}

impl Terminal {
    /// Runs the tool with the terminal as its standard input, and waits for the prompt.
    fn prompted(command: &Command, prompt: &str) -> Self {
        let mut terminal = Self::started(command, Stdio::piped());
        terminal.wait_for(prompt);
        terminal
    }

    fn started(command: &Command, errors: Stdio) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let terminal: OwnedFd = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut at_terminal = Command::new("setsid");
        // So that the terminal sends it signals.
        at_terminal.arg("--ctty");
        let mut command = within(at_terminal, command);
        command.stdin(terminal.try_clone().unwrap()).stdout(Stdio::piped()).stderr(errors);
        let mut tool = command.spawn().unwrap();
        let errors = tool.stderr.take().map(BufReader::new);
        Self { keyboard: File::from(keyboard), terminal, tool, errors }
    }

    /// Runs the tool in a shell with job control, as a person does, and waits for the prompt. `then` is what is run once the
    /// tool has ended or stopped.
    fn in_shell(command: &Command, then: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("set -m; \"$@\"; {then}"), "sh"]);
        Self::prompted(&within(shell, command), KEY)
    }

    fn wait_for(&mut self, prompt: &str) {
        let mut shown = Vec::new();
        while !shown.ends_with(prompt.as_bytes()) {
            let mut byte = [0];
            self.errors.as_mut().unwrap().read_exact(&mut byte).unwrap();
            shown.extend(byte);
        }
    }

    /// Waits for a line of the output.
    fn printed(&mut self) -> String {
        let (mut line, output) = (Vec::new(), self.tool.stdout.as_mut().unwrap());
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    }

    fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let process = self.tool.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// Ends the run. Returns its exit status, its output, and what it said after the prompt.
    fn ended(&mut self) -> (Option<i32>, String, String) {
        let (mut output, mut said) = (String::new(), String::new());
        self.tool.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        if let Some(errors) = &mut self.errors {
            errors.read_to_string(&mut said).unwrap();
        }
        (self.tool.wait().unwrap().code(), output, said)
    }
}

fn asks_for_key(sandbox: &Sandbox) -> Command {
    let mut command = tool();
    command.args([
        "register",
        "--device-id",
        "crawler-1",
        "--api-key-file",
        "-",
        "--base-url",
        sandbox.base_url(),
    ]);
    command
}

const KEY: &str = "Enter the key (it is not shown): ";

#[tokio::test]
async fn a_key_that_is_typed_on_a_terminal_is_not_shown() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    let mut terminal = Terminal::prompted(&asks_for_key(&sandbox), KEY);
    assert!(!terminal.shows_what_is_typed());
    // A mistake can be corrected.
    terminal.type_text("key-of-a-persom\x7fn\n");
    let (status, output, said) = tokio::task::spawn_blocking(move || {
        let ended = terminal.ended();
        assert!(terminal.shows_what_is_typed());
        ended
    })
    .await
    .unwrap();
    assert_eq!((status, &*said), (Some(0), "\n"));
    assert!(output.contains("accessToken"), "{output}");
}

#[tokio::test]
async fn a_refused_token_can_be_typed_as_well() {
    let fixture = Fixture::new().await;
    let folder = fixture.state.path().join("sessions");
    let first = printed(fixture.in_folder("token", &folder)).await;
    let mut command = fixture.in_folder("token", &folder);
    command.args(["--refused", "-"]);
    let mut terminal = Terminal::prompted(&command, "Enter the token (it is not shown): ");
    terminal.type_text(&first);
    let (status, second, said) = tokio::task::spawn_blocking(move || terminal.ended()).await.unwrap();
    assert_eq!((status, &*said), (Some(0), "\n"));
    assert!(second.trim_end().split('.').count() == 3 && second != first, "{second}");
}

#[tokio::test]
async fn a_prompt_that_is_interrupted_restores_the_terminal() {
    let sandbox = Sandbox::start().await.unwrap();
    for (signal, status) in [("\x03", 130), ("\x1c", 131), ("TERM", 143), ("HUP", 129)] {
        let mut terminal = Terminal::prompted(&asks_for_key(&sandbox), KEY);
        terminal.type_text("key-of-a-");
        match signal {
            "TERM" | "HUP" => terminal.signal(signal),
            key => terminal.type_text(key),
        }
        let ended = tokio::task::spawn_blocking(move || {
            let ended = terminal.ended();
            assert!(terminal.shows_what_is_typed());
            ended
        });
        assert_eq!(ended.await.unwrap(), (Some(status), String::new(), "\n".to_owned()));
    }
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn signals_still_end_a_command_after_its_prompt() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    sandbox.fail_always(Fault::silence());
    let mut terminal = Terminal::prompted(&asks_for_key(&sandbox), KEY);
    terminal.type_text("key-of-a-person\n");
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    terminal.signal("TERM");
    let (status, ..) = tokio::task::spawn_blocking(move || terminal.ended()).await.unwrap();
    assert_eq!(status, Some(143));
}

#[tokio::test]
async fn a_line_without_a_key_is_invalid() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut terminal = Terminal::prompted(&asks_for_key(&sandbox), KEY);
    // The end of the input.
    terminal.type_text("\x04");
    let (status, _, said) = tokio::task::spawn_blocking(move || terminal.ended()).await.unwrap();
    assert_eq!((status, said.trim()), (Some(2), "error: --api-key-file: the key is empty"));
}

#[tokio::test]
async fn a_prompt_that_is_suspended_restores_the_terminal_and_asks_again() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    let mut terminal = Terminal::in_shell(&asks_for_key(&sandbox), "echo stopped; read -r _; fg >&2");
    let ended = tokio::task::spawn_blocking(move || {
        terminal.type_text("key-of-another\x1a");
        assert_eq!(terminal.printed(), "stopped\n");
        assert!(terminal.shows_what_is_typed());
        terminal.type_text("\n");
        terminal.wait_for(KEY);
        assert!(!terminal.shows_what_is_typed());
        terminal.type_text("key-of-a-person\n");
        let ended = terminal.ended();
        assert!(terminal.shows_what_is_typed());
        ended
    });
    let (status, output, said) = ended.await.unwrap();
    assert_eq!((status, &*said), (Some(0), "\n"));
    assert!(output.contains("accessToken"), "{output}");
}

/// As after a stop that the tool does not see, when the shell has restored the terminal.
#[tokio::test]
async fn a_prompt_that_goes_on_on_a_restored_terminal_hides_what_is_typed_again() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    let mut terminal = Terminal::in_shell(&asks_for_key(&sandbox), "echo stopped; read -r _; fg >&2");
    let ended = tokio::task::spawn_blocking(move || {
        kill_process_group(tcgetpgrp(&terminal.keyboard).unwrap(), Signal::STOP).unwrap();
        assert_eq!(terminal.printed(), "stopped\n");
        let mut modes = tcgetattr(&terminal.terminal).unwrap();
        modes.local_modes.insert(LocalModes::ECHO);
        tcsetattr(&terminal.terminal, OptionalActions::Now, &modes).unwrap();
        terminal.type_text("\n");
        terminal.wait_for(KEY);
        assert!(!terminal.shows_what_is_typed());
        terminal.type_text("key-of-a-person\n");
        terminal.ended()
    });
    assert_eq!(ended.await.unwrap().0, Some(0));
}

#[tokio::test]
async fn a_suspended_prompt_can_be_ended_in_the_background() {
    let sandbox = Sandbox::start().await.unwrap();
    // A shell tells what became of a job only if it has continued it itself.
    let end = "kill -s TERM %1; bg %1 >&2; wait %1; echo $?";
    let mut terminal = Terminal::in_shell(&asks_for_key(&sandbox), end);
    let output = tokio::task::spawn_blocking(move || {
        terminal.type_text("\x1a");
        let (_, output, _) = terminal.ended();
        assert!(terminal.shows_what_is_typed());
        output
    });
    assert_eq!(output.await.unwrap(), "143\n");
}

#[tokio::test]
async fn a_prompt_that_no_shell_could_continue_is_not_suspended() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    let mut terminal = Terminal::prompted(&asks_for_key(&sandbox), KEY);
    let ended = tokio::task::spawn_blocking(move || {
        terminal.type_text("\x1a");
        terminal.wait_for(KEY);
        assert!(!terminal.shows_what_is_typed());
        terminal.type_text("key-of-a-person\n");
        terminal.ended()
    });
    assert_eq!(ended.await.unwrap().0, Some(0));
}

#[tokio::test]
async fn a_command_can_be_suspended_after_its_prompt() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    sandbox.fail_next(Fault::silence());
    let mut terminal = Terminal::in_shell(&asks_for_key(&sandbox), "echo stopped; kill -s KILL %1");
    terminal.type_text("key-of-a-person\n");
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let stopped = tokio::task::spawn_blocking(move || {
        terminal.type_text("\x1a");
        let stopped = terminal.printed();
        terminal.ended();
        stopped
    });
    assert_eq!(stopped.await.unwrap(), "stopped\n");
}

#[tokio::test]
async fn a_prompt_that_cannot_be_shown_takes_a_key_all_the_same() {
    let sandbox = Sandbox::builder().api_key("key-of-a-person").start().await.unwrap();
    for (typed, expected) in [("key-of-a-person\n", 0), ("\x04", 2)] {
        let (reader, errors) = std::io::pipe().unwrap();
        drop(reader);
        let mut terminal = Terminal::started(&asks_for_key(&sandbox), errors.into());
        while terminal.shows_what_is_typed() && terminal.tool.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        terminal.type_text(typed);
        let (status, output, _) = tokio::task::spawn_blocking(move || terminal.ended()).await.unwrap();
        assert_eq!((status, output.contains("accessToken")), (Some(expected), expected == 0));
    }
}
