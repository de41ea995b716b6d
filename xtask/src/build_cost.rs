//! `cargo xtask build-cost`: what a program pays for this crate while building.
//!
//! Three small programs are built from nothing, one after the other, each in a folder of its own: one with what a
//! client written by hand would use, one with this crate and the committed client, one with this crate and the
//! generator. The time is that of the whole `cargo build`, after downloads, so that the ratios say what a user sees.
//! Where the system tells, so is the work of all processors: on a machine that is busy with other things it is the
//! better measure. They share the project's lock file: no version differs, and nothing has to be asked of a registry.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

/// A program to build.
struct Program {
    name: &'static str,
    /// Its dependencies, with `ROOT` for the project's folder.
    depends: &'static str,
    /// How many times the first program's time it should take at most.
    aim: f64,
    source: &'static str,
}

/// What a client written by hand would use, with the features that this crate uses.
const BY_HAND: &str = r#"
chrono = { version = "0.4", default-features = false, features = ["clock", "serde", "std"] }
reqwest = { version = "0.13", default-features = false, features = ["json", "rustls"] }
serde = { version = "1", features = ["derive"] }
"#;

/// What every program needs to run at all.
const RUNTIME: &str = r#"
tokio = { version = "1", features = ["macros", "rt", "time"] }
"#;

const PROGRAMS: [Program; 3] = [
    Program {
        name: "reqwest, serde and chrono",
        depends: BY_HAND,
        aim: 1.0,
        source: r#"
#[derive(serde::Deserialize)]
struct Session {
    expires: chrono::DateTime<chrono::Utc>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), reqwest::Error> {
    let session: Session = reqwest::get("https://localhost/").await?.json().await?;
    println!("{}", session.expires);
    Ok(())
}
"#,
    },
    Program {
        name: "this crate without the generator",
        depends: r#"social-plus-bot = { path = 'ROOT', default-features = false, features = ["rustls"] }"#,
        aim: 1.3,
        source: OURS,
    },
    Program {
        name: "this crate with the generator",
        depends: "social-plus-bot = { path = 'ROOT' }",
        aim: 2.3,
        source: OURS,
    },
];

const OURS: &str = r#"
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), social_plus_bot::Error> {
    let bot = social_plus_bot::BotClient::from_env()?;
    println!("{}", bot.register().await?.expires_at());
    Ok(())
}
"#;

/// Builds the programs and tells what each took.
pub fn run() -> Result<(), String> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("run it as `cargo xtask build-cost`")?;
    let root = Path::new(&manifest).parent().ok_or("the project has no folder")?;
    let folder = tempfile::tempdir().map_err(|error| format!("a folder for the programs: {error}"))?;
    for (index, program) in PROGRAMS.iter().enumerate() {
        let place = folder.path().join(format!("program-{index}"));
        program.write(&place, root).map_err(|error| format!("{}: {error}", place.display()))?;
        let fetched = cargo(&place).args(["fetch", "--quiet"]).status();
        if !fetched.map_err(|error| format!("cargo fetch: {error}"))?.success() {
            return Err(format!("{}: its dependencies can't be fetched", program.name));
        }
    }
    print_line!("{:<32} {:>14} {:>14} {:>9} {:>5}", "", "time", "work", "packages", "aim");
    let mut first = None;
    for (index, program) in PROGRAMS.iter().enumerate() {
        let cost = build(&folder.path().join(format!("program-{index}")))?;
        let first: &Cost = first.get_or_insert(cost);
        let time = compared(cost.time, first.time);
        let work = cost.work.zip(first.work).map_or_else(String::new, |(work, first)| compared(work, first));
        let missed = if cost.time / first.time > program.aim { " missed" } else { "" };
        let (name, packages, aim) = (program.name, cost.packages, program.aim);
        print_line!("{name:<32} {time:>14} {work:>14} {packages:>9} {aim:>5.1}{missed}");
    }
    Ok(())
}

/// Seconds, and how many times the first ones they are.
fn compared(seconds: f64, first: f64) -> String {
    format!("{seconds:.1} s {:.2}", seconds / first)
}

/// What a build took.
#[derive(Clone, Copy)]
struct Cost {
    /// Seconds on the clock.
    time: f64,
    /// Seconds of all processors.
    work: Option<f64>,
    packages: usize,
}

impl Program {
    fn write(&self, place: &Path, root: &Path) -> std::io::Result<()> {
        let depends = self.depends.replace("ROOT", &root.to_string_lossy());
        let manifest = format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]{RUNTIME}{depends}\n"
        );
        fs::create_dir_all(place.join("src"))?;
        fs::write(place.join("Cargo.toml"), manifest)?;
        fs::write(place.join("src/main.rs"), self.source)?;
        fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).map(drop)
    }
}

/// Cargo in `place`, as a user runs it: nothing of the run that this is part of.
fn cargo(place: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(place).env("CARGO_TARGET_DIR", place.join("target")).env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Builds the program in `place`.
fn build(place: &Path) -> Result<Cost, String> {
    let (start, worked) = (Instant::now(), work());
    let mut command = cargo(place);
    command
        .args(["build", "--quiet", "--offline", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cargo build: {error}"))?;
    let time = start.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err("cargo build failed".to_owned());
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let packages: BTreeSet<String> =
        messages.filter_map(|message| Some(message.get("package_id")?.as_str()?.to_owned())).collect();
    let work = worked.and_then(|before| Some(work()? - before));
    Ok(Cost { time, work, packages: packages.len() })
}

/// Seconds that all processors have spent on children of this process, where Linux tells.
fn work() -> Option<f64> {
    /// Ticks of the clock in a second, the same on all Linux systems.
    const TICKS: f64 = 100.0;
    let status = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = status.rsplit_once(") ")?;
    // Of the fields described in proc(5), `state` is the third and comes first here; user and system time of
    // children are the sixteenth and the seventeenth.
    let mut ticks = after_name.split(' ').skip(13).map(|field| field.parse::<f64>().ok());
    Some((ticks.next()?? + ticks.next()??) / TICKS)
}
