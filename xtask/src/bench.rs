//! `cargo xtask bench`: measures the cost of a cached token and of a registration, relative to baselines.
//!
//! Times differ between machines, and over time on the same machine. So the results are ratios to a baseline, whose
//! measurements alternate with those of the subject in many short rounds. The result is the median of the ratios of
//! all rounds. Everything is built before the first measurement.

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

/// The file for the results.
const TABLE: &str = "BENCHMARKS.md";

/// The cargo arguments for this crate's benches, and for those of other crates, which are a separate workspace.
const OURS: &str = "bench --locked --features sandbox";
const PEERS: &str = "bench --locked --manifest-path benches/peers/Cargo.toml --target-dir target/peers";

/// The crates to compare with.
const OTHERS: [&str; 3] = ["gcp_auth", "yup-oauth2", "google-cloud-auth"];

const REGISTER: &str = "`register()`";

/// Explains why a registration costs more than the hand-written call, if it misses its target.
const REGISTER_MORE: &str = ": it validates each field of the response against the contract and limits the size of the \
    body; the hand-written call does neither. On a real network, the latency is far greater than this difference.";

/// Runs the benches, prints the results and writes them to [`TABLE`].
pub fn run() -> Result<(), String> {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set: run `cargo xtask bench`")?;
    let root = Path::new(&manifest).parent().ok_or("the xtask package has no parent folder")?;
    let times = Times(root.join("target/bench"));
    if times.0.exists() {
        fs::remove_dir_all(&times.0).map_err(|error| format!("{}: {error}", times.0.display()))?;
    }
    let run = Run { root, times: &times.0 };
    run.cargo(&format!("{OURS} --bench cached --bench counted --bench register --no-run"))?;
    run.cargo(&format!("{PEERS} --benches --no-run"))?;
    let load = load();
    let counts = run.counts(&format!("{OURS} --bench counted"))?;
    let peers = run.counts(&format!("{PEERS} --bench counted"))?;
    run.cargo(&format!("{OURS} --bench cached --bench register -- --quiet --noplot"))?;
    run.cargo(&format!("{PEERS} --bench timed -- --quiet --noplot"))?;

    let rows = rows(&times, &counts, &peers)?;
    let text = text(&rows, &times, load)?;
    print_line!("\n{text}");
    let path = root.join(TABLE);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A row of the table.
struct Row {
    what: String,
    compared: &'static str,
    /// A ratio to the baseline, or a count.
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_missed_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value > most,
            Self::AtLeast(least) => value < least,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

fn rows(times: &Times, ours: &Counts, peers: &Counts) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut row = |what: String, compared, unit, value, target| {
        rows.push(Row { what, compared, value, unit, target });
    };
    for tasks in ["1 task", "2 tasks", "8 tasks"] {
        let count = tasks.split(' ').next().unwrap_or_default();
        let ratio = times.ratio("cached", &format!("tasks-{count}"), "floor")?;
        row(format!("cached `access_token()`, {tasks}"), "floor", " ×", ratio, Some(Target::AtMost(1.0)));
    }
    let mut others = Vec::new();
    for other in OTHERS {
        others.push((times.ratio("peers", other, "ours")?, other));
    }
    let fastest = others.iter().map(|(ratio, _)| *ratio).fold(f64::INFINITY, f64::min);
    for (ratio, other) in others {
        let target = (ratio == fastest).then_some(Target::AtLeast(5.0));
        row(format!("cached token of `{other}`"), "cached `access_token()`", " ×", ratio, target);
    }
    let register = times.ratio("register", "ours", "by-hand")?;
    row(REGISTER.into(), "hand-written call", " ×", register, Some(Target::AtMost(1.05)));
    for tasks in ["1 task", "2 tasks", "8 tasks"] {
        let count = tasks.split(' ').next().unwrap_or_default();
        let allocations = ours.of(&format!("tasks-{count}"))?;
        let what = format!("allocations of a cached `access_token()`, {tasks}");
        row(what, "", "", allocations, Some(Target::AtMost(0.0)));
    }
    for other in OTHERS {
        row(format!("allocations of a cached token of `{other}`"), "", "", peers.of(other)?, None);
    }
    let requests = ours.of("concurrent-callers")?;
    row(
        "requests of 10,000 concurrent callers without a cached token".into(),
        "",
        "",
        requests,
        Some(Target::AtMost(1.0)),
    );
    Ok(rows)
}

fn text(rows: &[Row], times: &Times, load: Option<f64>) -> Result<String, String> {
    let cores = thread::available_parallelism()
        .map_err(|error| format!("failed to get the number of cores: {error}"))?;
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench` on a machine with {cores} cores ({}, {}). Each ratio is the median over many \
         short rounds in which both sides alternated, so that it is comparable between machines.\n\n",
        env::consts::OS,
        env::consts::ARCH,
    );
    if let Some(load) = load.filter(|load| *load > 0.5) {
        _ = writeln!(
            text,
            "**The machine was busy** ({load:.1} other threads were runnable): the times are unreliable.\n"
        );
    }
    _ = writeln!(text, "| measured | compared with | result | target | |\n|---|---|---|---|---|");
    for row in rows {
        let (what, compared, unit) = (&row.what, row.compared, row.unit);
        let value = if unit.is_empty() { format!("{}", row.value) } else { format!("{:.2}", row.value) };
        let target = row.target.map_or_else(String::new, |target| target.to_string());
        let missed =
            row.target.map_or("", |target| if target.is_missed_by(row.value) { "missed" } else { "met" });
        _ = writeln!(text, "| {what} | {compared} | {value}{unit} | {target} | {missed} |");
    }
    let floor = times.median("cached", "floor")?;
    let by_hand = times.median("register", "by-hand")?;
    _ = writeln!(
        text,
        "\nThe floor is one load of an `arc-swap` and one `Instant::now()`: {floor:.0} ns here. The hand-written call \
         uses reqwest and serde, decodes the documented response, and reaches the same sandbox over an open \
         connection, as `register()` does: {:.0} µs here, including the time of the sandbox. The other crates fetch \
         their tokens from a server on the same machine and cache them.\n",
        by_hand / 1_000.0,
    );
    let missed = rows.iter().filter(|row| row.target.is_some_and(|target| target.is_missed_by(row.value)));
    let missed = missed.map(|row| {
        let why = if row.what == REGISTER { REGISTER_MORE } else { "" };
        let compared = if row.compared.is_empty() { "" } else { ", compared with " };
        format!("- {}{compared}{}{why}", row.what, row.compared)
    });
    let missed = missed.collect::<Vec<_>>();
    if missed.is_empty() {
        _ = writeln!(text, "All targets are met.");
    } else {
        _ = writeln!(text, "Missed targets:\n\n{}", missed.join("\n"));
    }
    Ok(text)
}

/// The output folder of criterion. It has a folder for each group, benchmark and round.
struct Times(PathBuf);

impl Times {
    /// Returns the median of each round in nanoseconds.
    fn rounds(&self, group: &str, name: &str) -> Result<Vec<f64>, String> {
        let mut rounds = Vec::new();
        loop {
            let path =
                self.0.join(group).join(name).join(rounds.len().to_string()).join("new/estimates.json");
            if !path.exists() {
                break;
            }
            let error_in = |reason: String| format!("{}: {reason}", path.display());
            let text = fs::read(&path).map_err(|error| error_in(error.to_string()))?;
            let found: Value = serde_json::from_slice(&text).map_err(|error| error_in(error.to_string()))?;
            let median = found.pointer("/median/point_estimate").and_then(Value::as_f64);
            rounds.push(median.ok_or_else(|| error_in("missing median".into()))?);
        }
        if rounds.is_empty() { Err(format!("{group}/{name} was not measured")) } else { Ok(rounds) }
    }

    fn median(&self, group: &str, name: &str) -> Result<f64, String> {
        self.rounds(group, name).map(median)
    }

    /// Returns the median ratio of `name` to `baseline`.
    fn ratio(&self, group: &str, name: &str, baseline: &str) -> Result<f64, String> {
        let (times, baseline) = (self.rounds(group, name)?, self.rounds(group, baseline)?);
        Ok(median(times.iter().zip(baseline).map(|(time, baseline)| time / baseline).collect()))
    }
}

/// Returns the median of `values`, or NaN if there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The counts that a bench printed, by name.
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

/// Returns the number of other runnable threads, on average over a second, on Linux.
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
