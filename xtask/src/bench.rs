//! `cargo xtask bench`: what a cached token and a registration cost, next to what they are measured against.
//!
//! Times differ from machine to machine, and on one machine from minute to minute. So only ratios are told, each to a
//! baseline that took turns with it in many short rounds: a ratio is taken within each round, and the median of these
//! counts. Everything is built before anything is measured.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Where the table is kept.
const TABLE: &str = "BENCHMARKS.md";

/// Our benches, and those of a workspace of its own with the crates that we are compared with.
const OURS: &str = "bench --locked --features sandbox";
const PEERS: &str = "bench --locked --manifest-path benches/peers/Cargo.toml --target-dir target/peers";

/// The crates that we are compared with.
const OTHERS: [&str; 3] = ["gcp_auth", "yup-oauth2", "google-cloud-auth"];

const REGISTER: &str = "`register()`";

/// Why a registration costs more than the call by hand, should it miss its aim.
const REGISTER_MORE: &str = ": it holds the answer against the contract, field by field, before it takes it, and \
    reads it within a limit; the call by hand believes what comes. On a real network both wait far longer than that.";

/// Measures, prints the table, and keeps it.
pub fn run() -> Result<(), String> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("run it as `cargo xtask bench`")?;
    let root = Path::new(&manifest).parent().ok_or("the project has no folder")?;
    let times = Times(root.join("target/bench"));
    if times.0.exists() {
        fs::remove_dir_all(&times.0).map_err(|error| format!("{}: {error}", times.0.display()))?;
    }
    let run = Run { root, times: &times.0 };
    run.cargo(&format!("{OURS} --bench cached --bench counted --bench register --no-run"))?;
    run.cargo(&format!("{PEERS} --benches --no-run"))?;
    let busy = load();
    let counts = run.counts(&format!("{OURS} --bench counted"))?;
    let peers = run.counts(&format!("{PEERS} --bench counted"))?;
    run.cargo(&format!("{OURS} --bench cached --bench register -- --quiet --noplot"))?;
    run.cargo(&format!("{PEERS} --bench timed -- --quiet --noplot"))?;

    let rows = rows(&times, &counts, &peers)?;
    let text = text(&rows, &times, busy)?;
    print_line!("\n{text}");
    let path = root.join(TABLE);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A line of the table.
struct Row {
    what: String,
    compared: &'static str,
    /// How it is to be read: so many times the baseline, or so many pieces.
    value: f64,
    unit: &'static str,
    aim: Option<Aim>,
}

#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    fn is_missed_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value > most,
            Self::AtLeast(least) => value < least,
        }
    }
}

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

fn rows(times: &Times, ours: &Counts, peers: &Counts) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut row = |what: String, compared, unit, value, aim| {
        rows.push(Row { what, compared, value, unit, aim });
    };
    for tasks in ["1 task", "2 tasks", "8 tasks"] {
        let count = tasks.split(' ').next().unwrap_or_default();
        let ratio = times.ratio("cached", &format!("tasks-{count}"), "floor")?;
        row(format!("cached `access_token()`, {tasks}"), "the floor", " ×", ratio, Some(Aim::AtMost(1.0)));
    }
    let mut others = Vec::new();
    for other in OTHERS {
        others.push((times.ratio("peers", other, "ours")?, other));
    }
    let fastest = others.iter().map(|(ratio, _)| *ratio).fold(f64::INFINITY, f64::min);
    for (ratio, other) in others {
        let aim = (ratio == fastest).then_some(Aim::AtLeast(5.0));
        row(format!("cached token of `{other}`"), "cached `access_token()`", " ×", ratio, aim);
    }
    let register = times.ratio("register", "ours", "by-hand")?;
    row(REGISTER.into(), "the call by hand", " ×", register, Some(Aim::AtMost(1.05)));
    for tasks in ["1 task", "2 tasks", "8 tasks"] {
        let count = tasks.split(' ').next().unwrap_or_default();
        let allocations = ours.of(&format!("tasks-{count}"))?;
        let what = format!("allocations of a cached `access_token()`, {tasks}");
        row(what, "", "", allocations, Some(Aim::AtMost(0.0)));
    }
    for other in OTHERS {
        row(format!("allocations of a cached token of `{other}`"), "", "", peers.of(other)?, None);
    }
    let crowd = ours.of("crowd")?;
    row("requests that 10,000 callers cause who find no token".into(), "", "", crowd, Some(Aim::AtMost(1.0)));
    Ok(rows)
}

