//! A fleet on a real Redis, and what can happen to that.

use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::store::RedisStore;
use tokio::task::JoinSet;

use crate::redis_server::Redis;

use crate::service;

/// Clients with a store each, as in processes of their own.
struct Fleet {
    sandbox: Sandbox,
    bots: Vec<BotClient>,
}

const CLIENTS: usize = 100;

impl Fleet {
    /// A fleet in which every client has the session.
    async fn start(redis: &Redis) -> Self {
        let sandbox = service::builder().daily_reads(u32::MAX).start().await.unwrap();
        let store = || RedisStore::new(redis.url()).unwrap();
        let bots = (0..CLIENTS).map(|_| sandbox.client().store(store()).build().unwrap()).collect();
        let fleet = Self { sandbox, bots };
        fleet.read().await;
        assert_eq!(fleet.registrations(), 1);
        fleet
    }

    /// Lets every client read once. No read fails.
    async fn read(&self) {
        let mut reads = JoinSet::new();
        for bot in &self.bots {
            let bot = bot.clone();
            reads.spawn(async move { bot.get("/api/v4/posts").await });
        }
        for read in reads.join_all().await {
            read.unwrap();
        }
    }

    fn registrations(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.method() == "POST").count()
    }

    /// A revoked token is replaced once for all, so the fleet shares again.
    async fn shares(&self) {
        let before = self.registrations();
        self.sandbox.revoke_tokens();
        self.read().await;
        assert_eq!(self.registrations(), before + 1);
        assert!(self.sandbox.violations().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_reads_on_while_redis_is_restarted() {
    let mut redis = Redis::start(&[]);
    let fleet = Fleet::start(&redis).await;
    redis.stop();
    fleet.read().await;
    redis.restart();
    fleet.read().await;
    assert_eq!(fleet.registrations(), 1);
    fleet.shares().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_reads_on_while_redis_is_flushed_and_its_keys_overwritten() {
    let redis = Redis::start(&[]);
    let fleet = Fleet::start(&redis).await;
    let keys: Vec<String> = redis.ask(&["KEYS", "*:session"]);
    let session = &keys[0];
    let lease = session.replace(":session", ":lease");
    for words in [
        &["FLUSHALL"][..],
        &["SET", session, "garbage"],
        &["SET", session, "{\"version\":99}"],
        &["SET", &lease, "garbage"],
    ] {
        let _: String = redis.ask(words);
        fleet.read().await;
    }
    for key in [session, &lease] {
        let _: i64 = redis.ask(&["DEL", key]);
        let _: i64 = redis.ask(&["LPUSH", key, "garbage"]);
        fleet.read().await;
    }
    assert_eq!(fleet.registrations(), 1);
    fleet.shares().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_reads_on_while_redis_is_out_of_memory() {
    let redis = Redis::start(&[]);
    let fleet = Fleet::start(&redis).await;
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    fleet.read().await;
    let _: String = redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(fleet.registrations(), 1);
    fleet.shares().await;
}
