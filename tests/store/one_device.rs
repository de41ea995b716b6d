//! One device id, several clients: how many registrations it costs, and which reads succeed.
//!
//! The sandbox ends the older token of a device at each registration. The readers are clients in this process, or
//! processes that run [`a_reader_reads_when_it_is_told`].

use std::env;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use social_plus_bot::sandbox::{Fault, Sandbox, SandboxBuilder};
use social_plus_bot::store::RedisStore;
use social_plus_bot::{BotClient, BotClientBuilder, ErrorKind};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::redis_server::Redis;

/// A sandbox that counts the sessions it issues.
struct Service {
    sandbox: Sandbox,
    issued: Arc<AtomicUsize>,
}

impl Service {
    async fn start(settings: impl FnOnce(SandboxBuilder) -> SandboxBuilder) -> Self {
        let sandbox = settings(Sandbox::builder().daily_reads(u32::MAX)).start().await.unwrap();
        let issued = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&issued);
        sandbox.fail_always(Fault::altered(move |_| {
            counter.fetch_add(1, SeqCst);
        }));
        Self { sandbox, issued }
    }

    async fn documented() -> Self {
        Self::start(|sandbox| sandbox).await
    }

    fn registrations(&self) -> usize {
        self.issued.load(SeqCst)
    }
}

/// What became of reads.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reads {
    succeeded: usize,
    in_use: usize,
}

impl Reads {
    fn plus(self, other: Self) -> Self {
        Self { succeeded: self.succeeded + other.succeeded, in_use: self.in_use + other.in_use }
    }
}

