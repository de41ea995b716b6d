//! Services on raw sockets, for responses that the sandbox does not give.

use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use serde_json::json;
use social_plus_bot::{BotClient, BotClientBuilder, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A client for a raw socket server that accepts each registration and returns these responses in turn, the last one
/// repeatedly. Returns the received request lines as well.
pub async fn with_responses(responses: Vec<String>) -> (BotClient, Arc<Mutex<Vec<String>>>) {
    with_tokens_and_responses(|registrations| format!("token-{registrations}"), responses).await
}

/// As [`with_responses`], with the token of the nth registration.
pub async fn with_tokens_and_responses(
    token: impl Fn(usize) -> String + Send + 'static,
    responses: Vec<String>,
) -> (BotClient, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/tenant-a", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&received);
    tokio::spawn(async move {
        let mut responses = responses.into_iter().peekable();
        let (mut last, mut registrations) = (String::new(), 0);
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            let line = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
            let registers = line.starts_with("POST");
            noted.lock().unwrap().push(line.replace(" HTTP/1.1", ""));
            let response = if registers {
                registrations += 1;
                registered(&token(registrations))
            } else {
                last = responses.next().unwrap_or(last);
                last.clone()
            };
            let closing = response.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            socket.write_all(closing.as_bytes()).await.unwrap();
        }
    });
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    (builder.build().unwrap(), received)
}

pub const REGISTERED: &str = "POST /tenant-a/api/v5/sessions/bot";
pub const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A client for a raw socket server that accepts each registration, and returns `response` for a read. It may be
/// incomplete; if it is empty, the connection stays open.
pub async fn reads_get(
    response: impl Into<Vec<u8>>,
    settings: impl FnOnce(BotClientBuilder) -> BotClientBuilder,
) -> BotClient {
    let response = response.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            if request.starts_with(b"POST") {
                let registered = registered("abc").replacen("\r\n", "\r\nconnection: close\r\n", 1);
                socket.write_all(registered.as_bytes()).await.unwrap();
            } else if response.is_empty() {
                silent.push(socket);
            } else {
                socket.write_all(&response).await.unwrap();
            }
        }
    });
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    let bot = settings(builder).build().unwrap();
    // On a busy machine, a registration may take longer than a short timeout.
    while let Err(error) = bot.access_token().await {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    bot
}

/// The response to a registration.
fn registered(token: &str) -> String {
    let now = Utc::now();
    let session = json!({
        "accessToken": token, "issuedAt": now, "expiresAt": now + TimeDelta::days(30), "users": [],
    });
    let session = session.to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{session}", session.len())
}
