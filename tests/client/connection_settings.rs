//! Connections with the caller's settings, and what these can't change.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use reqwest::{Proxy, StatusCode, redirect};
use social_plus_bot::{BotClient, BotClientBuilder, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::raw_service::reads_get;
use crate::secrets::{Shown, logged};
use crate::service;

/// A proxy that connects to what it is asked for. Returns its address, and the requests that it gets.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            noted.lock().unwrap().push(head);
            tokio::spawn(async move {
                let mut service = TcpStream::connect(target).await.unwrap();
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                copy_bidirectional(&mut socket, &mut service).await.ok();
            });
        }
    });
    (address, requests)
}

fn client(address: String) -> BotClientBuilder {
    BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address)
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_proxy_and_a_root_certificate_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let service = crate::tls_service::TlsService::start(folder.path());
    let (proxy, requests) = proxy().await;
    let authority = service.authority();
    let proxy = Proxy::https(proxy).unwrap().basic_auth("reader", "pass-word");
    let builder = client(service.address())
        .configure_http(move |http| http.proxy(proxy.clone()).tls_certs_merge([authority.clone()]));
    let bot = builder.build().unwrap();
    assert_eq!(bot.access_token().await.unwrap().expose_secret(), "abc");
    let requests = requests.lock().unwrap().clone();
    let target = service.address().replace("https://", "");
    assert!(requests[0].starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")), "{requests:?}");
    assert!(!requests[0].contains("b0e8a2c4d6f8") && requests.len() == 1, "{requests:?}");
    let shown = format!("{bot:?}");
    assert!(!shown.contains("pass-word") && !shown.contains("cmVhZGVyOnBhc3Mtd29yZA"), "{shown}");
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn certificates_are_verified_whatever_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let service = crate::tls_service::TlsService::start(folder.path());
    let builder = client(service.address())
        .configure_http(|http| http.tls_danger_accept_invalid_certs(true).https_only(false));
    let error = builder.build().unwrap().register().await.unwrap_err();
    assert!(error.to_string().starts_with("the service's certificate is not trusted"), "{error}");

    let authority = service.authority();
    let elsewhere = service.address().replace("localhost", "127.0.0.1");
    let builder = client(elsewhere).configure_http(move |http| {
        http.tls_certs_only([authority.clone()]).tls_danger_accept_invalid_hostnames(true)
    });
    let error = builder.build().unwrap().register().await.unwrap_err();
    assert!(error.to_string().starts_with("the service's certificate is not trusted"), "{error}");
}

#[tokio::test]
async fn no_proxy_is_used_for_a_plain_address() {
    let sandbox = service::start().await.unwrap();
    let (proxy, requests) = proxy().await;
    let proxy = Proxy::all(proxy).unwrap();
    let bot = sandbox.client().configure_http(move |http| http.proxy(proxy.clone())).build().unwrap();
    bot.get("/a").await.unwrap();
    assert_eq!(*requests.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn localhost_is_this_machine_whatever_is_configured() {
    let sandbox = service::start().await.unwrap();
    let address = sandbox.base_url().replace("127.0.0.1", "localhost");
    assert!(address.starts_with("http://localhost:"), "{address}");
    // Nothing listens there.
    let elsewhere = "127.0.0.2:0".parse().unwrap();
    let builder = sandbox.client().base_url(address);
    let bot = builder.configure_http(move |http| http.resolve("localhost", elsewhere)).build().unwrap();
    bot.get("/a").await.unwrap();
    assert_eq!(sandbox.requests().len(), 2);
}

#[tokio::test]
async fn redirects_are_not_followed_whatever_is_configured() {
    let response = "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n";
    let follow = |builder: BotClientBuilder| {
        builder.configure_http(|http| http.redirect(redirect::Policy::limited(10)))
    };
    assert_eq!(reads_get(response, follow).await.get("/a").await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn the_clients_timeout_replaces_a_configured_one() {
    let patient = |builder: BotClientBuilder| {
        builder
            .timeout(Duration::from_millis(300))
            .configure_http(|http| http.timeout(Duration::from_secs(3600)))
    };
    let error = reads_get([], patient).await.get("/a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_configured_timeout_of_reads_does_not_end_a_request() {
    let impatient = |builder: BotClientBuilder| {
        builder
            .timeout(Duration::from_secs(2))
            .configure_http(|http| http.read_timeout(Duration::from_millis(1)))
    };
    let bot = reads_get([], impatient).await;
    let start = Instant::now();
    let error = bot.get("/a").await.unwrap_err();
    assert_eq!(error.to_string(), "no response from the service within 2.0s (the client's timeout)");
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn configured_headers_are_sent_with_each_request() {
    let sandbox = service::start().await.unwrap();
    let headers = HeaderMap::from_iter([
        ("x-site".parse().unwrap(), HeaderValue::from_static("news")),
        ("x-api-key".parse().unwrap(), HeaderValue::from_static("another")),
    ]);
    let configure =
        move |http: reqwest::ClientBuilder| http.default_headers(headers.clone()).user_agent("reader/2");
    let bot = sandbox.client().configure_http(configure).build().unwrap();
    bot.get("/a").await.unwrap();
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(
            (&request.headers()["x-site"], &request.headers()["user-agent"]),
            (&"news".parse().unwrap(), &"reader/2".parse().unwrap())
        );
    }
    let keys: Vec<_> = requests[0].headers().get_all("x-api-key").iter().collect();
    assert!(keys.len() == 1 && keys[0] != "another");
}

#[tokio::test]
async fn the_bytes_of_connections_are_not_logged() {
    let sandbox = service::start().await.unwrap();
    let shown = Shown::default();
    let key = "b0e8a2c4d6f81357";
    let builder = sandbox.client().api_key(key).configure_http(|http| http.connection_verbose(true));
    shown.show(&builder);
    let bot = builder.build().unwrap();
    logged(&shown, bot.get("/a").send()).await.unwrap();
    shown.show(&bot);
    shown.assert_without(key);
    shown.assert_without(bot.access_token().await.unwrap().expose_secret());
}

#[test]
fn an_invalid_configuration_is_an_error_when_the_client_is_built() {
    let invalid = |http: reqwest::ClientBuilder| http.user_agent("two\nlines");
    let error = client("http://127.0.0.1:1".to_owned()).configure_http(invalid).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("configure_http: the HTTP client can't be created: "), "{error}");
}
