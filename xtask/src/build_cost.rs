//! `cargo xtask build-cost`: measures what this crate adds to the build of a program.
//!
//! It builds three small programs from scratch, one after the other, each in its own folder: with the dependencies of
//! a hand-written client, with this crate and the committed client, and with this crate and the generator. The time is
//! that of the complete `cargo build`, after downloads, as a user sees it. On Linux it also reports the CPU time, which
//! is more reliable on a busy machine. The programs use the project's lock file, so that the versions are the same and
//! no registry is needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::run;

/// A program to build and its limit.
struct Program {
    name: &'static str,
    /// Its dependencies, where `ROOT` stands for the project folder.
    dependencies: &'static str,
    /// The maximum build time, relative to the first program.
    max_ratio: f64,
    main: &'static str,
}

/// The dependencies that every program needs.
const RUNTIME: &str = r#"tokio = { version = "1", features = ["macros", "rt", "time"] }"#;

/// A hand-written client and its dependencies, with the features that this crate uses.
const HAND_WRITTEN: Program = Program {
    name: "reqwest, serde and chrono",
    dependencies: r#"
        chrono = { version = "0.4", default-features = false, features = ["now", "serde"] }
        reqwest = { version = "0.13", default-features = false, features = ["json", "rustls"] }
        serde = { version = "1", features = ["derive"] }"#,
    max_ratio: 1.0,
    main: r#"
        #[derive(serde::Deserialize)]
        struct Session { expires: chrono::DateTime<chrono::Utc> }
        #[tokio::main(flavor = "current_thread")]
        async fn main() -> Result<(), reqwest::Error> {
            let session: Session = reqwest::get("https://localhost/").await?.json().await?;
            Ok(println!("{}", session.expires))
        }"#,
};
const WITHOUT_GENERATOR: Program = Program {
    name: "this crate without the generator",
    dependencies: r#"social-plus-bot = { path = 'ROOT', default-features = false, features = ["rustls"] }"#,
    max_ratio: 1.3,
    main: r#"
        #[tokio::main(flavor = "current_thread")]
        async fn main() -> Result<(), social_plus_bot::Error> {
            let bot = social_plus_bot::BotClient::from_env()?;
            Ok(println!("{}", bot.register().await?.expires_at()))
        }"#,
};
const WITH_GENERATOR: Program = Program {
    name: "this crate with the generator",
    dependencies: "social-plus-bot = { path = 'ROOT' }",
    max_ratio: 2.3,
    ..WITHOUT_GENERATOR
};

/// Builds the programs and prints the cost of each.
pub fn run() -> Result<(), String> {
    let folder =
        tempfile::tempdir().map_err(|error| format!("failed to create a temporary folder: {error}"))?;
    let programs = [HAND_WRITTEN, WITHOUT_GENERATOR, WITH_GENERATOR];
    for program in &programs {
        let folder = folder.path().join(program.name);
        program.write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        run::run(&format!("cargo fetch for {}", program.name), &mut cargo("fetch --quiet", &folder))?;
    }
    print_line!("{:<32} {:>14} {:>14} {:>9} {:>5}", "", "time", "CPU time", "packages", "limit");
    let mut first = None;
    for Program { name, max_ratio, .. } in programs {
        let cost = build(&folder.path().join(name))?;
        let first: &Cost = first.get_or_insert(cost);
        let with_ratio = |seconds: f64, first: f64| format!("{seconds:.1} s {:.2}", seconds / first);
        let time = with_ratio(cost.time, first.time);
        let cpu_time = cost.cpu_time.zip(first.cpu_time);
        let cpu_time = cpu_time.map(|(time, first)| with_ratio(time, first)).unwrap_or_default();
        let exceeded = if cost.time / first.time > max_ratio { " exceeded" } else { "" };
        print_line!("{name:<32} {time:>14} {cpu_time:>14} {:>9} {max_ratio:>5.1}{exceeded}", cost.packages);
    }
    Ok(())
}

/// The cost of a build.
#[derive(Clone, Copy)]
struct Cost {
    /// Wall-clock time in seconds.
    time: f64,
    /// CPU time in seconds, on Linux.
    cpu_time: Option<f64>,
    packages: usize,
}

impl Program {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let dependencies = self.dependencies.replace("ROOT", &run::root().to_string_lossy());
        let manifest = format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{RUNTIME}\n{dependencies}\n"
        );
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/main.rs"), self.main)?;
        fs::copy(run::root().join("Cargo.lock"), folder.join("Cargo.lock")).map(drop)
    }
}

/// Returns a Cargo command for the program in `folder`, without the environment of this task.
fn cargo(arguments: &str, folder: &Path) -> Command {
    let mut command = run::command(arguments);
    command.current_dir(folder).env("CARGO_TARGET_DIR", folder.join("target"));
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Builds the program in `folder` and returns the cost.
fn build(folder: &Path) -> Result<Cost, String> {
    let (start, cpu_before) = (Instant::now(), cpu_time());
    let mut command = cargo("build --quiet --offline --message-format=json-render-diagnostics", folder);
    let output = run::output(command.stderr(Stdio::inherit()));
    let output = output.map_err(|reason| format!("cargo build: {reason}"))?;
    let time = start.elapsed().as_secs_f64();
    let messages = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let packages: BTreeSet<String> =
        messages.filter_map(|message| Some(message.get("package_id")?.as_str()?.to_owned())).collect();
    let cpu_time = cpu_before.and_then(|before| Some(cpu_time()? - before));
    Ok(Cost { time, cpu_time, packages: packages.len() })
}

/// Returns the CPU time of this process's children in seconds, on Linux.
fn cpu_time() -> Option<f64> {
    /// Clock ticks per second, the same on all Linux systems.
    const TICKS: f64 = 100.0;
    let status = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = status.rsplit_once(") ")?;
    // The fields are described in proc(5). `state`, the third, comes first here; `cutime` and `cstime` are the
    // sixteenth and the seventeenth.
    let mut ticks = after_name.split(' ').skip(13).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS)
}