async fn read(bot: &BotClient, times: usize) -> Reads {
    let mut reads = Reads::default();
    for _ in 0..times {
        match bot.get("/api/v4/posts").await {
            Ok(_) => reads.succeeded += 1,
            Err(error) if error.kind() == ErrorKind::DeviceInUse => {
                assert!(error.is_transient() && error.retry_after().is_some());
                reads.in_use += 1;
            }
            Err(error) => panic!("{error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
    reads
}

/// Lets each client read at the same time as the others.
async fn read_all(bots: &[BotClient], times: usize) -> Reads {
    let mut all = JoinSet::new();
    for bot in bots {
        let bot = bot.clone();
        all.spawn(async move { read(&bot, times).await });
    }
    all.join_all().await.into_iter().fold(Reads::default(), Reads::plus)
}

fn clients(
    service: &Service,
    count: usize,
    store: impl Fn(BotClientBuilder) -> BotClientBuilder,
) -> Vec<BotClient> {
    (0..count).map(|_| store(service.sandbox.client()).build().unwrap()).collect()
}

fn on(redis: &Redis) -> impl Fn(BotClientBuilder) -> BotClientBuilder {
    |builder| builder.store(RedisStore::new(redis.url()).unwrap())
}

fn all_succeeded(count: usize) -> Reads {
    Reads { succeeded: count, in_use: 0 }
}

#[tokio::test]
async fn one_client_registers_once() {
    let service = Service::documented().await;
    let bots = clients(&service, 1, |builder| builder);
    assert_eq!(read_all(&bots, 50).await, all_succeeded(50));
    assert_eq!(service.registrations(), 1);
}

/// The registrations of a client in this time if each token is refused: the first, one for the first refusal, and one
/// after each pause. They are five at most in 42 s.
fn most_registrations(elapsed: Duration) -> usize {
    let pauses = [2, 10, 42, 170, 682, 1_882];
    2 + pauses.into_iter().filter(|seconds| elapsed >= Duration::from_secs(*seconds)).count()
}

#[tokio::test]
async fn clients_without_a_store_do_not_fight_over_the_device() {
    for count in [2, 8] {
        let service = Service::documented().await;
        let bots = clients(&service, count, |builder| builder);
        let start = Instant::now();
        let reads = read_all(&bots, 50).await;
        println!("{count} clients: {} registrations, {reads:?}", service.registrations());
        assert_eq!(reads.succeeded + reads.in_use, count * 50);
        assert!(reads.succeeded >= 50 / 2, "one of them reads at any time");
        assert!(service.registrations() <= count * most_registrations(start.elapsed()));
    }
}

#[tokio::test]
async fn clients_without_a_store_share_the_device_in_the_narrower_reading() {
    let service = Service::start(SandboxBuilder::keep_older_tokens).await;
    let bots = clients(&service, 8, |builder| builder);
    assert_eq!(read_all(&bots, 10).await, all_succeeded(80));
    assert_eq!(service.registrations(), 8);
}

#[tokio::test]
async fn clients_with_a_session_read_on_while_redis_is_down() {
    let (mut redis, service) = (Redis::start(&[]), Service::documented().await);
    let bots = clients(&service, 8, on(&redis));
    assert_eq!(read_all(&bots, 1).await, all_succeeded(8));
    redis.stop();
    assert_eq!(read_all(&bots, 50).await, all_succeeded(400));
    assert_eq!(service.registrations(), 1);
}

#[tokio::test]
async fn clients_on_one_redis_register_once() {
    let (redis, service) = (Redis::start(&[]), Service::documented().await);
    let bots = clients(&service, 8, on(&redis));
    assert_eq!(read_all(&bots, 50).await, all_succeeded(400));
    assert_eq!(service.registrations(), 1);
}

/// The lifetime of short tokens.
const SHORT: Duration = Duration::from_secs(6);

/// At most so many registrations of short tokens in this time: each is refreshed when 75 % of it are over.
fn refreshes(elapsed: Duration) -> usize {
    1 + elapsed.div_duration_f64(Duration::from_millis(4_400)) as usize
}

#[tokio::test]
async fn clients_on_one_redis_hand_short_tokens_over() {
    let redis = Redis::start(&[]);
    let service = Service::start(|sandbox| sandbox.lifetime(SHORT)).await;
    let bots = clients(&service, 8, on(&redis));
    let start = Instant::now();
    assert_eq!(read_all(&bots, 200).await, all_succeeded(1_600));
    assert!(service.registrations() <= refreshes(start.elapsed()), "{}", service.registrations());
}

#[tokio::test]
async fn a_call_to_register_is_the_session_of_all_clients() {
    let (redis, service) = (Redis::start(&[]), Service::documented().await);
    let bots = clients(&service, 2, on(&redis));
    for _ in 0..10 {
        let session = bots[0].register().await.unwrap();
        for bot in &bots {
            bot.get("/api/v4/posts").await.unwrap();
            assert_eq!(bot.access_token().await.unwrap(), *session.access_token());
        }
    }
    assert_eq!(service.registrations(), 10);
}

#[tokio::test]
async fn a_caller_with_a_client_of_its_own_gets_the_token_after_the_refused_one() {
    let (redis, service) = (Redis::start(&[]), Service::documented().await);
    let bots = clients(&service, 2, on(&redis));
    let mut tokens = Vec::new();
    for bot in &bots {
        tokens.push(bot.access_token().await.unwrap());
    }
    assert_eq!(tokens[0], tokens[1]);
    service.sandbox.revoke_tokens();
    let first = bots[0].access_token_after(&tokens[0]).await.unwrap();
    assert_ne!(first, tokens[0]);
    assert_eq!(bots[1].access_token_after(&tokens[1]).await.unwrap(), first);
    // A process that starts later and was told of the refusal otherwise.
    let late = clients(&service, 1, on(&redis)).remove(0);
    assert_eq!(late.access_token_after(&tokens[0]).await.unwrap(), first);
    assert_eq!(service.registrations(), 2);
}

/// A process of its own.
struct Reader {
    orders: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

const ADDRESS: &str = "READER_ADDRESS";
const STORE: &str = "READER_STORE";

impl Reader {
    fn start(service: &Service, store: Option<&Redis>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "one_device::a_reader_reads_when_it_is_told", "--nocapture"]);
        command.env(ADDRESS, service.sandbox.base_url());
        if let Some(redis) = store {
            command.env(STORE, redis.url());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let results = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { orders, results, _process: process }
    }

    async fn read(&mut self, times: usize) -> Reads {
        self.orders.write_all(format!("{times}\n").as_bytes()).await.unwrap();
        while let Some(line) = self.results.next_line().await.unwrap() {
            // The test program prints lines of its own.
            if let Some((_, counts)) = line.split_once("reads: ") {
                let (succeeded, in_use) = counts.split_once(' ').unwrap();
                return Reads { succeeded: succeeded.parse().unwrap(), in_use: in_use.parse().unwrap() };
            }
        }
        panic!("the reader ended");
    }
}

/// Reads once, or as the process of another test as often as each line of standard input says.
#[tokio::test]
async fn a_reader_reads_when_it_is_told() {
    let Ok(address) = env::var(ADDRESS) else {
        let service = Service::documented().await;
        let bot = service.sandbox.client().build().unwrap();
        return assert_eq!(read(&bot, 1).await, all_succeeded(1));
    };
    let mut builder = BotClient::builder().base_url(address).api_key("sandbox-key").device_id("sandbox");
    if let Ok(store) = env::var(STORE) {
        builder = builder.store(RedisStore::new(store).unwrap());
    }
    let bot = builder.build().unwrap();
    let mut orders = BufReader::new(stdin()).lines();
    while let Some(times) = orders.next_line().await.unwrap() {
        let Reads { succeeded, in_use } = read(&bot, times.parse().unwrap()).await;
        println!("reads: {succeeded} {in_use}");
    }
}

const PROCESSES: usize = 16;

fn processes(service: &Service, store: Option<&Redis>) -> Vec<Reader> {
    (0..PROCESSES).map(|_| Reader::start(service, store)).collect()
}

async fn all_read(readers: &mut Vec<Reader>, times: usize) -> Reads {
    let mut all = JoinSet::new();
    for mut reader in readers.drain(..) {
        all.spawn(async move {
            let reads = reader.read(times).await;
            (reader, reads)
        });
    }
    let mut total = Reads::default();
    for (reader, reads) in all.join_all().await {
        readers.push(reader);
        total = total.plus(reads);
    }
    total
}

#[tokio::test]
async fn processes_without_a_store_do_not_fight_over_the_device() {
    let service = Service::documented().await;
    let mut readers = processes(&service, None);
    let start = Instant::now();
    let reads = all_read(&mut readers, 200).await;
    println!("{} registrations, {reads:?}", service.registrations());
    assert_eq!(reads.succeeded + reads.in_use, PROCESSES * 200);
    assert!(reads.succeeded >= 100, "one of them reads at any time");
    assert!(service.registrations() <= PROCESSES * most_registrations(start.elapsed()));
}

#[tokio::test]
async fn processes_read_on_while_redis_is_stopped_and_started_again() {
    let (mut redis, service) = (Redis::start(&[]), Service::documented().await);
    let mut readers = processes(&service, Some(&redis));
    assert_eq!(all_read(&mut readers, 1).await, all_succeeded(PROCESSES));
    redis.stop();
    assert_eq!(all_read(&mut readers, 40).await, all_succeeded(PROCESSES * 40));
    redis.restart();
    assert_eq!(all_read(&mut readers, 40).await, all_succeeded(PROCESSES * 40));
    assert_eq!(service.registrations(), 1);
}

#[tokio::test]
async fn processes_hand_short_tokens_over_five_times() {
    let redis = Redis::start(&[]);
    let service = Service::start(|sandbox| sandbox.lifetime(SHORT)).await;
    let mut readers = processes(&service, Some(&redis));
    let start = Instant::now();
    while service.registrations() < 6 {
        assert_eq!(all_read(&mut readers, 20).await, all_succeeded(PROCESSES * 20));
    }
    assert!(service.registrations() <= refreshes(start.elapsed()), "{}", service.registrations());
}
