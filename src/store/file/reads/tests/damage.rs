//! Databases that are damaged, or that something else made.

use std::sync::Arc;

use super::super::Identity;
use super::*;

type Damage = fn(&mut Vec<u8>);

/// A database with a count and some reads, all in the file itself.
async fn filled() -> Fixture {
    let fixture = Fixture::new();
    for number in 0..50 {
        put(&fixture.store, &format!("/{number}"), &content(number)).await.unwrap();
    }
    count(&fixture.store).await.unwrap();
    assert_eq!(query(&fixture.database(), "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    // A file that is open can't be renamed on Windows.
    if cfg!(windows) { Fixture { store: fixture.another(), ..fixture } } else { fixture }
}

fn content(number: usize) -> Vec<u8> {
    format!("/{number} ").repeat(1_000).into_bytes()
}

/// Whether every read is whole or gone. Returns how many are whole.
async fn whole(store: &FileStore) -> usize {
    let mut whole = 0;
    for number in 0..50 {
        match load(store, &read(&format!("/{number}"))).await {
            Ok(Some(found)) => {
                assert!(found == content(number), "/{number} is not what was written");
                whole += 1;
            }
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
    }
    whole
}

fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_renamed_once_and_a_new_one_made() {
    let changes: [(&str, Damage); 5] = [
        ("garbage", |bytes| bytes.fill(b'x')),
        ("empty", Vec::clear),
        ("short garbage", |bytes| *bytes = b"not a database".to_vec()),
        ("no tables", |bytes| bytes[100..4096].fill(0)),
        ("cut off", |bytes| bytes.truncate(3 * 4096)),
    ];
    for (name, change) in changes {
        let fixture = filled().await;
        let others = [fixture.another(), fixture.another()];
        overwrite(&fixture.database(), change);
        let damaged = fs::read(fixture.database()).unwrap();
        for store in &others {
            whole(store).await;
        }
        let expected = count(&others[0]).await.unwrap();
        assert_eq!(count(&fixture.store).await.unwrap(), expected + 1, "{name}");
        assert_eq!(count(&others[1]).await.unwrap(), expected + 2, "{name}");
        put(&others[0], "/0", b"again").await.unwrap();
        assert_eq!(load(&fixture.store, &read("/0")).await.unwrap().unwrap(), b"again", "{name}");
        let unread = fs::read(fixture.store.folder().join("reads.sqlite3.unread")).unwrap();
        assert!(unread == damaged, "{name}: another database was renamed");
    }
}

#[tokio::test]
async fn the_count_is_taken_over_from_a_database_whose_reads_are_damaged() {
    for is_in_the_log in [false, true] {
        let fixture = filled().await;
        assert_eq!(count(&fixture.store).await.unwrap(), 2);
        if !is_in_the_log {
            query(&fixture.database(), "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        let other = fixture.another();
        if cfg!(not(windows)) {
            assert_eq!(number(load(&other, &budget()).await.unwrap().as_deref()), 2);
        }
        overwrite(&fixture.database(), |bytes| {
            let place = bytes.windows(6).position(|found| found == b"/7 /7 ").unwrap();
            bytes[place] = b'|';
        });
        assert_eq!(load(&fixture.store, &read("/7")).await.unwrap(), None);
        assert_eq!(count(&fixture.store).await.unwrap(), 3, "{is_in_the_log}");
        assert_eq!(count(&other).await.unwrap(), 4);
        assert!(fixture.files().contains(&"reads.sqlite3.unread".to_owned()));
    }
}

#[tokio::test]
async fn a_byte_that_changes_is_noticed_wherever_it_is() {
    let seed = std::env::var("TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let fixture = filled().await;
    let undamaged = fs::read(fixture.database()).unwrap();
    drop(fixture);
    let mut gone = 0;
    for _ in 0..60 {
        let fixture = Fixture::new();
        let mut bytes = undamaged.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..bytes.len());
            bytes[place] ^= random.u8(1..);
        }
        fs::write(fixture.database(), bytes).unwrap();
        #[cfg(unix)]
        fs::set_permissions(fixture.database(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if whole_or_refused(&fixture.store).await < 50 {
            gone += 1;
        }
    }
    assert!(gone > 30, "{gone} of 60 were noticed");
}

/// As `whole`. A changed version in the header is refused.
async fn whole_or_refused(store: &FileStore) -> usize {
    match load(store, &read("/0")).await {
        Err(error) if error.to_string().contains("a later version of this crate made it") => 0,
        _ => whole(store).await,
    }
}

#[tokio::test]
async fn only_the_last_damaged_database_is_kept_and_not_for_ever() {
    let fixture = Fixture::new();
    let unread = fixture.store.folder().join("reads.sqlite3.unread");
    for number in 0..5 {
        count(&fixture.another()).await.unwrap();
        let garbage = format!("garbage {number}");
        fs::write(fixture.database(), &garbage).unwrap();
        count(&fixture.another()).await.unwrap();
        assert_eq!(fs::read_to_string(&unread).unwrap(), garbage);
    }
    assert_eq!(fixture.files().iter().filter(|name| name.ends_with(".unread")).count(), 1);
    let long_ago = std::time::SystemTime::now() - 8 * DAY;
    fs::File::options().write(true).open(&unread).unwrap().set_modified(long_ago).unwrap();
    count(&fixture.store).await.unwrap();
    assert!(!unread.exists());
}

#[tokio::test]
async fn a_damaged_database_is_kept_although_it_was_written_long_ago() {
    let fixture = filled().await;
    overwrite(&fixture.database(), |bytes| bytes.fill(b'x'));
    let long_ago = std::time::SystemTime::now() - 8 * DAY;
    fs::File::options().write(true).open(fixture.database()).unwrap().set_modified(long_ago).unwrap();
    let store = fixture.another();
    for _ in 0..2 {
        count(&store).await.unwrap();
        assert!(fixture.files().contains(&"reads.sqlite3.unread".to_owned()));
    }
}

#[tokio::test]
async fn the_database_of_a_later_version_is_an_error_and_stays_as_it_is() {
    let fixture = filled().await;
    rusqlite::Connection::open(fixture.database()).unwrap().pragma_update(None, "user_version", 2).unwrap();
    query(&fixture.database(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let before = fs::read(fixture.database()).unwrap();
    let store = fixture.another();
    for error in [count(&store).await.unwrap_err(), load(&store, &read("/1")).await.unwrap_err()] {
        let said = error.to_string();
        assert!(said.contains("a later version of this crate made it (format 2, this one is 1)"), "{said}");
        assert!(said.contains("use that version, or another folder"), "{said}");
    }
    assert!(fs::read(fixture.database()).unwrap() == before);
    assert!(!fixture.files().contains(&"reads.sqlite3.unread".to_owned()));
}

#[tokio::test]
async fn a_database_without_a_version_is_damaged_and_not_of_a_later_one() {
    let fixture = filled().await;
    rusqlite::Connection::open(fixture.database()).unwrap().pragma_update(None, "user_version", 0).unwrap();
    assert_eq!(count(&fixture.another()).await.unwrap(), 1);
    assert!(fixture.files().contains(&"reads.sqlite3.unread".to_owned()));
}

#[tokio::test]
async fn the_database_of_another_program_is_renamed() {
    let fixture = Fixture::new();
    rusqlite::Connection::open(fixture.database()).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    #[cfg(unix)]
    fs::set_permissions(fixture.database(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(count(&fixture.store).await.unwrap(), 1);
    let unread = fixture.store.folder().join("reads.sqlite3.unread");
    assert_eq!(query(&unread, "SELECT count(*) FROM a"), 0);
}

#[tokio::test]
async fn who_meets_the_damage_late_leaves_the_new_database_alone() {
    let fixture = filled().await;
    let damaged = Identity::of(&fixture.database());
    for time in ["first", "late"] {
        let reads = Arc::clone(&fixture.store.reads);
        let meet = fixture.store.threads.run(move |wanted| reads.quarantine(&damaged, "a test", wanted));
        meet.await.unwrap();
        if time == "first" {
            assert_eq!(load(&fixture.store, &read("/0")).await.unwrap(), None);
            put(&fixture.store, "/new", b"new").await.unwrap();
        }
    }
    assert_eq!(load(&fixture.store, &read("/new")).await.unwrap().unwrap(), b"new");
    assert_eq!(count(&fixture.store).await.unwrap(), 2);
}

/// A process that has the damaged database open goes on with the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_meet_a_damaged_database_make_one_new_one() {
    for _ in 0..10 {
        let fixture = filled().await;
        overwrite(&fixture.database(), |bytes| bytes[100..].fill(1));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = fixture.another();
            all.spawn(async move {
                loop {
                    match count(&store).await {
                        Ok(count) => break count,
                        Err(error) => println!("{error}"),
                    }
                }
            });
        }
        let mut counts = all.join_all().await;
        counts.sort_unstable();
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}

#[tokio::test]
async fn errors_of_the_database_do_not_quote_it() {
    let fixture = filled().await;
    let connection = rusqlite::Connection::open(fixture.database()).unwrap();
    let sql = "CREATE TRIGGER broken BEFORE INSERT ON contents BEGIN
                   SELECT RAISE(ABORT, 'the content is a secret'); END";
    connection.execute_batch(sql).unwrap();
    let error = put(&fixture.store, "/new", b"a").await.unwrap_err().to_string();
    assert!(error.contains("reads.sqlite3 can't be used") && error.contains("SQLite error"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
