//! `cargo xtask bench`: measures the cost of a cached token, a fresh page and a registration, relative to baselines.
//!
//! Times differ between machines, and over time on the same machine. So the results are ratios to a baseline, whose
//! measurements alternate with those of the subject in many short rounds. The result is the median of the ratios of
//! all rounds. Everything is built before the first measurement.

use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::run::{cargo, cargo_output, cargo_with, root};

/// The file for the results.
const TABLE: &str = "BENCHMARKS.md";

/// The cargo arguments for this crate's benches, and for those of other crates, which are a separate workspace.
const OURS: &str = "bench --locked --features read-cache,sandbox";
const PEERS: &str = "bench --locked --manifest-path benches/peers/Cargo.toml --target-dir target/peers";

/// The crates to compare with.
const OTHERS: [&str; 3] = ["gcp_auth", "yup-oauth2", "google-cloud-auth"];

const TASKS: [(&str, &str); 3] = [("1 task", "tasks-1"), ("2 tasks", "tasks-2"), ("8 tasks", "tasks-8")];

/// A limit for a result: `at most` or `at least`, and the number.
type Target = Option<(&'static str, f64)>;

/// Runs the benches, prints the results and writes them to [`TABLE`].
pub fn run() -> Result<(), String> {
    let times = Times(root().join("target/bench"));
    if times.0.exists() {
        fs::remove_dir_all(&times.0).map_err(|error| format!("{}: {error}", times.0.display()))?;
    }
    cargo(&format!("{OURS} --bench cached --bench counted --bench read --bench register --no-run"))?;
    cargo(&format!("{PEERS} --benches --no-run"))?;
    let load = load();
    let ours = counts(&cargo_output(&format!("{OURS} --bench counted"))?);
    let peers = counts(&cargo_output(&format!("{PEERS} --bench counted"))?);
    let variables = [("CRITERION_HOME", &*times.0.to_string_lossy())];
    cargo_with(
        &format!("{OURS} --bench cached --bench read --bench register -- --quiet --noplot"),
        &variables,
    )?;
    cargo_with(&format!("{PEERS} --bench timed -- --quiet --noplot"), &variables)?;

    let text = text(&times, &ours, &peers, load)?;
    print_line!("\n{text}");
    fs::write(root().join(TABLE), text).map_err(|error| format!("{TABLE}: {error}"))
}

fn text(times: &Times, ours: &Counts, peers: &Counts, load: Option<f64>) -> Result<String, String> {
    let cores = thread::available_parallelism().map_err(|error| format!("number of cores: {error}"))?;
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench` on a machine with {cores} cores ({OS}, {ARCH}). Each ratio is the median over \
         many short rounds in which both sides alternated, so that it is comparable between machines.\n\n"
    );
    if let Some(load) = load.filter(|load| *load > 0.5) {
        text += &format!(
            "**The machine was busy** ({load:.1} other threads were runnable): the times are unreliable.\n\n"
        );
    }
    text += "| measured | compared with | result | target | |\n|---|---|---|---|---|\n";
    let mut row = |what: &str, compared: &str, value: f64, target: Target| {
        let result = if compared.is_empty() { value.to_string() } else { format!("{value:.2} ×") };
        let (limit, met) = target.map_or_else(Default::default, |(bound, limit)| {
            let met = if bound == "at least" { value >= limit } else { value <= limit };
            (format!("{bound} {limit}"), if met { "met" } else { "missed" })
        });
        text += &format!("| {what} | {compared} | {result} | {limit} | {met} |\n");
    };
    for (tasks, name) in TASKS {
        let ratio = times.ratio("cached", name, "floor")?;
        let target = (name == "tasks-1").then_some(("at most", 1.0));
        row(&format!("cached `access_token()`, {tasks}"), "the floor", ratio, target);
    }
    let others = OTHERS.map(|other| Ok((times.ratio("peers", other, "ours")?, other)));
    let others = others.into_iter().collect::<Result<Vec<_>, String>>()?;
    let fastest = others.iter().map(|(ratio, _)| *ratio).fold(f64::INFINITY, f64::min);
    for (ratio, other) in others {
        let target = (ratio == fastest).then_some(("at least", 5.0));
        row(&format!("cached token of `{other}`"), "cached `access_token()`", ratio, target);
    }
    let ratio = times.ratio("read", "hit", "floor")?;
    row("`read()` of a fresh page", "the floor of reads", ratio, Some(("at most", 1.5)));
    let ratio = times.ratio("peer-pages", "http-cache-reqwest", "ours")?;
    row("cached response of `http-cache-reqwest`", "`read()` of a fresh page", ratio, None);
    let ratio = times.ratio("register", "ours", "by-hand")?;
    row("`register()`", "the hand-written call", ratio, Some(("at most", 1.05)));
    for (tasks, name) in TASKS {
        let what = format!("allocations of a cached `access_token()`, {tasks}");
        row(&what, "", count(ours, name)?, Some(("at most", 0.0)));
    }
    for other in OTHERS {
        row(&format!("allocations of a cached token of `{other}`"), "", count(peers, other)?, None);
    }
    let what = "allocations of `read()` of a fresh page";
    row(what, "", count(ours, "fresh-page")?, Some(("at most", 0.0)));
    let requests = "requests of 10,000 concurrent callers without a cached token";
    row(requests, "", count(ours, "concurrent-callers")?, Some(("at most", 1.0)));
    let reads = "reads of 10,000 concurrent callers of a missing page";
    row(reads, "", count(ours, "concurrent-readers")?, Some(("at most", 1.0)));
    let floor = median(times.rounds("cached", "floor")?);
    let floor_of_reads = median(times.rounds("read", "floor")?);
    let by_hand = median(times.rounds("register", "by-hand")?) / 1_000.0;
    Ok(text
        + &format!(
            "\nThe floor is one load of an `arc-swap` and one `Instant::now()`: {floor:.0} ns here. Several tasks share one \
             reference count, that of the token. The floor of reads is one lookup in a `quick_cache` with the same \
             options and one `Instant::now()`: {floor_of_reads:.0} ns here. `http-cache-reqwest` has the same page of \
             10 KB in its `MokaManager`, from which it makes a new response for each request. The hand-written call \
             uses reqwest and serde, decodes the documented response, and reaches the same sandbox over an open \
             connection, as `register()` does: {by_hand:.0} µs here, including the time of the sandbox. It neither \
             compares the response with the contract nor limits its size, which `register()` does; on a real network, \
             the latency is far greater than this difference. The other crates fetch their tokens from a server on \
             the same machine and cache them.\n"
        ))
}

/// The output folder of criterion. It has a folder for each group, benchmark and round.
struct Times(PathBuf);

impl Times {
    /// Returns the median of each round in nanoseconds.
    fn rounds(&self, group: &str, name: &str) -> Result<Vec<f64>, String> {
        let folder = self.0.join(group).join(name);
        let files = (0..).map(|round| folder.join(format!("{round}/new/estimates.json")));
        let rounds = files
            .take_while(|file| file.exists())
            .map(|file| estimate(&file).ok_or_else(|| format!("{}: missing median", file.display())));
        let rounds: Vec<f64> = rounds.collect::<Result<_, _>>()?;
        if rounds.is_empty() { Err(format!("{group}/{name} was not measured")) } else { Ok(rounds) }
    }

    /// Returns the median ratio of `name` to `baseline`.
    fn ratio(&self, group: &str, name: &str, baseline: &str) -> Result<f64, String> {
        let (times, baseline) = (self.rounds(group, name)?, self.rounds(group, baseline)?);
        Ok(median(times.iter().zip(baseline).map(|(time, baseline)| time / baseline).collect()))
    }
}

fn estimate(file: &Path) -> Option<f64> {
    let found: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    found.pointer("/median/point_estimate")?.as_f64()
}

/// Returns the median of `values`, or NaN if there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The counts that a bench printed, by name.
type Counts = BTreeMap<String, f64>;

fn counts(printed: &str) -> Counts {
    let pairs = printed.lines().filter_map(|line| line.rsplit_once(' '));
    pairs.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect()
}

fn count(counts: &Counts, name: &str) -> Result<f64, String> {
    counts.get(name).copied().ok_or_else(|| format!("{name} was not counted"))
}

/// Returns the number of other runnable threads, on average over a second, on Linux.
fn load() -> Option<f64> {
    const SAMPLES: u32 = 20;
    let sample = |_| {
        thread::sleep(Duration::from_millis(50));
        let text = fs::read_to_string("/proc/loadavg").ok()?;
        let (running, _) = text.split(' ').nth(3)?.split_once('/')?;
        Some(running.parse::<f64>().ok()? - 1.0)
    };
    let sum: Option<f64> = (0..SAMPLES).map(sample).sum();
    Some(sum? / f64::from(SAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_medians_of_ratios_and_compared_with_their_targets() {
        let folder = tempfile::tempdir().unwrap();
        let times = Times(folder.path().to_owned());
        let measure = |bench: &str, rounds: [u32; 3]| {
            for (round, median) in rounds.iter().enumerate() {
                let folder = folder.path().join(bench).join(format!("{round}/new"));
                fs::create_dir_all(&folder).unwrap();
                let text = format!("{{\"median\":{{\"point_estimate\":{median}}}}}");
                fs::write(folder.join("estimates.json"), text).unwrap();
            }
        };
        measure("cached/floor", [10, 20, 100]);
        (1..=8).for_each(|tasks| measure(&format!("cached/tasks-{tasks}"), [5, 30, 80]));
        measure("peers/ours", [1, 1, 1]);
        OTHERS.iter().zip([9, 7, 8]).for_each(|(other, time)| measure(&format!("peers/{other}"), [time; 3]));
        measure("register/ours", [3000, 3000, 3000]);
        measure("register/by-hand", [2000, 2000, 2000]);
        measure("read/floor", [40, 50, 60]);
        measure("read/hit", [60, 80, 102]);
        measure("peer-pages/ours", [100, 100, 100]);
        measure("peer-pages/http-cache-reqwest", [1250, 1250, 1250]);
        let ours = counts(
            "tasks-1 0\ntasks-2 0\ntasks-8 2\nconcurrent-callers 1\nfresh-page 0\nconcurrent-readers 2\nother words",
        );
        let peers = counts("gcp_auth 3\nyup-oauth2 1\ngoogle-cloud-auth 4");
        let text = text(&times, &ours, &peers, Some(2.0)).unwrap();
        for row in [
            "| cached `access_token()`, 1 task | the floor | 0.80 × | at most 1 | met |",
            "| cached `access_token()`, 2 tasks | the floor | 0.80 × |  |  |",
            "| cached `access_token()`, 8 tasks | the floor | 0.80 × |  |  |",
            "| cached token of `gcp_auth` | cached `access_token()` | 9.00 × |  |  |",
            "| cached token of `yup-oauth2` | cached `access_token()` | 7.00 × | at least 5 | met |",
            "| `register()` | the hand-written call | 1.50 × | at most 1.05 | missed |",
            "| allocations of a cached `access_token()`, 8 tasks |  | 2 | at most 0 | missed |",
            "| allocations of a cached token of `google-cloud-auth` |  | 4 |  |  |",
            "| `read()` of a fresh page | the floor of reads | 1.60 × | at most 1.5 | missed |",
            "| cached response of `http-cache-reqwest` | `read()` of a fresh page | 12.50 × |  |  |",
            "| allocations of `read()` of a fresh page |  | 0 | at most 0 | met |",
            "| reads of 10,000 concurrent callers of a missing page |  | 2 | at most 1 | missed |",
            "**The machine was busy** (2.0 other threads",
            "20 ns here",
            "50 ns here",
            "share one reference count",
            "2 µs here",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
        let missing = times.ratio("cached", "tasks-9", "floor").unwrap_err();
        assert_eq!(missing, "cached/tasks-9 was not measured");
    }
}
