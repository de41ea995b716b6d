//! Sharing through files that may be anything but what one hopes for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::store::FileStore;
use social_plus_bot::{BotClient, ErrorKind};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::service;

struct Fixture {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self { sandbox: service::start().await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }

    fn bot(&self) -> BotClient {
        self.sandbox.client().store(FileStore::new(self.folder()).unwrap()).build().unwrap()
    }

    /// The file of the one session there is.
    fn file(&self) -> PathBuf {
        let [file] = &self.files(".json")[..] else { panic!("not one session: {:?}", self.files("")) };
        file.clone()
    }

    fn files(&self, part: &str) -> Vec<PathBuf> {
        let all = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.to_string_lossy().contains(part)).collect()
    }
}

async fn token(bot: &BotClient) -> String {
    bot.access_token().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_restart_finds_the_session_it_left() {
    let fixture = Fixture::new().await;
    let first = token(&fixture.bot()).await;
    let bot = fixture.bot();
    assert_eq!(token(&bot).await, first);
    assert_eq!(fixture.sandbox.requests().len(), 1);
    let kept = bot.stored_session().await.unwrap().unwrap();
    assert!(kept.user().unwrap().user_id.is_some());
    assert_eq!(bot.store_faults().count, 0);
}

#[tokio::test]
async fn each_device_and_each_key_has_a_file_of_its_own() {
    let fixture = Fixture::new().await;
    for (device, key) in [("one", "key-1"), ("two", "key-1"), ("one", "key-2"), ("one", "key-1")] {
        let store = FileStore::new(fixture.folder()).unwrap();
        let bot = fixture.sandbox.client().device_id(device).api_key(key).store(store).build().unwrap();
        token(&bot).await;
    }
    assert_eq!((fixture.files(".json").len(), fixture.sandbox.requests().len()), (3, 3));
}

#[tokio::test]
async fn many_clients_in_one_process_register_once() {
    let fixture = Fixture::new().await;
    let mut all = JoinSet::new();
    for _ in 0..32 {
        let bot = fixture.bot();
        all.spawn(async move { token(&bot).await });
    }
    all.join_all().await;
    assert_eq!(fixture.sandbox.requests().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_not_a_session_is_quarantined() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let whole = fs::read(fixture.file()).unwrap();
    let foreign = String::from_utf8(whole.clone()).unwrap().replace("\"version\":2", "\"version\":7");
    let mut registrations = 1;
    for content in
        [&b""[..], b"garbage", b"\0\0\0\0", b"{}", b"[1]", &whole[..whole.len() / 2], foreign.as_bytes()]
    {
        fs::write(fixture.file(), content).unwrap();
        let bot = fixture.bot();
        token(&bot).await;
        registrations += 1;
        assert_eq!(fixture.sandbox.requests().len(), registrations);
        let fault = bot.store_faults().last.unwrap().to_string();
        assert!(fault.contains("is not used: it "), "{fault}");
        // What somebody may want to look at is kept; what another version of this crate wrote is replaced, or two
        // versions would set each other's sessions aside for ever.
        let aside = fixture.files(".unread-");
        let kept = aside.iter().any(|path| fs::read(path).unwrap() == content);
        assert_eq!(kept, content != foreign.as_bytes(), "{aside:?} {}", String::from_utf8_lossy(content));
        assert!(fixture.bot().stored_session().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_session_of_another_device_under_this_name_is_not_used() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let mut record: Value = serde_json::from_slice(&fs::read(fixture.file()).unwrap()).unwrap();
    record["key"] = "0123456789abcdef0123456789abcdef".into();
    fs::write(fixture.file(), record.to_string()).unwrap();
    let bot = fixture.bot();
    assert!(bot.stored_session().await.unwrap().is_none());
    let fault = bot.store_faults().last.unwrap().to_string();
    assert!(fault.contains("it is for another address, device or key"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_a_whole_session_while_another_is_written() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let (file, stop) = (fixture.file(), Arc::new(AtomicBool::new(false)));
    let reader = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut reads = 0;
            while !stop.load(Ordering::Relaxed) {
                let record: Value =
                    serde_json::from_slice(&fs::read(&file).unwrap()).expect("a whole session");
                assert!(record["session"]["accessToken"].is_string());
                reads += 1;
            }
            reads
        }
    });
    for _ in 0..200 {
        // A session that is due is replaced in place; one that was refused would be removed first.
        let mut record: Value = serde_json::from_slice(&fs::read(fixture.file()).unwrap()).unwrap();
        let received = record["newest"]["received_ms"].as_u64().unwrap();
        record["newest"]["received_ms"] = (received - 2_300_000_000).into();
        let aged = fixture.folder().join("aged");
        fs::write(&aged, record.to_string()).unwrap();
        private(&aged);
        fs::rename(aged, fixture.file()).unwrap();
        let before = fixture.sandbox.requests().len();
        token(&fixture.bot()).await;
        assert_eq!(fixture.sandbox.requests().len(), before + 1);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 100);
    assert!(fixture.files(".new").is_empty());
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[cfg(unix)]
#[tokio::test]
async fn only_the_user_has_access_to_folder_and_files() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&fixture.folder()), 0o700);
    for file in fixture.files("") {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_can_read_is_replaced_and_sharing_goes_on() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new().await;
    let first = token(&fixture.bot()).await;
    fs::set_permissions(fixture.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let bot = fixture.bot();
    let second = token(&bot).await;
    assert_ne!(second, first, "others may have it");
    let fault = bot.store_faults().last.unwrap().to_string();
    assert!(fault.contains("other users have access to it (mode 0644)"), "{fault}");
    for _ in 0..20 {
        assert_eq!(token(&fixture.bot()).await, second);
    }
    assert_eq!(fixture.sandbox.requests().len(), 2);
    assert_eq!(fs::metadata(fixture.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_removed_folder_is_made_again() {
    let fixture = Fixture::new().await;
    let bot = fixture.bot();
    let first = token(&bot).await;
    fs::remove_dir_all(fixture.folder()).unwrap();
    bot.invalidate(&bot.access_token().await.unwrap());
    let second = token(&bot).await;
    assert_ne!(first, second);
    assert_eq!(bot.store_faults().count, 0, "{:?}", bot.store_faults());
    assert_eq!(token(&fixture.bot()).await, second);
}

#[tokio::test]
async fn an_error_has_that_of_the_system_as_its_source() {
    let fixture = Fixture::new().await;
    let bot = fixture.bot();
    fs::remove_dir_all(fixture.folder()).unwrap();
    fs::write(fixture.folder(), "no folder").unwrap();
    for error in [bot.stored_session().await.unwrap_err(), bot.access_token().await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Store);
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.kind(), std::io::ErrorKind::NotADirectory);
        assert!(error.to_string().contains(&source.to_string()), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn special_files_are_quarantined_without_waiting() {
    for make in ["mkfifo", "mkdir"] {
        let fixture = Fixture::new().await;
        token(&fixture.bot()).await;
        let file = fixture.file();
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new(make).arg(&file).status().unwrap().success());
        let bot = fixture.bot();
        let second = token(&bot).await;
        assert_eq!(token(&fixture.bot()).await, second, "{make}");
        assert_eq!(fixture.sandbox.requests().len(), 2, "{make}");
        let fault = bot.store_faults().last.unwrap().to_string();
        assert!(fault.contains("it is not a file"), "{fault}");
        assert_eq!(fixture.files(".unread-").len(), 1, "{make}");
    }
}

#[tokio::test]
async fn files_set_aside_are_few_and_do_not_stay_for_ever() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let long_ago = fixture.file().with_extension("unread-20200101T000000.000000Z");
    fs::write(&long_ago, "a token, perhaps").unwrap();
    let strangers = fixture.folder().join("other.unread-20200101T000000.000000Z");
    fs::write(&strangers, "another device's").unwrap();
    for number in 0..10 {
        fs::write(fixture.file(), format!("garbage {number}")).unwrap();
        token(&fixture.bot()).await;
        assert!(!long_ago.exists());
        let aside =
            fixture.files(&format!("{}.unread-", fixture.file().file_stem().unwrap().to_str().unwrap()));
        assert!(aside.len() <= 3, "{aside:?}");
        let content = |path: &PathBuf| fs::read_to_string(path).unwrap();
        assert!(aside.iter().any(|path| content(path) == format!("garbage {number}")));
    }
    assert!(strangers.exists());
}

#[cfg(unix)]
#[test]
fn a_shared_folder_is_refused_with_another_one_named_and_no_advice_to_change_it() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    for mode in [0o1777, 0o777, 0o755, 0o750, 0o2770] {
        let folder = parent.path().join(format!("{mode:o}"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let said = FileStore::new(&folder).unwrap_err().to_string();
        let within = folder.join("social-plus-bot");
        assert!(said.contains(&format!("other users have access to it (mode {mode:04o})")), "{said}");
        assert!(said.contains(&format!("use another folder, such as {}", within.display())), "{said}");
        assert!(!said.contains("chmod"), "{said}");
        FileStore::new(within).unwrap();
    }
}

#[tokio::test]
async fn unfinished_files_are_removed_later() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let half = fixture.file().with_extension("x1y2z3.new");
    let fresh = fixture.file().with_extension("a1b2c3.new");
    for file in [&half, &fresh] {
        fs::write(file, "{\"version\":").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    fs::File::options().write(true).open(&half).unwrap().set_modified(long_ago).unwrap();
    fs::remove_file(fixture.file()).unwrap();
    token(&fixture.bot()).await;
    assert!(!half.exists());
    assert!(fresh.exists(), "somebody may be writing it");
}

#[tokio::test]
async fn a_refused_token_leaves_the_file() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.bot(), fixture.bot());
    let first = token(&one).await;
    assert_eq!(token(&other).await, first);
    fixture.sandbox.revoke_tokens();
    for bot in [&one, &other] {
        bot.get("/api/v4/posts").await.unwrap();
    }
    let second = token(&one).await;
    assert_ne!(second, first);
    assert_eq!(token(&other).await, second);
}

#[tokio::test]
async fn a_refused_registration_serves_the_next_client_too() {
    let fixture = Fixture::new().await;
    fixture.sandbox.fail_next(Fault::status(401));
    for _ in 0..2 {
        let error = fixture.bot().access_token().await.unwrap_err();
        assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::Rejected, Some(401)));
    }
    assert_eq!(fixture.sandbox.requests().len(), 1);
    assert!(fixture.files(".unread-").is_empty());
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_left_behind_does_not_stay_until_then() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let half = fixture.file().with_extension("x1y2z3.new");
    let aside = fixture.file().with_extension("unread-29991231T000000.000000Z");
    for file in [&half, &aside] {
        fs::write(file, "a token, perhaps").unwrap();
    }
    let ahead = std::time::SystemTime::now() + std::time::Duration::from_secs(365 * 24 * 60 * 60);
    fs::File::options().write(true).open(&half).unwrap().set_modified(ahead).unwrap();
    fs::remove_file(fixture.file()).unwrap();
    token(&fixture.bot()).await;
    assert!(!half.exists() && !aside.exists(), "{:?}", fixture.files(""));
}

#[tokio::test]
async fn the_largest_session_is_shared_and_what_is_larger_counts_as_none() {
    let fixture = Fixture::new().await;
    let good = r#""accessToken":"abc","issuedAt":"2026-01-01T00:00:00Z","expiresAt":"2126-01-01T00:00:00Z""#;
    let list = |item: &str, number: usize| vec![item; number].join(",");
    let largest = format!(
        r#"{{{good},"users":[{}],"roles":[{}],"files":[{}]}}"#,
        list(r#"{"metadata":{"a":{}}}"#, 2_000),
        list(r#"{"":{}}"#, 5_000),
        list("{}", 5_000)
    );
    fixture.sandbox.fail_always(Fault::answer(200, "application/json", largest));
    let session = fixture.bot().session().await.unwrap();
    let bot = fixture.bot();
    let kept = bot.stored_session().await.unwrap().expect("it is kept");
    assert_eq!(kept.users().len(), session.users().len());
    assert_eq!((fixture.sandbox.requests().len(), bot.store_faults().count), (1, 0));

    let record = fs::read_to_string(fixture.file()).unwrap();
    let larger = record.replace(r#""users":["#, &format!(r#""users":[{},"#, list("{}", 50_000)));
    fs::write(fixture.file(), larger).unwrap();
    let bot = fixture.bot();
    assert!(bot.stored_session().await.unwrap().is_none());
    let fault = bot.store_faults().last.unwrap().to_string();
    assert!(fault.contains("more values than any session"), "{fault}");
    bot.session().await.unwrap();
    assert!(fixture.bot().stored_session().await.unwrap().is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_in_a_circle_is_set_aside_and_sharing_goes_on() {
    let fixture = Fixture::new().await;
    token(&fixture.bot()).await;
    let file = fixture.file();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&file, &file).unwrap();
    let bot = fixture.bot();
    let second = token(&bot).await;
    for _ in 0..2 {
        assert_eq!(token(&fixture.bot()).await, second);
    }
    assert_eq!(fixture.sandbox.requests().len(), 2);
    let fault = bot.store_faults().last.unwrap().to_string();
    assert!(fault.contains("it is a link that leads nowhere"), "{fault}");
}
