//! Servers that speak the protocol of Redis and respond with something unexpected, or with nothing.

use std::error::Error as _;

use social_plus_bot::ErrorKind;
use social_plus_bot::store::{RedisStore, StoreOutage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::redis::{bot, token};

use crate::service;

#[tokio::test]
async fn a_server_that_is_no_redis_or_says_nothing_is_a_store_outage() {
    let sandbox = service::start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("redis://{}", silent.local_addr().unwrap());
    for url in [sandbox.base_url().replace("http://", "redis://"), silent, "redis://127.0.0.1:1".to_owned()] {
        let error = bot(&sandbox, &url).access_token().await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Store, true));
        let address = url.trim_start_matches("redis://");
        assert!(error.to_string().contains(address) || error.to_string().contains("within 2s"), "{error}");
        // The error of a refused connection can be told apart; a response is not passed on.
        let source = error.source().and_then(|source| source.downcast_ref::<redis::RedisError>());
        let is_refused = source.is_some_and(|source| source.is_connection_refusal());
        assert_eq!(is_refused, address == "127.0.0.1:1", "{error:?}");

        let store = RedisStore::new(&url).unwrap();
        let alone = sandbox.client().store(store).on_store_outage(StoreOutage::Register).build().unwrap();
        token(&alone).await;
        assert_eq!(alone.store_faults().last.unwrap().kind(), ErrorKind::Store);
    }
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
                            Some(script) if script.starts_with("local value") => load.to_owned(),
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
    let sandbox = service::start().await.unwrap();
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
        assert!(faults.last.unwrap().source().is_none());
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
