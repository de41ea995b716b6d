//! Pages that processes share: real processes, a real Redis and a real folder, which are killed, emptied and filled up.
//!
//! Each body has its path and a checksum of its text, so a page that is not whole, or not the one of its path, is noticed.
//! The readers are processes that run [`a_reader_of_pages_reads_when_it_is_told`].

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::store::{FileStore, RedisStore, SealingKey};
use social_plus_bot::{BotClient, BotClientBuilder, ErrorCode, Freshness, ReadCache};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::sleep;

use crate::redis_server::Redis;
use crate::service;

/// The number of paths.
const PATHS: usize = 30;

/// Long enough not to expire unless something hangs.
const HANG: Duration = Duration::from_secs(300);

/// A sandbox that counts the reads that come.
struct Service {
    sandbox: Sandbox,
    came: Arc<AtomicUsize>,
}

impl Service {
    async fn start() -> Self {
        let sandbox = service::builder().daily_reads(u32::MAX).start().await.unwrap();
        let came = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&came);
        sandbox.fail_reads(Fault::altered(move |_| {
            counter.fetch_add(1, SeqCst);
        }));
        for number in 0..PATHS {
            sandbox.stub_get(path(number), body(&path(number)));
        }
        Self { sandbox, came }
    }

    fn reads(&self) -> usize {
        self.came.load(SeqCst)
    }

    fn client(&self, store: &str, settings: ReadCache) -> BotClient {
        with_store(self.sandbox.client(), store).read_cache(settings).build().unwrap()
    }
}

fn path(number: usize) -> String {
    format!("/api/v3/posts/{number}")
}

fn checksum(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn body(path: &str) -> Value {
    let text: String = (0..fastrand::usize(10..20_000)).map(|_| fastrand::alphanumeric()).collect();
    json!({ "path": path, "checksum": checksum(&text), "text": text })
}

/// Fails unless the page is the whole one of its path.
fn check(path: &str, body: &Value) {
    assert_eq!(body["path"], path);
    assert_eq!(body["checksum"], checksum(body["text"].as_str().unwrap()), "{path}");
}

/// `store` is the address of a Redis server or a folder.
fn with_store(builder: BotClientBuilder, store: &str) -> BotClientBuilder {
    match store.starts_with("redis://") {
        true => builder.store(RedisStore::new(store).unwrap()),
        false => builder.store(FileStore::new(store).unwrap()),
    }
}

/// A folder that the store creates for its user alone.
fn subfolder(folder: &tempfile::TempDir) -> String {
    folder.path().join("reads").to_str().unwrap().to_owned()
}

/// Nothing is fresh, and reads are not limited, so that as much as possible is written.
fn busy() -> ReadCache {
    ReadCache::in_memory().fresh_for(Duration::ZERO).daily_reads(100_000_000).reserved_reads(0)
}

/// A process of its own.
struct Reader {
    orders: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
    process: Child,
}

const ADDRESS: &str = "PAGES_ADDRESS";
const STORE: &str = "PAGES_STORE";
const LIMIT: &str = "PAGES_LIMIT";

impl Reader {
    fn start(service: &Service, store: &str, limit: Option<u32>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "pages::a_reader_of_pages_reads_when_it_is_told", "--nocapture"]);
        command.env(ADDRESS, service.sandbox.base_url()).env(STORE, store);
        if let Some(limit) = limit {
            command.env(LIMIT, limit.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let results = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { orders, results, process }
    }

    async fn order(&mut self, order: &str) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    /// How many reads of an order succeeded.
    async fn succeeded(&mut self) -> usize {
        while let Some(line) = self.results.next_line().await.unwrap() {
            // The test program prints lines of its own.
            if let Some((_, count)) = line.split_once("pages: ") {
                return count.parse().unwrap();
            }
        }
        panic!("the reader ended");
    }
}

/// Reads a page once, or as the process of another test what each line of standard input says: so many random pages, or the
/// page at a path.
#[tokio::test]
async fn a_reader_of_pages_reads_when_it_is_told() {
    let Ok(address) = env::var(ADDRESS) else {
        let service = Service::start().await;
        let bot = service.sandbox.client().read_cache(busy()).build().unwrap();
        return check(&path(0), &bot.read(path(0)).await.unwrap().json().unwrap());
    };
    let builder = BotClient::builder().base_url(address).api_key("sandbox-key").device_id("sandbox");
    let settings = match env::var(LIMIT) {
        Ok(limit) => ReadCache::in_memory().daily_reads(limit.parse().unwrap()).reserved_reads(0),
        Err(_) => busy(),
    };
    let bot = with_store(builder, &env::var(STORE).unwrap()).read_cache(settings).build().unwrap();
    let mut orders = BufReader::new(stdin()).lines();
    while let Some(order) = orders.next_line().await.unwrap() {
        let paths: Vec<String> = match order.parse::<usize>() {
            Ok(count) => (0..count).map(|_| path(fastrand::usize(..PATHS))).collect(),
            Err(_) => vec![order],
        };
        let mut succeeded = 0;
        for path in paths {
            match bot.read(&path).await {
                Ok(page) => {
                    check(&path, &page.json().unwrap());
                    succeeded += 1;
                }
                Err(error) => assert_eq!(error.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED), "{error}"),
            }
            tokio::task::yield_now().await;
        }
        println!("pages: {succeeded}");
    }
}

