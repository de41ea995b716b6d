//! What a client counts, and the spans of its requests.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, Metrics};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Subscriber, subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::authorized::request;
use crate::raw_service::reads_get;
use crate::service;

/// The metrics with the counts that can differ between the readings of the service's documentation left out.
fn counts(bot: &BotClient) -> [u64; 6] {
    let Metrics {
        registrations, registration_retries, refreshes, refused_tokens, reads, refused_reads, ..
    } = bot.metrics();
    [registrations, registration_retries, refreshes, refused_tokens, reads, refused_reads]
}

#[tokio::test]
async fn registrations_and_reads_are_counted() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    assert_eq!(bot.metrics(), Metrics::default());
    sandbox.fail_next(Fault::status(503));
    for _ in 0..3 {
        bot.access_token().await.unwrap();
    }
    assert_eq!(counts(&bot), [2, 1, 0, 0, 0, 0]);
    bot.get("/a").await.unwrap();
    bot.send(request(&sandbox, reqwest::Method::POST, "/a")).await.unwrap_err();
    assert_eq!(counts(&bot), [2, 1, 0, 0, 1, 0]);
    // The read is repeated.
    sandbox.revoke_tokens();
    bot.clone().get("/a").await.unwrap();
    assert_eq!(counts(&bot), [3, 1, 0, 1, 3, 0]);
    let token = bot.access_token().await.unwrap();
    for _ in 0..2 {
        bot.invalidate(&token);
    }
    assert_eq!(counts(&bot), [3, 1, 0, 2, 3, 0]);
}

#[tokio::test]
async fn reads_that_are_refused_for_the_quota_are_counted() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for _ in 0..100 {
        bot.get("/a").await.unwrap();
    }
    // The service refuses the first one, and the client the others.
    for _ in 0..3 {
        bot.get("/a").await.unwrap_err();
    }
    assert_eq!(counts(&bot), [1, 0, 0, 0, 101, 3]);
}

#[tokio::test]
async fn refreshes_are_counted() {
    let sandbox = service::builder().lifetime(Duration::from_secs(4)).start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let session = bot.session().await.unwrap();
    while bot.metrics().refreshes == 0 {
        assert!(Utc::now() < session.expires_at() + TimeDelta::minutes(5), "no refresh happened");
        bot.session().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(bot.metrics().registrations > 1);
}

#[cfg(feature = "read-cache")]
#[tokio::test]
async fn hits_and_misses_of_the_read_cache_are_counted() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().read_cache(social_plus_bot::ReadCache::in_memory()).build().unwrap();
    for _ in 0..5 {
        bot.read("/api/v3/communities/gardening").await.unwrap();
    }
    bot.read("/api/v3/communities/cooking").await.unwrap();
    let metrics = bot.metrics();
    assert_eq!((metrics.cache_hits, metrics.cache_misses, metrics.reads), (4, 2, 2));
}

/// The fields of each span, in order.
#[derive(Clone, Default)]
pub struct Spans(pub Arc<Mutex<Vec<(Id, Fields)>>>);

pub type Fields = BTreeMap<&'static str, String>;

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if attributes.metadata().target() == "social_plus_bot::http" {
            let mut fields = Fields::new();
            attributes.record(&mut Visitor(&mut fields));
            self.0.lock().unwrap().push((id.clone(), fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        if let Some((_, fields)) = spans.iter_mut().rev().find(|(known, _)| known == id) {
            values.record(&mut Visitor(fields));
        }
    }
}

impl Spans {
    /// Method, path, status and error type of each span.
    pub fn ends(&self) -> Vec<[String; 4]> {
        let names = ["http.request.method", "url.path", "http.response.status_code", "error.type"];
        let spans = self.0.lock().unwrap();
        spans
            .iter()
            .map(|(_, fields)| names.map(|name| fields.get(name).cloned().unwrap_or_default()))
            .collect()
    }
}

#[tokio::test]
async fn each_request_has_a_span() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let spans = Spans::default();
    let _subscriber = subscriber::set_default(Registry::default().with(spans.clone()));
    sandbox.fail_next(Fault::status(503));
    bot.get("/api/v3/users/x?key=hidden").await.unwrap();
    bot.send(request(&sandbox, reqwest::Method::POST, "/a")).await.unwrap_err();
    let registration = "/api/v5/sessions/bot";
    let expected = [
        ["POST", registration, "503", "503"],
        ["POST", registration, "200", ""],
        ["GET", "/api/v3/users/x", "200", ""],
        ["POST", "/a", "403", "403"],
    ];
    assert_eq!(spans.ends(), expected);
    let spans = spans.0.lock().unwrap();
    for (_, fields) in &*spans {
        assert_eq!(fields["otel.kind"], "client");
        assert_eq!(
            format!("{}://{}:{}", fields["url.scheme"], fields["server.address"], fields["server.port"]),
            sandbox.base_url()
        );
        assert!(!format!("{fields:?}").contains("hidden"), "{fields:?}");
    }
}

#[tokio::test]
async fn a_span_tells_why_there_is_no_response_and_shows_no_secret() {
    let key = "b0e8a2c4d6f81357";
    let bot = reads_get("not HTTP", |builder| builder.api_key(key)).await;
    let silent = reads_get([], |builder| builder.timeout(Duration::from_millis(300))).await;
    let spans = Spans::default();
    let _subscriber = subscriber::set_default(Registry::default().with(spans.clone()));
    bot.get(format!("/{key}")).await.unwrap_err();
    silent.get("/a").await.unwrap_err();
    let expected = [["GET", "/[redacted]", "", "connection"], ["GET", "/a", "", "timeout"]];
    assert_eq!(spans.ends(), expected);
}
