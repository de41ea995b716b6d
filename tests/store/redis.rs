//! Sessions shared through a real Redis: their time to live, leases, sealing, and the settings of the store.

use std::collections::HashSet;
use std::time::Duration;

use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::store::{RedisStore, SealingKey};
use social_plus_bot::{BotClient, ErrorKind};
use tokio::task::JoinSet;

use crate::redis_server::Redis;

use crate::service;

pub fn bot(sandbox: &Sandbox, url: &str) -> BotClient {
    sandbox.client().store(RedisStore::new(url).unwrap()).build().unwrap()
}

pub async fn token(bot: &BotClient) -> String {
    bot.access_token().await.unwrap().expose_secret().to_owned()
}

/// The key of a kept session.
pub fn session_key(redis: &Redis) -> String {
    let keys: Vec<String> = redis.ask(&["KEYS", "*:session"]);
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].clone()
}

#[tokio::test]
async fn a_fleet_registers_once_and_releases_the_lease() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let bot = bot(&sandbox, &redis.url());
        all.spawn(async move { token(&bot).await });
    }
    let tokens: HashSet<_> = all.join_all().await.into_iter().collect();
    assert_eq!((tokens.len(), sandbox.requests().len()), (1, 1));
    let keys: Vec<String> = redis.ask(&["KEYS", "*"]);
    assert_eq!(keys, [session_key(&redis)]);
}

#[tokio::test]
async fn a_session_expires_in_redis_with_its_token() {
    let redis = Redis::start(&[]);
    let sandbox = service::builder().lifetime(Duration::from_secs(5 * 60 * 60)).start().await.unwrap();
    token(&bot(&sandbox, &redis.url())).await;
    let left: i64 = redis.ask(&["PTTL", &session_key(&redis)]);
    let hours = 5 * 60 * 60 * 1000;
    assert!((hours - 60_000..=hours).contains(&left), "{left} ms");
}

#[tokio::test]
async fn what_redis_says_is_left_counts_whatever_this_machine_s_clock_says() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let first = token(&bot(&sandbox, &redis.url())).await;
    // As on a machine whose clock was three days behind when it wrote this.
    let four_days = 4 * 24 * 60 * 60 * 1000;
    let _: i64 = redis.ask(&["PEXPIRE", &session_key(&redis), &four_days.to_string()]);
    assert_ne!(token(&bot(&sandbox, &redis.url())).await, first, "it was due for renewal");
}

#[tokio::test]
async fn what_redis_says_is_left_overrules_a_clock_that_is_ahead() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let first = token(&bot(&sandbox, &redis.url())).await;
    // As a machine sees it whose clock is 25 days ahead of that of the one that wrote it.
    let session = session_key(&redis);
    let record: String = redis.ask(&["GET", &session]);
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let received = record["newest"]["received_ms"].as_u64().unwrap();
    record["newest"]["received_ms"] = (received - 25 * 24 * 60 * 60 * 1000).into();
    let _: String = redis.ask(&["SET", &session, &record.to_string(), "KEEPTTL"]);
    assert_eq!(token(&bot(&sandbox, &redis.url())).await, first);
    assert_eq!(sandbox.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_token_leaves_redis_unless_another_took_its_place() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let bots = [(); 5].map(|()| bot(&sandbox, &redis.url()));
    let first = token(&bots[0]).await;
    for bot in &bots {
        assert_eq!(token(bot).await, first);
    }
    sandbox.revoke_tokens();
    for bot in &bots {
        assert_eq!(bot.get("/api/v4/posts").await.unwrap().status(), 200);
        assert_ne!(token(bot).await, first);
    }
    let registrations = sandbox.requests().iter().filter(|request| request.method() == "POST").count();
    assert_eq!(registrations, 2);
}

#[tokio::test]
async fn a_wrong_password_is_a_wrong_setting_and_is_not_shown() {
    let (redis, sandbox) = (Redis::start(&["--requirepass", "right-one"]), service::start().await.unwrap());
    for user in ["redis://:swordfish@", "redis://somebody:swordfish@", "redis://"] {
        let bot = bot(&sandbox, &redis.url().replace("redis://", user));
        let error = bot.stored_session().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("rejects the user or password"), "{error}");
        let error = bot.access_token().await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Config, false), "{error}");
        let shown = format!("{error:?} {bot:?} {:?}", bot.store_faults());
        assert!(!shown.contains("swordfish"), "{shown}");
    }
    let bot = bot(&sandbox, &redis.url().replace("redis://", "redis://:right-one@"));
    token(&bot).await;
    assert_eq!(bot.store_faults().count, 0);
}

#[test]
fn an_invalid_address_is_an_error_that_does_not_show_it() {
    for url in [
        "",
        "swordfish",
        "http://swordfish",
        "redis://",
        "redis://:swordfish@host:99999",
        "redis://host/swordfish",
        "redis://host?protocol=swordfish",
    ] {
        let error = RedisStore::new(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("store: ") && !shown.contains("swordfish"), "{shown}");
    }
}

