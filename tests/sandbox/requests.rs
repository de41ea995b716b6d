//! Plain HTTP requests to a sandbox, which share nothing with it but the wire.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use social_plus_bot::sandbox::Sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const PATH: &str = "/api/v5/sessions/bot";

/// A response with its whole body.
pub struct Response {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().into(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn details(&self) -> Vec<String> {
        serde_json::from_value(self.json()["data"]["detail"].clone()).unwrap()
    }

    #[track_caller]
    pub fn refuses(&self, status: u16, code: i64) {
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
        let body = self.json();
        assert_eq!((self.status, body["code"].as_i64()), (status, Some(code)), "{body}");
        assert_eq!(body["status"], "error");
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert!(!self.details().is_empty());
    }
}

/// A client that follows nothing, so that each response is seen.
pub fn plain() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn url(sandbox: &Sandbox, path: &str) -> String {
    format!("{}{path}", sandbox.base_url())
}

pub fn address(sandbox: &Sandbox) -> String {
    sandbox.base_url().trim_start_matches("http://").to_owned()
}

pub fn registration(sandbox: &Sandbox, body: impl Into<String>) -> reqwest::RequestBuilder {
    plain()
        .post(url(sandbox, PATH))
        .header("x-api-key", "any-key")
        .header(CONTENT_TYPE, "application/json")
        .body(body.into())
}

pub async fn send(sandbox: &Sandbox, body: impl Into<String>) -> Response {
    Response::of(registration(sandbox, body)).await
}

pub async fn register(sandbox: &Sandbox, device: &str) -> Value {
    let response = send(sandbox, json!({ "deviceId": device }).to_string()).await;
    assert_eq!(response.status, 200);
    response.json()
}

pub async fn token(sandbox: &Sandbox) -> String {
    register(sandbox, "crawler-1").await["accessToken"].as_str().unwrap().to_owned()
}

pub async fn use_token(sandbox: &Sandbox, method: Method, path: &str, token: &str) -> Response {
    Response::of(plain().request(method, url(sandbox, path)).bearer_auth(token)).await
}

/// A registration as bytes.
pub fn wire(body: &str) -> String {
    let length = body.len();
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: sandbox\r\nx-api-key: any-key\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Registers over a bare connection; gives head and body of what came until it was closed.
pub async fn raw(sandbox: &Sandbox, body: &str) -> std::io::Result<(String, Vec<u8>)> {
    let mut connection = TcpStream::connect(address(sandbox)).await?;
    connection.write_all(wire(body).as_bytes()).await?;
    let mut came = Vec::new();
    connection.read_to_end(&mut came).await?;
    let end = came.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = came.split_off(end);
    Ok((String::from_utf8(came).unwrap(), body))
}

/// The documented example of a body.
pub fn example(place: &str) -> Value {
    let contract: Value = serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap();
    let example = format!("{place}/content/application~1json/examples/documented/value");
    contract.pointer(&example).unwrap().clone()
}

pub fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

pub fn date(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}
