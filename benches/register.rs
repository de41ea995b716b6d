//! Compares the cost of a registration with that of the same call written by hand.
//!
//! Both send the same request to the same server over an open connection, with the same timeouts, and decode every
//! documented field of the response. They alternate in short rounds, so that a change of the machine's speed affects
//! both.

use std::hint::black_box;
use std::time::Duration;

use chrono::{DateTime, Utc};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use social_plus_bot::sandbox::Sandbox;
use tokio::runtime::Builder;

const ROUNDS: u32 = 30;
const KEY: &str = "b0e8a2c4d6f8";
const DEVICE: &str = "crawler-1";

fn register(criterion: &mut Criterion) {
    let server = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox = server.block_on(Sandbox::start()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let bot = sandbox.client().api_key(KEY).device_id(DEVICE).build().unwrap();
    let by_hand = ByHand::new(sandbox.base_url());

    let mut group = criterion.benchmark_group("register");
    for round in 0..ROUNDS {
        group.bench_function(BenchmarkId::new("by-hand", round), |bencher| {
            bencher.iter(|| black_box(runtime.block_on(by_hand.register()).unwrap()));
        });
        group.bench_function(BenchmarkId::new("ours", round), |bencher| {
            bencher.iter(|| black_box(runtime.block_on(bot.register()).unwrap()));
        });
    }
    assert!(sandbox.violations().is_empty(), "{:?}", sandbox.violations());
}

/// The call as a user would write it from the service's documentation, with reqwest and serde.
struct ByHand {
    client: reqwest::Client,
    url: String,
}

impl ByHand {
    fn new(base_url: &str) -> Self {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { client, url: format!("{base_url}/api/v5/sessions/bot") }
    }

    async fn register(&self) -> reqwest::Result<Session> {
        let request = self.client.post(&self.url).header("x-api-key", KEY);
        let response = request.json(&Registration { device_id: DEVICE }).send().await?;
        response.error_for_status()?.json().await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    device_id: &'static str,
}

/// The documented response. The fields are decoded but not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code)]
struct Session {
    access_token: String,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    users: Vec<User>,
    roles: Option<Vec<Map<String, Value>>>,
    files: Option<Vec<Map<String, Value>>>,
    last_cache_purge: Option<DateTime<Utc>>,
    user_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code)]
struct User {
    #[serde(rename = "_id")]
    id: Option<String>,
    path: Option<String>,
    user_id: Option<String>,
    user_internal_id: Option<String>,
    user_public_id: Option<String>,
    roles: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    display_name: Option<String>,
    profile_handle: Option<String>,
    description: Option<String>,
    avatar_file_id: Option<String>,
    avatar_custom_url: Option<String>,
    flag_count: Option<i64>,
    hash_flag: Option<HashFlag>,
    metadata: Option<Map<String, Value>>,
    is_global_ban: Option<bool>,
    is_brand: Option<bool>,
    created_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
    is_deleted: Option<bool>,
}

#[derive(Deserialize)]
#[expect(dead_code)]
struct HashFlag {
    bits: Option<i64>,
    hashes: Option<i64>,
    hash: Option<Vec<String>>,
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = register
}
criterion_main!(benches);