async fn processes_are_killed(store: &str) {
    let service = Service::start().await;
    let mut readers: Vec<Reader> = (0..6).map(|_| Reader::start(&service, store, None)).collect();
    for round in 0..30 {
        for reader in &mut readers {
            reader.order("40").await;
        }
        // This one may be anywhere in its work.
        let last = readers.len() - 1;
        let killed = fastrand::usize(..readers.len());
        for (number, reader) in readers.iter_mut().enumerate() {
            if number == killed {
                reader.process.kill().await.unwrap();
            } else {
                assert_eq!(reader.succeeded().await, 40);
            }
        }
        readers.swap(killed, last);
        readers[last] = Reader::start(&service, store, None);
        // Each version is another text.
        service.sandbox.stub_get(path(round % PATHS), body(&path(round % PATHS)));
    }
    drop(readers);
    let counted = service.client(store, busy()).read_budget().await.unwrap().used() as usize;
    assert!(counted >= service.reads(), "{counted} of {} reads were counted", service.reads());
    assert!(service.reads() > PATHS, "{} reads", service.reads());
}

#[tokio::test]
async fn pages_in_redis_are_whole_and_all_reads_are_counted_although_processes_are_killed() {
    processes_are_killed(&Redis::start(&[]).url()).await;
}

#[tokio::test]
async fn pages_in_files_are_whole_and_all_reads_are_counted_although_processes_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    processes_are_killed(&subfolder(&folder)).await;
}

async fn one_read_is_left(store: &str) {
    let service = Service::start().await;
    let limit = 5;
    let first = service.client(store, ReadCache::in_memory().daily_reads(limit).reserved_reads(0));
    for number in 0..4 {
        first.read(path(number)).await.unwrap();
    }
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::start(&service, store, Some(limit))).collect();
    for reader in &mut readers {
        // All have a session, and know the count.
        reader.order(&path(0)).await;
        assert_eq!(reader.succeeded().await, 1);
    }
    for (number, reader) in readers.iter_mut().enumerate() {
        reader.order(&path(10 + number % 20)).await;
    }
    let mut succeeded = 0;
    for reader in &mut readers {
        succeeded += reader.succeeded().await;
    }
    assert_eq!((succeeded, service.reads()), (1, 5));
    assert_eq!(first.read_budget().await.unwrap().used(), 5);
}

#[tokio::test]
async fn the_last_read_is_sent_by_one_of_20_processes_on_redis() {
    one_read_is_left(&Redis::start(&[]).url()).await;
}

#[tokio::test]
async fn the_last_read_is_sent_by_one_of_20_processes_on_files() {
    let folder = tempfile::tempdir().unwrap();
    one_read_is_left(&subfolder(&folder)).await;
}

#[tokio::test]
async fn a_redis_that_is_emptied_full_or_stopped_loses_no_page_in_memory_and_no_count() {
    let (mut redis, service) = (Redis::start(&[]), Service::start().await);
    let settings = || ReadCache::in_memory().daily_reads(1_000_000).reserved_reads(0);
    let bots = [(); 3].map(|()| service.client(&redis.url(), settings()));
    let read_all = async || {
        for bot in &bots {
            for number in 0..PATHS {
                check(&path(number), &bot.read(path(number)).await.unwrap().json().unwrap());
            }
        }
    };
    read_all().await;
    assert_eq!(service.reads(), PATHS);
    for bot in &bots {
        bot.session().await.unwrap();
    }

    redis.ask::<String>(&["FLUSHALL"]);
    read_all().await;
    bots[0].get("/api/v4/posts").await.unwrap();
    assert_eq!(bots[0].read_budget().await.unwrap().used() as usize, PATHS + 1);

    redis.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    read_all().await;
    check(&path(0), &bots[1].read(path(0)).await.unwrap().json().unwrap());
    bots[1].get("/api/v4/posts").await.unwrap();
    redis.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(bots[1].store_faults().count > 0);

    redis.stop();
    read_all().await;
    bots[2].get("/api/v4/posts").await.unwrap();
    redis.restart();
    let counted = async {
        loop {
            let mut used = 0;
            for bot in &bots {
                used = used.max(bot.read_budget().await.unwrap().used() as usize);
            }
            if used >= service.reads() {
                return used;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let used = tokio::time::timeout(HANG, counted).await.unwrap();
    assert_eq!(used, service.reads());
}

#[tokio::test]
async fn what_is_in_redis_expires_and_is_sealed() {
    let (redis, service) = (Redis::start(&[]), Service::start().await);
    let key = SealingKey::try_from(&[7; 32][..]).unwrap();
    let builder = with_store(service.sandbox.client(), &redis.url()).sealing_key(key);
    let bot = builder.read_cache(ReadCache::in_memory()).build().unwrap();
    for number in 0..5 {
        bot.read(path(number)).await.unwrap();
    }
    bot.forget(path(0)).await.unwrap();
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]);
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in &keys {
        let left: i64 = redis.ask(&["TTL", key]);
        assert!(left > 0, "{key} does not expire");
        let value: Vec<u8> = redis.ask(&["GET", key]);
        let text = String::from_utf8_lossy(&value);
        assert!(!text.contains("checksum") && !text.contains("posts") && !text.contains("reads"), "{key}");
    }
}

#[tokio::test]
async fn pages_survive_a_restart_with_files() {
    let (folder, service) = (tempfile::tempdir().unwrap(), Service::start().await);
    let store = &subfolder(&folder);
    for _ in 0..3 {
        let bot = service.client(store, ReadCache::in_memory());
        let page = bot.read(path(1)).await.unwrap();
        assert_eq!(page.freshness(), Freshness::Fresh);
        assert_eq!(bot.read_budget().await.unwrap().used(), 1);
    }
    assert_eq!(service.reads(), 1);
    assert!(Path::new(store).join("reads.sqlite3").exists());
}
