//! Reads in real files, by threads and processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::config::ApiKey;
use crate::error::Error;
use crate::store::{FileStore, Store, StoreKey, StoredRecord};

mod bounds;
mod damage;
mod files;
mod processes;
mod small_disk;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn session() -> StoreKey {
    StoreKey::new("https://a.example", "crawler-1", &ApiKey::try_from("b0e8a2c4d6f8").unwrap())
}

fn budget() -> StoreKey {
    session().budget()
}

fn read(path: &str) -> StoreKey {
    session().read(path)
}

/// A folder with a store.
struct Fixture {
    folder: TempDir,
    store: FileStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("state")).unwrap();
        Self { folder, store }
    }

    fn limited(bytes: u64) -> Self {
        let Self { folder, store } = Self::new();
        Self { folder, store: store.max_read_bytes(bytes) }
    }

    /// As another process would see it.
    fn another(&self) -> FileStore {
        FileStore::new(self.store.folder()).unwrap()
    }

    fn database(&self) -> PathBuf {
        self.store.folder().join("reads.sqlite3")
    }

    fn size(&self) -> u64 {
        fs::metadata(self.database()).unwrap().len()
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.store.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

async fn load(store: &FileStore, key: &StoreKey) -> Result<Option<Vec<u8>>, Error> {
    Ok(store.load(key).await?.map(|found| found.expose_secret().to_vec()))
}

async fn replace(
    store: &FileStore,
    key: &StoreKey,
    old: Option<&[u8]>,
    new: &[u8],
    ttl: Duration,
) -> Result<bool, Error> {
    store.replace(key, old.map(record), record(new), ttl).await
}

fn record(content: &[u8]) -> StoredRecord {
    content.to_vec().into()
}

/// Stores what is stored under no condition.
async fn put(store: &FileStore, path: &str, content: &[u8]) -> Result<(), Error> {
    loop {
        let old = load(store, &read(path)).await?;
        if replace(store, &read(path), old.as_deref(), content, 7 * DAY).await? {
            return Ok(());
        }
    }
}

/// Adds one to a count, and returns it.
async fn count(store: &FileStore) -> Result<u64, Error> {
    loop {
        let old = load(store, &budget()).await?;
        let next = number(old.as_deref()) + 1;
        if replace(store, &budget(), old.as_deref(), next.to_string().as_bytes(), 2 * DAY).await? {
            return Ok(next);
        }
    }
}

/// Repeats what failed: others may have had the database for too long.
async fn until_done<T>(mut operation: impl AsyncFnMut() -> Result<T, Error>) -> T {
    loop {
        match operation().await {
            Ok(done) => return done,
            Err(error) => println!("{error}"),
        }
    }
}

fn number(content: Option<&[u8]>) -> u64 {
    content.map_or(0, |content| std::str::from_utf8(content).unwrap().parse().unwrap())
}

/// Runs a query as another program would.
fn query(database: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(database).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_is_stored_is_loaded_until_it_expires() {
    let fixture = Fixture::new();
    assert_eq!(load(&fixture.store, &read("/a")).await.unwrap(), None);
    assert!(fixture.files().is_empty(), "looking makes no database");
    for content in [&b"one"[..], b"", &vec![7; 4 << 20], b"two"] {
        put(&fixture.store, "/a", content).await.unwrap();
        for store in [&fixture.store, &fixture.another()] {
            let found = store.load(&read("/a")).await.unwrap().unwrap();
            assert_eq!(found.expose_secret(), content);
            assert_eq!(found.ttl(), None, "no clock but the reader's own has counted it");
        }
    }
    assert_eq!(load(&fixture.store, &read("/b")).await.unwrap(), None);
    assert_eq!(load(&fixture.store, &budget()).await.unwrap(), None);

    assert!(replace(&fixture.store, &read("/a"), Some(b"two"), b"three", Duration::ZERO).await.unwrap());
    assert_eq!(load(&fixture.store, &read("/a")).await.unwrap(), None);
    assert!(!replace(&fixture.store, &read("/a"), Some(b"three"), b"four", DAY).await.unwrap());
    for expired in 0..5 {
        let key = read(&format!("/expired/{expired}"));
        assert!(replace(&fixture.store, &key, None, b"gone", Duration::ZERO).await.unwrap());
    }
    assert!(replace(&fixture.store, &read("/a"), None, b"four", Duration::MAX).await.unwrap());
    assert_eq!(load(&fixture.store, &read("/a")).await.unwrap().unwrap(), b"four");
    assert_eq!(query(&fixture.database(), "SELECT count(*) FROM records"), 1, "expired records are removed");
    assert_eq!(query(&fixture.database(), "SELECT count(*) FROM contents"), 1);
}

#[tokio::test]
async fn a_record_is_replaced_only_if_it_is_what_was_seen() {
    let fixture = Fixture::new();
    for key in [read("/a"), budget()] {
        assert!(!replace(&fixture.store, &key, Some(b"one"), b"two", DAY).await.unwrap());
        assert!(replace(&fixture.store, &key, None, b"one", DAY).await.unwrap());
        assert!(!replace(&fixture.store, &key, None, b"two", DAY).await.unwrap());
        assert!(!replace(&fixture.store, &key, Some(b"two"), b"two", DAY).await.unwrap());
        assert!(replace(&fixture.another(), &key, Some(b"one"), b"two", DAY).await.unwrap());
        assert!(!replace(&fixture.store, &key, Some(b"one"), b"three", DAY).await.unwrap());
        assert_eq!(load(&fixture.store, &key).await.unwrap().unwrap(), b"two");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_one_of_many_wins_each_step() {
    const TASKS: usize = 8;
    const STEPS: u64 = 20;
    let fixture = Fixture::new();
    let stores = [fixture.store.clone(), fixture.another()];
    for step in 0..STEPS {
        let mut all = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let store = stores[task % 2].clone();
            let old = (step > 0).then(|| step.to_string());
            all.spawn(async move {
                let (old, new) = (old.as_deref().map(str::as_bytes), (step + 1).to_string());
                loop {
                    match replace(&store, &budget(), old, new.as_bytes(), DAY).await {
                        Ok(won) => break won,
                        Err(error) => println!("{error}"),
                    }
                }
            });
        }
        assert_eq!(all.join_all().await.into_iter().filter(|won| *won).count(), 1, "step {step}");
    }
    assert_eq!(number(load(&fixture.store, &budget()).await.unwrap().as_deref()), STEPS);
}

#[tokio::test]
async fn sessions_stay_in_files_of_their_own() {
    let fixture = Fixture::new();
    assert!(replace(&fixture.store, &session(), None, b"a session", DAY).await.unwrap());
    assert!(!fixture.files().iter().any(|name| name.starts_with("reads.")), "{:?}", fixture.files());
    assert!(!fixture.database().exists());
    fixture.store.check_reads().unwrap();
    std::sync::Arc::new(fixture.store).check_reads().unwrap();
}
