//! Processes that are killed at chosen points of their work, each followed by another one of the same device.
//!
//! Every death strikes a process at work: the sandbox or a proxy holds it, or strace kills it as it enters a system
//! call. What it left behind must not block the next process, nor give it half a session. The points are spread over
//! all phases, and each phase has a test of its own, which counts its deaths.

#[cfg(target_os = "linux")]
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use social_plus_bot::sandbox::{Fault, Sandbox};

use crate::processes::{printed, run, token};
use crate::proxy::{Key, Proxy, Stop};
use crate::redis_server::Redis;

use crate::service;

/// Deaths of each phase; there are six, on each kind of store.
const DEATHS: usize = 34;

/// Ends a hang, and nothing else.
const HANG: Duration = Duration::from_secs(300);

/// What a process left, as far as the next one can make use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Session,
}

fn registrations(sandbox: &Sandbox) -> usize {
    sandbox.requests().len()
}

/// Runs the process that follows; it gets the session that was left, or else registers once.
async fn follow(sandbox: &Sandbox, command: Command, left: Left, context: &str) {
    let before = registrations(sandbox);
    printed(&run(command).await);
    let expected = usize::from(left == Left::Nothing);
    assert_eq!(registrations(sandbox) - before, expected, "{context}: registrations after {left:?} was left");
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a process that is known to be at work.
#[track_caller]
fn kill(mut process: Child) {
    process.kill().unwrap();
    assert!(!process.wait().unwrap().success(), "it ended before it was killed");
}

/// Waits until the sandbox holds one more registration than before.
async fn until_registering(sandbox: &Sandbox, before: usize) {
    let looks = async {
        while registrations(sandbox) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, looks).await.expect("no registration came");
}

/// Kills processes while the sandbox holds their registrations.
async fn die_registering(sandbox: &Sandbox, store: impl Fn(usize) -> String, mut check: impl FnMut(&str)) {
    for death in 0..DEATHS {
        let (store, device) = (store(death), format!("crawler-{death}"));
        let before = registrations(sandbox);
        sandbox.fail_next(Fault::silence());
        let process = start(token(sandbox, &store, &device));
        until_registering(sandbox, before).await;
        kill(process);
        check(&device);
        follow(sandbox, token(sandbox, &store, &device), Left::Nothing, &device).await;
    }
    println!("{DEATHS} were killed while they registered");
}

mod with_files {
    use super::*;

    /// The same for each death, so that the fingerprint in file names is known.
    #[cfg(target_os = "linux")]
    const DEVICE: &str = "crawler-1";

    /// Names of files in `folder` with this ending.
    #[cfg(target_os = "linux")]
    fn files(folder: &Path, ending: &str) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(ending)).collect()
    }

    /// The fingerprint that begins the names of files.
    #[cfg(target_os = "linux")]
    async fn fingerprint(sandbox: &Sandbox, folder: &Path) -> String {
        let store = folder.join("undisturbed");
        printed(&run(token(sandbox, store.to_str().unwrap(), DEVICE)).await);
        files(&store, ".json")[0].strip_suffix(".json").unwrap().to_owned()
    }

    /// A system call, on which file of the process, at which time: that is where the process ends.
    #[cfg(target_os = "linux")]
    struct Point {
        call: &'static str,
        file: &'static str,
        time: u32,
    }

    #[cfg(target_os = "linux")]
    const fn point(call: &'static str, file: &'static str, time: u32) -> Point {
        Point { call, file, time }
    }

    /// Kills processes as they enter these system calls, in turn.
    #[cfg(target_os = "linux")]
    async fn die(points: &[Point], left: Left, leaves: &[&str]) {
        use std::os::unix::process::ExitStatusExt;

        let sandbox = service::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fingerprint = fingerprint(&sandbox, folder.path()).await;
        for (death, point) in (0..DEATHS).zip(points.iter().cycle()) {
            let store = folder.path().join(death.to_string());
            let output = folder.path().join(format!("output-{death}"));
            let path = match point.file {
                "output" => Some(output.clone()),
                "folder" => Some(store.clone()),
                "" => None,
                ending => Some(store.join(format!("{fingerprint}.{ending}"))),
            };
            // strace resolves the folder of a path that it is told to look for.
            std::fs::create_dir(&store).unwrap();
            std::fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
            let traced = token(&sandbox, store.to_str().unwrap(), DEVICE);
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-o", "/dev/null"]);
            if let Some(path) = path {
                command.arg("-P").arg(path);
            }
            let (call, time) = (point.call, point.time);
            command.args(["-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:signal=KILL:when={time}")]);
            command.arg(traced.get_program()).args(traced.get_args());
            command.envs(traced.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.stdout(std::fs::File::create(&output).unwrap()).stderr(Stdio::null());
            let context = format!("{call} {} {time}", point.file);
            let ended = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
            assert_eq!(ended.signal(), Some(9), "{context}: it went past the point");
            for ending in leaves {
                assert_eq!(files(&store, ending).len(), 1, "{context}: {ending}");
            }
            assert_eq!(files(&store, ".json").len(), usize::from(left == Left::Session), "{context}");
            follow(&sandbox, token(&sandbox, store.to_str().unwrap(), DEVICE), left, &context).await;
            assert_eq!(files(&store, ".json").len(), 1, "{context}");
        }
        println!("{DEATHS} were killed");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_death_before_the_lease_leaves_nothing() {
        let points = [
            point("statx", "json", 1),
            point("flock", "turn", 1),
            point("openat", "lock", 1),
            point("flock", "lock", 1),
        ];
        die(&points, Left::Nothing, &[]).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_death_with_the_lease_frees_it() {
        // The only connection is that to the service.
        let points = [point("ftruncate", "lock", 1), point("pwrite64", "lock", 1), point("connect", "", 1)];
        die(&points, Left::Nothing, &[".lock"]).await;
    }

    #[tokio::test]
    async fn a_death_while_registering_frees_the_lease() {
        let sandbox = service::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = |death: usize| folder.path().join(death.to_string()).to_str().unwrap().to_owned();
        die_registering(&sandbox, store, |_| {}).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_death_while_writing_puts_no_session_in_place() {
        let points = [point("fsync", "", 1), point("/^rename", "json", 1)];
        die(&points, Left::Nothing, &[".lock", ".new"]).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_death_while_releasing_leaves_the_session() {
        let points = [point("fsync", "folder", 1), point("/^unlink", "lock", 1)];
        die(&points, Left::Session, &[".lock"]).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_death_after_the_release_leaves_the_session() {
        die(&[point("write", "output", 1)], Left::Session, &[]).await;
    }
}

mod with_redis {
    use super::*;

    /// The commands of a run that nobody disturbs, and where the lease is taken and given back.
    struct Course {
        take: usize,
        release: usize,
    }

    impl Course {
        async fn of(redis: &Redis, sandbox: &Sandbox) -> Self {
            let proxy = Proxy::start(redis.port(), Stop::Never).await;
            printed(&run(token(sandbox, &proxy.url, "undisturbed")).await);
            let passed = proxy.passed().await;
            let take = passed.iter().position(|key| *key == Key::Lease).unwrap();
            let release = passed.iter().rposition(|key| *key == Key::Lease).unwrap();
            // It looks before it takes the lease, and saves before it gives it back.
            assert!(take >= 1 && release >= take + 2, "{passed:?}");
            assert_eq!(passed[release - 1], Key::Session, "{passed:?}");
            Self { take, release }
        }
    }

    /// Sees to it that the lease of a dead process ends by itself, and lets that time pass.
    fn end_lease(redis: &Redis) {
        for lease in redis.ask::<Vec<String>>(&["KEYS", "*:lease"]) {
            let left: i64 = redis.ask(&["PTTL", &lease]);
            assert!(left > 0, "{lease} would stay for ever");
            let _: i64 = redis.ask(&["DEL", &lease]);
        }
    }

    /// Kills processes that a proxy holds at these points, in turn.
    async fn die(points: impl Fn(&Course) -> Vec<Stop>, left: Left) {
        let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
        let points = points(&Course::of(&redis, &sandbox).await);
        for (death, point) in (0..DEATHS).zip(points.iter().cycle()) {
            let device = format!("crawler-{death}");
            let mut proxy = Proxy::start(redis.port(), *point).await;
            let process = start(token(&sandbox, &proxy.url, &device));
            tokio::time::timeout(HANG, proxy.stopped()).await.expect("it never came to the point");
            kill(process);
            end_lease(&redis);
            let context = format!("{device} {point:?}");
            follow(&sandbox, token(&sandbox, &redis.url(), &device), left, &context).await;
        }
        // One for each device, and the undisturbed one's; none stays for ever.
        let keys: Vec<String> = redis.ask(&["KEYS", "*"]);
        assert_eq!(keys.len(), DEATHS + 1, "{keys:?}");
        for key in &keys {
            assert!(redis.ask::<i64>(&["PTTL", key]) > 0, "{key} would stay for ever");
        }
        println!("{DEATHS} were killed");
    }

    #[tokio::test]
    async fn a_death_before_the_lease_leaves_nothing() {
        die(|course| vec![Stop::Before(0), Stop::After(0), Stop::Before(course.take)], Left::Nothing).await;
    }

    #[tokio::test]
    async fn a_death_with_the_lease_frees_it() {
        die(|course| vec![Stop::After(course.take), Stop::Before(course.take + 1)], Left::Nothing).await;
    }

    #[tokio::test]
    async fn a_death_while_registering_frees_the_lease() {
        let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
        die_registering(&sandbox, |_| redis.url(), |_| end_lease(&redis)).await;
    }

    #[tokio::test]
    async fn a_death_while_writing_puts_no_session_in_place() {
        die(|course| vec![Stop::Before(course.release - 1)], Left::Nothing).await;
    }

    #[tokio::test]
    async fn a_death_while_releasing_leaves_the_session() {
        let points = |course: &Course| vec![Stop::After(course.release - 1), Stop::Before(course.release)];
        die(points, Left::Session).await;
    }

    #[tokio::test]
    async fn a_death_after_the_release_leaves_the_session() {
        die(|course| vec![Stop::After(course.release)], Left::Session).await;
    }
}
