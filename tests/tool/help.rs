//! What the tool says about itself: help, suggestions, completions and man pages.

use crate::failed::failed;
use crate::process::{run, text, tool};

const COMMANDS: [&str; 6] = ["register", "token", "status", "sandbox", "completions", "man"];

async fn shown(arguments: &[&str]) -> String {
    let mut command = tool();
    command.args(arguments);
    let output = run(command).await;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[tokio::test]
async fn every_help_text_has_an_example() {
    for name in COMMANDS {
        let help = shown(&[name, "--help"]).await;
        assert!(help.contains("Example:\n") && help.contains(&format!("social-plus-bot {name} ")), "{help}");
    }
    assert!(shown(&["--help"]).await.contains("Exit status: 0 done"));
}

#[tokio::test]
async fn help_names_the_environment_variable_of_each_option_and_shows_no_value() {
    for name in ["register", "token", "status"] {
        for flag in ["--help", "-h"] {
            let mut command = tool();
            command.args([name, flag]);
            command
                .env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8")
                .env("SOCIAL_PLUS_STORE", "redis://:swordfish@localhost");
            let output = run(command).await;
            let help = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
            for (option, variable) in [
                ("--api-key-file <FILE>", "[env: SOCIAL_PLUS_API_KEY,"),
                ("--region <REGION>", "[env: SOCIAL_PLUS_REGION]"),
                ("--base-url <URL>", "[env: SOCIAL_PLUS_BASE_URL]"),
                ("--device-id <ID>", "[env: SOCIAL_PLUS_DEVICE_ID]"),
                ("--store <STORE>", "[env: SOCIAL_PLUS_STORE]"),
            ] {
                let described = help.split_once(option).expect(option).1;
                let described = described.split(" --").next().unwrap();
                assert!(described.contains(variable), "{name} {option}: {described}");
            }
            assert!(!help.contains("b0e8a2c4d6f8") && !help.contains("swordfish"), "{help}");
        }
    }
}

#[tokio::test]
async fn a_misspelt_command_option_or_value_is_answered_with_a_similar_one() {
    for (arguments, said) in [
        (&["tokn"][..], "; a similar subcommand exists: 'token'; see --help"),
        (&["token", "--regoin", "eu"], "; a similar argument exists: '--region'; see --help"),
        (&["token", "--format", "jsno"], "; a similar value exists: 'json'; see --help"),
    ] {
        let mut command = tool();
        command.args(arguments);
        let line = failed(&run(command).await, 2);
        assert!(line.contains(said), "{said} is not in: {line}");
    }
}

#[tokio::test]
async fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = shown(&["completions", shell]).await;
        assert!(script.contains("api-key-file") && script.contains("register"), "{shell}: {script}");
    }
}

#[tokio::test]
async fn there_is_a_man_page_for_the_tool_and_for_each_command() {
    let page = shown(&["man"]).await;
    assert!(page.contains(".TH social-plus-bot 1") && page.contains("Exit status: 0 done"), "{page}");
    for name in COMMANDS {
        assert!(page.contains(&format!("social\\-plus\\-bot\\-{name}(1)")), "{name}: {page}");
        let page = shown(&["man", name]).await;
        assert!(page.contains(&format!(".TH social-plus-bot-{name} 1")), "{page}");
        assert!(page.contains("Example:"), "{page}");
        let help = shown(&[name, "--help"]).await;
        let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
        for option in options.map(|option| option.trim_end_matches(|end: char| !end.is_alphanumeric())) {
            assert!(page.contains(&option.replace('-', "\\-")), "{name}: {option} is not in {page}");
        }
    }
    let mut command = tool();
    command.args(["man", "fly"]);
    assert!(failed(&run(command).await, 2).contains("register, token, status"));
}
