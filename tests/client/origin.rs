//! The key is sent to the client's base URL only, however the generated client is constructed.

use std::time::Duration;

use http::header::LOCATION;
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::{Method, Request};
use social_plus_bot::api::{Client, ClientInfo, Error, types::RegisterBotSession};
use social_plus_bot::sandbox::Fault;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::service;

const KEY: &str = "b0e8a2c4d6f81357";

/// A server that must not receive the key.
struct Elsewhere {
    listener: TcpListener,
    url: String,
}

impl Elsewhere {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// The received bytes. A connection would already wait in the listener's queue, so the timeout can be short.
    async fn received(&self) -> String {
        let Ok(connection) = tokio::time::timeout(Duration::from_millis(1), self.listener.accept()).await
        else {
            return String::new();
        };
        let (mut socket, _) = connection.unwrap();
        let mut received = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(60), socket.read(&mut received)).await;
        String::from_utf8_lossy(&received[..read.unwrap().unwrap()]).into_owned()
    }
}

/// Registers with a generated client. Gives up after a minute.
async fn register(client: &Client) -> Result<(), String> {
    let body = RegisterBotSession::builder().device_id("crawler-1");
    let sent = client.register_bot_session().body(body).send();
    match tokio::time::timeout(Duration::from_secs(60), sent).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error @ Error::InvalidRequest(_))) => Err(error.to_string()),
        Ok(Err(error)) => Err(format!("another error: {error}")),
        Err(_) => Err("timed out".to_owned()),
    }
}

#[tokio::test]
async fn a_generated_client_for_another_address_sends_nothing() {
    let (sandbox, elsewhere) = (service::start().await.unwrap(), Elsewhere::start().await);
    let bot = sandbox.client().api_key(KEY).build().unwrap();
    let transport = || bot.api().inner().clone();
    for (what, client) in [
        ("new", Client::new(&elsewhere.url, transport())),
        ("with", Client::new_with_client(&elsewhere.url, bot.api().client().clone(), transport())),
        ("foreign", Client::new_with_client(&elsewhere.url, reqwest::Client::new(), transport())),
    ] {
        let outcome = register(&client).await;
        let received = elsewhere.received().await;
        assert_eq!(received, "", "{what}: {outcome:?}");
        let error = outcome.unwrap_err();
        assert!(error.contains("outside the client's base URL"), "{what}: {error}");
    }
    for address in [
        sandbox.base_url().replace("127.0.0.1", "localhost"),
        sandbox.base_url().replace("http:", "https:"),
        "https://apix.us.amity.co".to_owned(),
    ] {
        let client = Client::new_with_client(&address, bot.api().client().clone(), transport());
        let error = register(&client).await.unwrap_err();
        assert!(error.contains("outside the client's base URL"), "{address}: {error}");
    }
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_generated_client_for_another_path_of_the_same_host_sends_nothing() {
    let sandbox = service::start().await.unwrap();
    let own = format!("{}/tenant-a", sandbox.base_url());
    let bot = sandbox.client().base_url(&own).build().unwrap();
    for path in ["", "/tenant-b", "/tenant-a/../tenant-b", "/tenant-a/%2e%2e/tenant-b", "/tenant-ab"] {
        let address = format!("{}{path}", sandbox.base_url());
        let error = register(&Client::new(&address, bot.api().inner().clone())).await.unwrap_err();
        assert!(error.contains("outside the client's base URL"), "{path}: {error}");
    }
    assert_eq!(sandbox.requests().len(), 0);
    let _ = register(bot.api()).await;
    assert_eq!(sandbox.requests()[0].path(), "/tenant-a/api/v5/sessions/bot");
}

#[tokio::test]
async fn the_connections_of_another_http_client_are_not_used() {
    let (sandbox, elsewhere) = (service::start().await.unwrap(), Elsewhere::start().await);
    let bot = sandbox.client().api_key(KEY).build().unwrap();
    let proxy = reqwest::Proxy::all(&elsewhere.url).unwrap();
    for (what, foreign) in [
        ("redirects", reqwest::Client::new()),
        ("proxy", reqwest::Client::builder().proxy(proxy).build().unwrap()),
    ] {
        sandbox.fail_next(
            Fault::redirect(307, &format!("{}/a", elsewhere.url)).header(LOCATION, &elsewhere.url),
        );
        let client = Client::new_with_client(sandbox.base_url(), foreign, bot.api().inner().clone());
        let outcome = register(&client).await;
        let received = elsewhere.received().await;
        assert!(!received.contains(KEY), "{what}: the key was sent elsewhere: {outcome:?}\n{received}");
        assert_eq!(received, "", "{what}");
        assert!(outcome.unwrap_err().contains("another error"));
    }
    register(&Client::new(sandbox.base_url(), bot.api().inner().clone())).await.unwrap();
}

#[tokio::test]
async fn the_hooks_add_no_key_to_a_request_for_another_address() {
    let (sandbox, elsewhere) = (service::start().await.unwrap(), Elsewhere::start().await);
    let bot = sandbox.client().api_key(KEY).build().unwrap();
    let operation = OperationInfo { operation_id: "register_bot_session" };
    let mut request = Request::new(Method::POST, sandbox.base_url().parse().unwrap());
    bot.api().pre::<()>(&mut request, &operation).await.unwrap();
    *request.url_mut() = elsewhere.url.parse().unwrap();
    let received = tokio::spawn(async move {
        let (mut socket, _) = elsewhere.listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.windows(4).any(|end| end == b"\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut received).await.unwrap(), 0, "half a request: {received:?}");
        }
        String::from_utf8(received).unwrap()
    });
    // The connection is closed without a response.
    bot.api().exec(request, &operation).await.unwrap_err();
    let received = received.await.unwrap();
    assert!(received.starts_with("POST / HTTP/1.1") && !received.contains(KEY), "{received}");
}
