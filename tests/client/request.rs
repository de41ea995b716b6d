//! The exact request that `register` sends, received by a raw socket.

use std::time::Duration;

use serde_json::{Value, json};
use social_plus_bot::{BotClient, BotClientBuilder, DeviceInfo, DeviceKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Sent {
    line: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The request that a client with these settings sends to register.
async fn sent(path: &str, settings: impl FnOnce(BotClientBuilder) -> BotClientBuilder) -> Sent {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}{path}", listener.local_addr().unwrap());
    let builder = BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address);
    let bot = settings(builder).timeout(Duration::from_secs(120)).build().unwrap();
    let register = tokio::spawn(async move { bot.register().await });

    let (mut socket, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    let sent = loop {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "closed before the request was complete");
        if let Some(sent) = parse(&read) {
            break sent;
        }
    };
    socket.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(register.await.unwrap().unwrap_err().status().map(u16::from), Some(401));
    sent
}

fn parse(read: &[u8]) -> Option<Sent> {
    let text = std::str::from_utf8(read).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers = lines
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect::<Option<_>>()?;
    Some(Sent { line, headers, body: serde_json::from_str(body).ok()? })
}

#[tokio::test]
async fn the_request_is_the_documented_one() {
    let info = DeviceInfo::new().kind(DeviceKind::Ios).model("<string>").sdk_version("<string>");
    let sent =
        sent("", |builder| builder.device_id("<string>").device_info(info).api_key("<x-api-key>")).await;
    assert_eq!(sent.line, "POST /api/v5/sessions/bot HTTP/1.1");
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("x-api-key"), Some("<x-api-key>"));
    assert_eq!(sent.header("accept"), Some("application/json"));
    assert_eq!(sent.header("user-agent"), Some(concat!("social-plus-bot/", env!("CARGO_PKG_VERSION"))));
    let mut names: Vec<_> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host", "user-agent", "x-api-key"]);
    assert_eq!(
        sent.body,
        json!({
            "deviceId": "<string>",
            "deviceInfo": { "kind": "ios", "model": "<string>", "sdkVersion": "<string>" },
        })
    );
}

#[tokio::test]
async fn unset_device_info_is_not_sent() {
    assert_eq!(sent("", |builder| builder).await.body, json!({ "deviceId": "crawler-1" }));
    let info = DeviceInfo::new().sdk_version("1.4");
    let body = sent("", |builder| builder.device_info(info)).await.body;
    assert_eq!(body, json!({ "deviceId": "crawler-1", "deviceInfo": { "sdkVersion": "1.4" } }));
}

#[tokio::test]
async fn the_path_of_the_base_url_is_a_prefix() {
    for path in ["/social-plus", "/social-plus/"] {
        assert_eq!(
            sent(path, |builder| builder).await.line,
            "POST /social-plus/api/v5/sessions/bot HTTP/1.1"
        );
    }
}

#[tokio::test]
async fn device_ids_are_sent_unchanged() {
    for id in ["a", "\u{0}\n\"\\/", "é𝄞🙂", &"𝄞".repeat(150)] {
        let sent = sent("", |builder| builder.device_id(id)).await;
        assert_eq!(sent.body, json!({ "deviceId": id }));
    }
}
