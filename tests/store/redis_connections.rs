//! Connections to Redis that are lost, forgotten or used on several runtimes.

use social_plus_bot::store::RedisStore;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::redis::{bot, token};
use crate::redis_server::Redis;

use crate::service;

#[tokio::test]
async fn a_connection_that_broke_since_the_last_time_is_no_fault() {
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
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
    let sandbox = outer.block_on(service::start()).unwrap();
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
    let (redis, sandbox) = (Redis::start(&[]), service::start().await.unwrap());
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
