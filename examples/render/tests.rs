//! The example `render`, requested by crawlers and by browsers.

use chrono::{TimeDelta, Utc};
use reqwest::Response;
use reqwest::header::{RETRY_AFTER, USER_AGENT};
use serde_json::{Value, json};
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::net::TcpListener;

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

struct Fixture {
    sandbox: Sandbox,
    bot: BotClient,
    address: String,
    client: reqwest::Client,
}

impl Fixture {
    async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let bot = sandbox.client().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = super::router(bot.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, bot, address, client }
    }

    fn set_community(&self, community: Value) {
        self.sandbox.stub_get("/api/v3/communities/gardening", json!({ "communities": [community] }));
    }

    async fn get(&self, path: &str, agent: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).header(USER_AGENT, agent).send().await.unwrap()
    }

    async fn crawled(&self) -> Response {
        self.get("/community/gardening", CRAWLER).await
    }
}

#[tokio::test]
async fn a_crawler_gets_title_description_and_open_graph_tags() {
    let fixture = Fixture::new().await;
    fixture.set_community(json!({ "displayName": "Gardening", "description": "Beds & borders." }));
    let response = fixture.crawled().await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["vary"]),
        (200, &"user-agent".parse().unwrap())
    );
    let html = response.text().await.unwrap();
    for part in [
        "<title>Gardening</title>",
        r#"<meta name="description" content="Beds &amp; borders.">"#,
        r#"<meta property="og:title" content="Gardening">"#,
        r#"<meta property="og:description" content="Beds &amp; borders.">"#,
        r#"<meta property="og:url" content="https://app.example.com/community/gardening">"#,
        r#"<link rel="canonical" href="https://app.example.com/community/gardening">"#,
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains(fixture.bot.access_token().await.unwrap().expose_secret()));
}

#[tokio::test]
async fn user_content_is_escaped() {
    let fixture = Fixture::new().await;
    let title = r#"</title><script>alert("1")</script>"#;
    fixture.set_community(json!({ "displayName": title, "description": r#""><script>alert(2)</script>"# }));
    let html = fixture.crawled().await.text().await.unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains(r#"content="">"#), "{html}");
    assert!(html.contains("&lt;script&gt;"), "{html}");
}

#[tokio::test]
async fn a_browser_gets_a_link_to_the_app_without_a_read() {
    let fixture = Fixture::new().await;
    let html = fixture.get("/community/gardening", BROWSER).await.text().await.unwrap();
    assert!(html.contains(r#"<a href="https://app.example.com/community/gardening">"#), "{html}");
    assert!(!html.contains("og:title"), "{html}");
    assert_eq!(fixture.sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_used_up_quota_is_a_503_with_retry_after() {
    let fixture = Fixture::new().await;
    fixture.bot.resume_reads_at(Utc::now() + TimeDelta::hours(1));
    let response = fixture.crawled().await;
    assert_eq!(response.status(), 503);
    let wait: u64 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");

    // The service refuses the read after the last one as well.
    fixture.bot.resume_reads_at(Utc::now());
    fixture.set_community(json!({ "displayName": "Gardening" }));
    for _ in 0..100 {
        assert_eq!(fixture.crawled().await.status(), 200);
    }
    let response = fixture.crawled().await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key(RETRY_AFTER));
}

#[tokio::test]
async fn failures_are_statuses_that_crawlers_understand() {
    let fixture = Fixture::new().await;
    fixture.set_community(json!({ "displayName": "Gardening" }));
    // The wait is longer than the client's deadline, so the crawler gets it.
    fixture.sandbox.fail_always(Fault::status(503).header(RETRY_AFTER, "77"));
    let unavailable = fixture.crawled().await;
    assert_eq!((unavailable.status().as_u16(), &unavailable.headers()[RETRY_AFTER]), (503, &77.into()));
    // No registration is made until then.
    fixture.sandbox.recover();
    assert_eq!(fixture.crawled().await.status(), 503);

    let fixture = Fixture::new().await;
    fixture.set_community(json!({ "displayName": "Gardening" }));
    fixture.sandbox.fail_always(Fault::status(403));
    assert_eq!(fixture.crawled().await.status(), 502);

    let fixture = Fixture::new().await;
    fixture.set_community(json!({ "displayName": "Gardening" }));
    assert_eq!(fixture.crawled().await.status(), 200);

    fixture.sandbox.stub_get("/api/v3/communities/gardening", json!({ "communities": [] }));
    assert_eq!(fixture.crawled().await.status(), 404);
    fixture.sandbox.stub_get("/api/v3/communities/gardening", json!("no community"));
    assert_eq!(fixture.crawled().await.status(), 502);
}

#[tokio::test]
async fn an_invalid_id_is_not_found_without_a_read() {
    let fixture = Fixture::new().await;
    for path in ["/community/..%2Fposts", "/community/a%3Fb", "/community/%20", "/", "/community/"] {
        assert_eq!(fixture.get(path, CRAWLER).await.status(), 404, "{path}");
    }
    assert_eq!(fixture.sandbox.requests().len(), 0);
}