fn text(rows: &[Row], times: &Times, busy: Option<f64>) -> Result<String, String> {
    let cores = thread::available_parallelism().map_err(|error| format!("the number of cores: {error}"))?;
    let mut text = format!(
        "# Measured\n\n\
         Output by `cargo xtask bench`, on a machine with {cores} cores ({}, {}). Each ratio is the median of ratios \
         that were taken in many short rounds, where both sides took turns, so that it says something about other \
         machines too.\n\n",
        env::consts::OS,
        env::consts::ARCH,
    );
    if let Some(busy) = busy.filter(|busy| *busy > 0.5) {
        _ = writeln!(
            text,
            "**The machine was busy with other things** ({busy:.1} threads): the times are not to be relied on.\n"
        );
    }
    _ = writeln!(text, "| measured | compared with | result | aim | |\n|---|---|---|---|---|");
    for row in rows {
        let (what, compared, unit) = (&row.what, row.compared, row.unit);
        let value = if unit.is_empty() { format!("{}", row.value) } else { format!("{:.2}", row.value) };
        let aim = row.aim.map_or_else(String::new, |aim| aim.to_string());
        let missed = row.aim.map_or("", |aim| if aim.is_missed_by(row.value) { "missed" } else { "met" });
        _ = writeln!(text, "| {what} | {compared} | {value}{unit} | {aim} | {missed} |");
    }
    let floor = times.median("cached", "floor")?;
    let by_hand = times.median("register", "by-hand")?;
    _ = writeln!(
        text,
        "\nThe floor is one load of an `arc-swap` and one `Instant::now()`: {floor:.0} ns here. The call by hand is \
         written with reqwest and serde: it decodes the documented answer, and goes to the same sandbox over a \
         connection that is open already, as `register()` does: {:.0} µs here, the sandbox's part included. The \
         tokens of the other crates come from a server on the same machine, and are cached by them.\n",
        by_hand / 1_000.0,
    );
    let missed = rows.iter().filter(|row| row.aim.is_some_and(|aim| aim.is_missed_by(row.value)));
    let missed = missed.map(|row| {
        let why = if row.what == REGISTER { REGISTER_MORE } else { "" };
        let compared = if row.compared.is_empty() { "" } else { ", compared with " };
        format!("- {}{compared}{}{why}", row.what, row.compared)
    });
    let missed = missed.collect::<Vec<_>>();
    if missed.is_empty() {
        _ = writeln!(text, "Nothing falls short of its aim.");
    } else {
        _ = writeln!(text, "What falls short of its aim:\n\n{}", missed.join("\n"));
    }
    Ok(text)
}

/// What criterion left of a run: a folder for each group, in it one for each thing measured, in it one for each round.
struct Times(PathBuf);

impl Times {
    /// Nanoseconds of each round, each the median of its samples.
    fn rounds(&self, group: &str, what: &str) -> Result<Vec<f64>, String> {
        let mut rounds = Vec::new();
        loop {
            let path =
                self.0.join(group).join(what).join(rounds.len().to_string()).join("new/estimates.json");
            if !path.exists() {
                break;
            }
            let named = |reason: String| format!("{}: {reason}", path.display());
            let text = fs::read(&path).map_err(|error| named(error.to_string()))?;
            let found: Value = serde_json::from_slice(&text).map_err(|error| named(error.to_string()))?;
            let median = found.pointer("/median/point_estimate").and_then(Value::as_f64);
            rounds.push(median.ok_or_else(|| named("has no median".into()))?);
        }
        if rounds.is_empty() { Err(format!("{group}/{what} was not measured")) } else { Ok(rounds) }
    }

    fn median(&self, group: &str, what: &str) -> Result<f64, String> {
        self.rounds(group, what).map(median)
    }

    /// How many times the time of `baseline` that of `what` is.
    fn ratio(&self, group: &str, what: &str, baseline: &str) -> Result<f64, String> {
        let (what, baseline) = (self.rounds(group, what)?, self.rounds(group, baseline)?);
        Ok(median(what.iter().zip(baseline).map(|(what, baseline)| what / baseline).collect()))
    }
}

/// The middle one of `values`, of which there is at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a bench printed: names with a number each.
struct Counts(BTreeMap<String, f64>);

impl Counts {
    fn of(&self, name: &str) -> Result<f64, String> {
        self.0.get(name).copied().ok_or_else(|| format!("{name} was not counted"))
    }
}

struct Run<'a> {
    root: &'a Path,
    times: &'a Path,
}

impl Run<'_> {
    fn cargo(&self, arguments: &str) -> Result<(), String> {
        crate::run::run(&format!("cargo {arguments}"), &mut self.command(arguments))
    }

    fn counts(&self, arguments: &str) -> Result<Counts, String> {
        eprintln!("\n--- cargo {arguments}");
        let mut command = self.command(arguments);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("cargo {arguments}: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo {arguments}: {}", output.status));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        let counts = printed.lines().filter_map(|line| {
            let (name, count) = line.rsplit_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Ok(Counts(counts.collect()))
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.args(arguments.split_whitespace()).current_dir(self.root).env("CRITERION_HOME", self.times);
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    }
}

/// How many threads want to run besides this one, on average over a second, where Linux tells.
fn load() -> Option<f64> {
    const SAMPLES: u32 = 20;
    let mut sum = 0.0;
    for _ in 0..SAMPLES {
        let text = fs::read_to_string("/proc/loadavg").ok()?;
        let (running, _) = text.split(' ').nth(3)?.split_once('/')?;
        sum += running.parse::<f64>().ok()? - 1.0;
        thread::sleep(Duration::from_millis(50));
    }
    Some(sum / f64::from(SAMPLES))
}
