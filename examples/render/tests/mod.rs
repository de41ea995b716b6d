//! The site, requested by crawlers and by people, over real sockets.

mod browser;
mod chromium;
mod filling;
mod hostile;
mod http;
mod pages;
mod rich_results;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, USER_AGENT};
use serde_json::Value;
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use tokio::net::TcpListener;

use crate::filler::LISTS_PER_DAY;
use crate::reader::Reader;

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

struct Fixture {
    sandbox: Sandbox,
    bot: BotClient,
    reader: Reader,
    address: String,
    client: reqwest::Client,
}

impl Fixture {
    async fn new() -> Self {
        Self::with_lists(LISTS_PER_DAY).await
    }

    /// A site that has not read anything, and may read so many lists a day.
    async fn with_lists(lists_per_day: u32) -> Self {
        let sandbox = Sandbox::builder().seed_network().start().await.unwrap();
        let timeout = Duration::from_secs(60);
        let bot = sandbox.client().timeout(timeout).read_cache(crate::cache()).build().unwrap();
        let reader = Reader::new(bot.clone(), lists_per_day);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = crate::router(reader.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { sandbox, bot, reader, address, client: client.build().unwrap() }
    }

    async fn get(&self, path: &str, agent: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).header(USER_AGENT, agent).send().await.unwrap()
    }

    /// What a crawler gets.
    async fn crawl(&self, path: &str) -> Response {
        self.get(path, CRAWLER).await
    }

    /// What a crawler gets that has a copy.
    async fn crawl_if(&self, path: &str, header: HeaderName, value: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.address)).header(USER_AGENT, CRAWLER);
        request.header(header, value).send().await.unwrap()
    }

    async fn html(&self, path: &str) -> String {
        let response = self.crawl(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// The structured data of a page.
    async fn data(&self, path: &str) -> Value {
        data(&self.html(path).await)
    }

    async fn used(&self) -> u32 {
        self.bot.read_budget().await.unwrap().used()
    }
}

/// The structured data in a page, which has it once.
fn data(html: &str) -> Value {
    let (_, rest) = html.split_once(r#"<script type="application/ld+json">"#).unwrap();
    let (data, rest) = rest.split_once("</script>").unwrap();
    assert!(!rest.contains("<script"), "{html}");
    serde_json::from_str(data).unwrap()
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

fn time(headers: &HeaderMap, name: HeaderName) -> DateTime<Utc> {
    httpdate::parse_http_date(headers[name].to_str().unwrap()).unwrap().into()
}
