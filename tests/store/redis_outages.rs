//! What 200 clients get while Redis is restarted, flushed, slow or full, and how connections are replaced.

use std::sync::Arc;
use std::time::Duration;

use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::store::RedisStore;
use social_plus_bot::{AccessToken, Error};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::redis::{bot, session_key, token};
use crate::redis_server::Redis;

/// 200 clients, each in a task of its own.
struct Fleet {
    sandbox: Arc<Sandbox>,
    round: watch::Sender<()>,
    answers: mpsc::UnboundedReceiver<Result<AccessToken, Error>>,
    tasks: JoinSet<u64>,
}

const CLIENTS: usize = 200;

impl Fleet {
    async fn start(redis: &Redis) -> Self {
        let sandbox = Arc::new(Sandbox::start().await.unwrap());
        let (round, _) = watch::channel(());
        let (answer, answers) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for _ in 0..CLIENTS {
            let bot = bot(&sandbox, &redis.url());
            let (mut round, answer) = (round.subscribe(), answer.clone());
            tasks.spawn(async move {
                let mut present = None;
                while round.changed().await.is_ok() {
                    // As if the service had refused the present one.
                    if let Some(present) = &present {
                        bot.invalidate(present);
                    }
                    let token = bot.access_token().await;
                    present = token.as_ref().ok().cloned();
                    answer.send(token).unwrap();
                }
                bot.store_faults().count
            });
        }
        let mut fleet = Self { sandbox, round, answers, tasks };
        fleet.register_again().await;
        fleet
    }

    /// Lets everybody need a new session at once. Nobody goes without. Returns how many registrations it took.
    async fn register_again(&mut self) -> usize {
        let before = self.sandbox.requests().len();
        self.round.send_replace(());
        for _ in 0..CLIENTS {
            let answer = timeout(Duration::from_secs(120), self.answers.recv()).await;
            answer.expect("an answer within two minutes").unwrap().expect("the service is up");
        }
        self.sandbox.requests().len() - before
    }

    /// Sends everybody home, once they share again. Returns how many faults of the store they saw.
    async fn stop(mut self) -> u64 {
        // In the first round each may still hold a session of its own, and on a busy machine an operation of the store
        // may take too long.
        let mut registrations = Vec::new();
        while registrations.last().is_none_or(|last| *last > 10) {
            assert!(registrations.len() < 20, "they don't share again: {registrations:?}");
            registrations.push(self.register_again().await);
        }
        drop(self.round);
        let faults = self.tasks.join_all().await.into_iter().sum();
        println!("{faults} faults; {registrations:?} registrations in the last rounds");
        assert!(self.sandbox.violations().is_empty());
        faults
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_sessions_while_redis_is_restarted() {
    let mut redis = Redis::start(&[]);
    let mut fleet = Fleet::start(&redis).await;
    redis.stop();
    fleet.register_again().await;
    redis.restart();
    assert!(fleet.stop().await >= CLIENTS as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_sessions_while_redis_is_flushed_and_its_keys_overwritten() {
    let redis = Redis::start(&[]);
    let mut fleet = Fleet::start(&redis).await;
    let session = session_key(&redis);
    let lease = session.replace(":session", ":lease");
    for words in [
        &["FLUSHALL"][..],
        &["SET", &session, "garbage"],
        &["SET", &session, "{\"version\":99}"],
        &["SET", &lease, "garbage"],
    ] {
        let _: String = redis.ask(words);
        fleet.register_again().await;
    }
    for key in [&session, &lease] {
        let _: i64 = redis.ask(&["DEL", key]);
        let _: i64 = redis.ask(&["LPUSH", key, "garbage"]);
        fleet.register_again().await;
    }
    assert!(fleet.stop().await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_sessions_while_redis_is_slow() {
    let redis = Redis::start(&[]);
    let mut fleet = Fleet::start(&redis).await;
    let client = ::redis::Client::open(redis.url()).unwrap();
    let sleeps = tokio::task::spawn_blocking(move || {
        let mut command = ::redis::cmd("DEBUG");
        command.arg(&["SLEEP", "5"]);
        command.query::<String>(&mut client.get_connection().unwrap()).unwrap();
    });
    fleet.register_again().await;
    sleeps.await.unwrap();
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_sessions_while_redis_is_out_of_memory() {
    let redis = Redis::start(&[]);
    let mut fleet = Fleet::start(&redis).await;
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    fleet.register_again().await;
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(fleet.stop().await > 0);
}

#[tokio::test]
async fn a_connection_that_broke_since_the_last_time_is_no_fault() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
    let bot = bot(&sandbox, &redis.url());
    token(&bot).await;
    let killed: i64 = redis.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(killed > 0);
    assert!(bot.stored_session().await.unwrap().is_some());
    assert_eq!(bot.store_faults().count, 0);
}

#[test]
fn a_store_outlives_the_runtime_in_which_it_was_first_used() {
    let redis = Redis::start(&[]);
    let store = RedisStore::new(redis.url()).unwrap();
    // The last one is not driven while another one is.
    let outer = Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = outer.block_on(Sandbox::start()).unwrap();
    for round in 0..2 {
        let device = format!("device-{round}");
        let bot = sandbox.client().device_id(device).store(store.clone()).build().unwrap();
        let inner = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        for _ in 0..2 {
            inner.block_on(bot.stored_session()).unwrap();
        }
        drop(inner);
        outer.block_on(async { token(&bot).await });
        assert_eq!(bot.store_faults().count, 0, "{round}: {:?}", bot.store_faults());
    }
}

/// A way to Redis that forgets its connections when told to, without telling anybody.
async fn forgetful(port: u16) -> (String, watch::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (forget, told) = watch::channel(());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut told = told.clone();
            told.mark_unchanged();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    // It stays open, and nothing passes.
                    _ = told.changed() => std::future::pending().await,
                }
            });
        }
    });
    (url, forget)
}

#[tokio::test]
async fn a_connection_that_was_forgotten_on_the_way_is_replaced_and_no_fault() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
    let (url, forget) = forgetful(redis.port()).await;
    let bot = bot(&sandbox, &url);
    let first = token(&bot).await;
    for _ in 0..2 {
        forget.send_replace(());
        let kept = bot.stored_session().await.unwrap().unwrap();
        assert_eq!(kept.access_token().expose_secret(), first);
    }
    assert_eq!(bot.store_faults().count, 0, "{:?}", bot.store_faults());
}
