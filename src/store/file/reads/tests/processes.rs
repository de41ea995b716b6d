//! Processes that count and store in one folder, some of which are killed.
//!
//! Each runs [`a_process_counts_and_stores`]. It says so when a count is acknowledged, and panics if a body that it loads is not
//! whole: a body begins with its path and a checksum of the rest.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use sha2::{Digest, Sha256};

use super::*;

const PROCESSES: usize = 20;

/// What each process counts.
const STEPS: u64 = 15;

/// The paths that all processes read.
const PATHS: usize = 40;

/// Little, so that records are dropped all the time.
const LIMIT: u64 = 1 << 20;

const FOLDER: &str = "READS_FOLDER";
const TIMES: &str = "READS_TIMES";
const COUNTED: &str = "counted: ";

fn body(path: &str) -> Vec<u8> {
    let rest: Vec<u8> =
        std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(1_000..60_000)).collect();
    let mut body = path.as_bytes().to_vec();
    body.push(b'\n');
    body.extend(Sha256::digest(&rest));
    body.extend(rest);
    body
}

/// Panics unless this is a body of `path`.
#[track_caller]
fn check(path: &str, body: &[u8]) {
    let rest = body.strip_prefix(format!("{path}\n").as_bytes()).expect("the body of another path");
    let (checksum, rest) = rest.split_at(32);
    assert!(checksum == &Sha256::digest(rest)[..], "the body of {path} is not whole");
}

/// Counts once, or as a process of another test as often as it is told.
#[tokio::test]
async fn a_process_counts_and_stores() {
    let fixture = Fixture::new();
    let folder = env::var(FOLDER).map_or(fixture.store.folder().to_owned(), PathBuf::from);
    let times = env::var(TIMES).map_or(1, |times| times.parse().unwrap());
    let store = FileStore::new(folder).unwrap().max_read_bytes(LIMIT);
    for _ in 0..times {
        let counted = until_done(async || count(&store).await).await;
        println!("{COUNTED}{counted}");
        std::io::stdout().flush().unwrap();
        let path = format!("/{}", fastrand::usize(..PATHS));
        let body = body(&path);
        until_done(async || put(&store, &path, &body).await).await;
        let path = format!("/{}", fastrand::usize(..PATHS));
        if let Some(found) = until_done(async || load(&store, &read(&path)).await).await {
            check(&path, &found);
        }
    }
}

fn command(folder: &Path, times: u64) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        "--exact",
        "store::file::reads::tests::processes::a_process_counts_and_stores",
        "--nocapture",
    ]);
    command.env(FOLDER, folder).env(TIMES, times.to_string()).stdout(Stdio::piped());
    command
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    counts: Vec<u64>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, counts: Vec::new() }
    }

    /// Waits until so many more counts are acknowledged, or it has ended.
    fn advance(&mut self, counts: usize) {
        let target = self.counts.len().saturating_add(counts);
        while self.counts.len() < target {
            let Some(Ok(line)) = self.lines.next() else { return };
            if let Some((_, count)) = line.split_once(COUNTED) {
                self.counts.push(count.parse().unwrap());
            }
        }
    }

    /// Returns the acknowledged counts, and whether it ended well.
    fn end(mut self) -> (Vec<u64>, bool) {
        self.advance(usize::MAX);
        (self.counts, self.child.wait().unwrap().success())
    }

    fn kill(mut self) -> (Vec<u64>, bool) {
        self.child.kill().unwrap();
        self.end()
    }
}

/// No two processes got the same count.
fn assert_all_different(mut counts: Vec<u64>) {
    let all = counts.len();
    counts.sort_unstable();
    counts.dedup();
    assert_eq!(counts.len(), all, "some counts were given twice");
}

async fn check_bodies(store: &FileStore) -> usize {
    let mut whole = 0;
    for number in 0..PATHS {
        let path = format!("/{number}");
        if let Some(found) = load(store, &read(&path)).await.unwrap() {
            check(&path, &found);
            whole += 1;
        }
    }
    whole
}

#[tokio::test]
async fn no_count_of_twenty_processes_is_lost() {
    let fixture = Fixture::new();
    let start = |_| Process::start(command(fixture.store.folder(), STEPS));
    let processes: Vec<_> = (0..PROCESSES).map(start).collect();
    let mut counts = Vec::new();
    for process in processes {
        let (own, is_well) = process.end();
        assert!(is_well);
        counts.extend(own);
    }
    assert_eq!(counts.len() as u64, PROCESSES as u64 * STEPS);
    assert_all_different(counts);
    let total = number(load(&fixture.store, &budget()).await.unwrap().as_deref());
    assert_eq!(total, PROCESSES as u64 * STEPS);
    assert!(check_bodies(&fixture.store).await > PATHS / 4);
    assert_eq!(integrity(&fixture), "ok");
}