#[tokio::test]
async fn neither_key_nor_token_is_shown_of_a_session_in_redis() {
    const KEY: &str = "b0e8a2c4d6f81357";
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let store = RedisStore::new(redis.url()).unwrap();
    let mut shown = format!("{store:?}");
    let bot = sandbox.client().api_key(KEY).store(store).build().unwrap();
    let first = token(&bot).await;
    // Damage the stored session, so that the client detects and replaces it.
    for name in redis.ask::<Vec<String>>(&["KEYS", "*"]) {
        let stored: String = redis.ask(&["GET", &name]);
        assert!(!stored.contains(KEY) && !name.contains(KEY), "the key is in {name}");
        let _: String = redis.ask(&["SET", &name, &stored.replace("\"received_ms\"", "\"recieved_ms\"")]);
        shown += &name;
    }
    bot.invalidate(&first.clone().into());
    let next = token(&bot).await;
    assert!(bot.store_faults().last.unwrap().to_string().contains("it is damaged"));
    shown += &format!("{bot:?} {:?} {:?}", bot.store_faults(), bot.stored_session().await);
    for secret in [KEY, &first, &next] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_sealed_session_is_readable_with_the_key_only() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let sealed = |byte: u8| {
        let key = SealingKey::try_from(&[byte; 32][..]).unwrap();
        sandbox.client().store(RedisStore::new(redis.url()).unwrap()).sealing_key(key).build().unwrap()
    };
    let first = token(&sealed(1)).await;
    let value: Vec<u8> = redis.ask(&["GET", &session_key(&redis)]);
    let value = String::from_utf8_lossy(&value);
    for secret in [first.as_str(), "accessToken", "sandbox-key", "userId"] {
        assert!(!value.contains(secret), "{secret} is in {value}");
    }
    assert_eq!(token(&sealed(1)).await, first);
    let stranger = sealed(2);
    assert_ne!(token(&stranger).await, first);
    assert!(stranger.store_faults().last.unwrap().to_string().contains("sealed with another key"));
    let open = bot(&sandbox, &redis.url());
    token(&open).await;
    assert!(open.store_faults().last.unwrap().to_string().contains("it is sealed"));
}

#[tokio::test]
async fn a_lease_that_lasts_longer_than_one_s_own_is_respected() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let with_timeout = |timeout| {
        let store = RedisStore::new(redis.url()).unwrap();
        sandbox.client().timeout(Duration::from_secs(timeout)).store(store).build().unwrap()
    };
    let (patient, hasty) = (with_timeout(600), with_timeout(2));
    sandbox.fail_always(Fault::delay(Duration::from_secs(1)));
    let registers = tokio::spawn(async move { token(&patient).await });
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = token(&hasty).await;
    assert_eq!(second, registers.await.unwrap());
    assert_eq!((sandbox.requests().len(), hasty.store_faults().count), (1, 0));
}

#[tokio::test]
async fn a_lease_that_no_client_would_take_counts_as_free() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    token(&bot(&sandbox, &redis.url())).await;
    let session = session_key(&redis);
    let lease = session.replace(":session", ":lease");
    let two_hours = "7200000";
    for words in [&["SET", &lease, "garbage", "PX", two_hours][..], &["SET", &lease, "garbage"]] {
        let _: i64 = redis.ask(&["DEL", &session]);
        let _: String = redis.ask(words);
        let bot = bot(&sandbox, &redis.url());
        token(&bot).await;
        assert_eq!(bot.store_faults().count, 0);
        let left: i64 = redis.ask(&["PTTL", &lease]);
        assert_eq!(left, -2, "it was taken and given back");
    }
}

#[tokio::test]
async fn a_user_of_redis_needs_the_documented_permissions_and_no_others() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
    let user = |rights: &[&str]| {
        let mut words = vec!["ACL", "SETUSER", "bot", "reset", "on", ">swordfish"];
        words.extend(rights);
        let _: String = redis.ask(&words);
        bot(&sandbox, &redis.url().replace("redis://", "redis://bot:swordfish@"))
    };
    let documented = ["~social-plus-bot:*", "+eval", "+get", "+set", "+del", "+pttl"];
    let sharing = user(&documented);
    let first = token(&sharing).await;
    assert_eq!(token(&user(&documented)).await, first);
    assert_eq!(sharing.store_faults().count, 0, "{:?}", sharing.store_faults());

    for lacks in ["+eval", "+get", "+pttl", "~social-plus-bot:*"] {
        let rights: Vec<_> = documented.into_iter().filter(|right| *right != lacks).collect();
        let error = user(&rights).stored_session().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        let said = error.to_string();
        assert!(said.contains("ACL user lacks a permission") && said.contains(documented[0]), "{said}");
        assert!(!said.contains("password") && !said.contains("swordfish"), "{said}");
        if lacks == "+eval" {
            assert!(said.contains("eval"), "{said}");
        }
    }
    for lacks in ["+set", "+del"] {
        let rights: Vec<_> = documented.into_iter().filter(|right| *right != lacks).collect();
        let bot = user(&rights);
        let _: i64 = redis.ask(&["DEL", &session_key(&redis)]);
        let fault = match bot.access_token().await {
            // Without `+del` only the lease can't be given back.
            Ok(_) => bot.store_faults().last.unwrap(),
            Err(error) => error,
        };
        assert!(fault.to_string().contains("ACL user lacks a permission"), "{fault}");
        token(&self::bot(&sandbox, &redis.url())).await;
    }
}

#[tokio::test]
async fn a_cluster_node_is_reported_as_unsupported() {
    let (redis, sandbox) = (Redis::start(&["--cluster-enabled", "yes"]), service::start().await.unwrap());
    let error = bot(&sandbox, &redis.url()).stored_session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("Redis Cluster"), "{error}");
}
