//! Sharing through a real Redis, and through everything that can happen to one.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::store::{RedisStore, SealingKey, StoreOutage};
use social_plus_bot::{BotClient, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::redis_server::Redis;

fn bot(sandbox: &Sandbox, url: &str) -> BotClient {
    sandbox.client().store(RedisStore::new(url).unwrap()).build().unwrap()
}

async fn token(bot: &BotClient) -> String {
    bot.access_token().await.unwrap().expose_secret().to_owned()
}

/// The key of a kept session.
fn session_key(redis: &Redis) -> String {
    let keys: Vec<String> = redis.ask(&["KEYS", "*:session"]);
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].clone()
}

#[tokio::test]
async fn a_fleet_registers_once_and_releases_the_lease() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let sandbox = Sandbox::builder().lifetime(TimeDelta::hours(5)).start().await.unwrap();
    token(&bot(&sandbox, &redis.url())).await;
    let left: i64 = redis.ask(&["PTTL", &session_key(&redis)]);
    let hours = 5 * 60 * 60 * 1000;
    assert!((hours - 60_000..=hours).contains(&left), "{left} ms");
}

#[tokio::test]
async fn what_redis_says_is_left_counts_whatever_this_machine_s_clock_says() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
    let first = token(&bot(&sandbox, &redis.url())).await;
    // As on a machine whose clock was three days behind when it wrote this.
    let four_days = 4 * 24 * 60 * 60 * 1000;
    let _: i64 = redis.ask(&["PEXPIRE", &session_key(&redis), &four_days.to_string()]);
    assert_ne!(token(&bot(&sandbox, &redis.url())).await, first, "it was due for renewal");
}

#[tokio::test]
async fn what_redis_says_is_left_overrules_a_clock_that_is_ahead() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
async fn a_connection_that_broke_since_the_last_time_is_no_fault() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
    let bot = bot(&sandbox, &redis.url());
    token(&bot).await;
    let killed: i64 = redis.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(killed > 0);
    assert!(bot.stored_session().await.unwrap().is_some());
    assert_eq!(bot.store_faults().count, 0);
}

#[tokio::test]
async fn a_server_that_is_no_redis_or_says_nothing_is_a_store_outage() {
    let sandbox = Sandbox::start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("redis://{}", silent.local_addr().unwrap());
    for url in [sandbox.base_url().replace("http://", "redis://"), silent, "redis://127.0.0.1:1".to_owned()] {
        let error = bot(&sandbox, &url).access_token().await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Store, true));
        let address = url.trim_start_matches("redis://");
        assert!(error.to_string().contains(address) || error.to_string().contains("within 2s"), "{error}");

        let store = RedisStore::new(&url).unwrap();
        let alone = sandbox.client().store(store).on_store_outage(StoreOutage::Register).build().unwrap();
        token(&alone).await;
        assert_eq!(alone.store_faults().last.unwrap().kind(), ErrorKind::Store);
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_wrong_setting_and_is_not_shown() {
    let (redis, sandbox) = (Redis::start(&["--requirepass", "right-one"]), Sandbox::start().await.unwrap());
    for user in ["redis://:swordfish@", "redis://somebody:swordfish@", "redis://"] {
        let bot = bot(&sandbox, &redis.url().replace("redis://", user));
        let error = bot.stored_session().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("refuses user or password"), "{error}");
        assert_eq!(bot.access_token().await.unwrap_err().kind(), ErrorKind::Config);
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
async fn a_sealed_session_is_readable_with_the_key_only() {
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let (redis, sandbox) = (Redis::start(&[]), Sandbox::start().await.unwrap());
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
    let (redis, sandbox) = (Redis::start(&["--cluster-enabled", "yes"]), Sandbox::start().await.unwrap());
    let error = bot(&sandbox, &redis.url()).stored_session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("Redis Cluster"), "{error}");
}

/// A server that speaks the protocol of Redis, and has its own answers to a load and a save. Those to a save are told
/// what came.
async fn peculiar(
    load: &'static str,
    save: impl Fn(&str) -> String + Send + Sync + Copy + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut came = Vec::new();
                while client.read_buf(&mut came).await.is_ok_and(|read| read > 0) {
                    while let Some((length, words)) = crate::proxy::command(&came) {
                        let words: Vec<_> = words.into_iter().map(String::from_utf8_lossy).collect();
                        let answer = match words.get(1).map(AsRef::as_ref) {
                            Some(script) if script.contains("'get', KEYS[1]), redis.call('pttl'") => {
                                load.to_owned()
                            }
                            Some(script) if script.starts_with("local present") => save(&words[4]),
                            Some(script) if words[0] == "EVAL" && script.starts_with("local left") => {
                                ":1\r\n".to_owned()
                            }
                            _ if words[0] == "EVAL" => ":0\r\n".to_owned(),
                            _ => "+OK\r\n".to_owned(),
                        };
                        came.drain(..length);
                        client.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_quotes_what_it_was_sent_does_not_bring_the_token_into_an_error() {
    let sandbox = Sandbox::start().await.unwrap();
    let nothing = "*2\r\n$-1\r\n:-2\r\n";
    let quotes: fn(&str) -> String = |came| format!("-ERR can't keep '{came}'\r\n");
    let echoes: fn(&str) -> String = |came| format!("*1\r\n${}\r\n{came}\r\n", came.len());
    for save in [quotes, echoes] {
        let bot = bot(&sandbox, &peculiar(nothing, save).await);
        let token = token(&bot).await;
        let faults = bot.store_faults();
        let said = format!(
            "{:?} {}",
            faults,
            faults.last.clone().map(|fault| fault.to_string()).unwrap_or_default()
        );
        println!("{said}");
        for part in token.split('.') {
            assert!(!said.contains(part), "{said}");
        }
    }
    let stored = "$24\r\n{\"accessToken\":\"0paque\"}\r\n";
    let bot = bot(&sandbox, &peculiar(stored, quotes).await);
    let error = bot.stored_session().await.unwrap_err();
    println!("{error} {error:?}");
    assert!(!format!("{error} {error:?}").contains("0paque"), "{error}");
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