fn integrity(fixture: &Fixture) -> String {
    let connection = rusqlite::Connection::open(fixture.database()).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn killed_processes_lose_no_count_and_leave_no_half_body() {
    const KILLS: usize = 60;
    let fixture = Fixture::new();
    let start = || Process::start(command(fixture.store.folder(), 1_000_000));
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    let mut counts = Vec::new();
    for _ in 0..KILLS {
        let mut process = processes.swap_remove(fastrand::usize(..processes.len()));
        process.advance(fastrand::usize(1..5));
        // So that it does not always die at the same point.
        for _ in 0..fastrand::usize(..2_000) {
            std::hint::black_box(Sha256::digest(b""));
        }
        let (own, is_well) = process.kill();
        assert!(!is_well && !own.is_empty());
        counts.extend(own);
        processes.push(start());
        let seen = number(until_done(async || load(&fixture.store, &budget()).await).await.as_deref());
        assert!(seen >= counts.iter().copied().max().unwrap(), "{seen} is too low");
    }
    let mut killed = KILLS;
    for process in processes {
        counts.extend(process.kill().0);
        killed += 1;
    }
    let (acknowledged, total) = (counts.len(), count(&fixture.store).await.unwrap() as usize - 1);
    println!("{killed} were killed, {acknowledged} counts acknowledged, {total} counted");
    assert!((acknowledged..=acknowledged + killed).contains(&total));
    assert_all_different(counts);
    check_bodies(&fixture.store).await;
    assert_eq!(integrity(&fixture), "ok");
    assert!(!fixture.files().contains(&"reads.sqlite3.unread".to_owned()));
}

/// Ends a process at each of its system calls that write, in turn, in a new folder and in one with a database.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_each_step_of_writing_a_killed_process_leaves_the_old_record_or_the_new_one() {
    const STEPS: [&str; 7] =
        ["pwrite64", "write", "ftruncate", "fsync", "fdatasync", "/^rename|^link", "/^unlink"];
    let mut kills = 0;
    for is_new in [true, false] {
        for step in STEPS {
            for time in 1.. {
                let fixture = Fixture::new();
                let before = if is_new { 0 } else { count(&fixture.store).await.unwrap() };
                let whole = command(fixture.store.folder(), 1);
                let mut traced = Command::new("strace");
                traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={step}")]);
                traced.args(["-e", &format!("inject={step}:signal=KILL:when={time}")]);
                traced
                    .arg(whole.get_program())
                    .args(whole.get_args())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null());
                traced.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
                let (acknowledged, is_well) = Process::start(traced).end();
                let seen = count(&fixture.store).await.unwrap() - 1 - before;
                let acknowledged = acknowledged.len() as u64;
                assert!(
                    seen == acknowledged || (seen == 1 && !is_well),
                    "{step} {time}: {seen} {acknowledged}"
                );
                check_bodies(&fixture.store).await;
                assert_eq!(integrity(&fixture), "ok", "{step} {time}");
                if is_well {
                    break;
                }
                kills += 1;
                assert!(time < 200, "{step}");
            }
        }
    }
    println!("{kills} were killed");
    assert!(kills > 40, "{kills}: the steps are not those of writing");
}

/// A count is on the disk before anybody relies on it, in a new database too, whose name must last as well.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_count_is_synced_before_it_is_acknowledged() {
    let fixture = Fixture::new();
    for expected in ["folder", "log"] {
        let trace = fixture.folder.path().join("trace");
        let whole = command(fixture.store.folder(), 1);
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-y", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o"]).arg(&trace);
        traced.arg(whole.get_program()).args(whole.get_args()).stdout(Stdio::piped());
        traced.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(Process::start(traced).end().1);
        let trace = fs::read_to_string(trace).unwrap();
        let acknowledged = trace.lines().position(|line| line.contains(COUNTED)).unwrap();
        let before: Vec<_> = trace.lines().take(acknowledged).collect();
        let last = |calls: &[&str], file: &str| {
            let is_one = |line: &&str| line.contains(file) && calls.iter().any(|call| line.contains(call));
            before.iter().rposition(is_one)
        };
        let written = last(&["pwrite64("], "reads.sqlite3-wal>").unwrap();
        let synced = last(&["fsync(", "fdatasync("], "reads.sqlite3-wal>");
        assert!(synced.is_some_and(|synced| synced > written), "{trace}");
        if expected == "folder" {
            assert!(last(&["fsync("], "/state>").is_some(), "{trace}");
        }
    }
}
