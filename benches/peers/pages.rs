//! This crate and `http-cache-reqwest`, with the same page in memory.

use bytes::Bytes;
use http_cache_reqwest::{Cache, CacheMode, HttpCache, HttpCacheOptions, MokaManager};
use reqwest::header::CACHE_CONTROL;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::json;
use social_plus_bot::sandbox::{Sandbox, Stub};
use social_plus_bot::{BotClient, Error, ReadCache};

const PATH: &str = "/api/v3/communities/gardening";
const BODY: usize = 10 << 10;

/// Clients that have already read the page.
pub struct Pages {
    ours: BotClient,
    http_cache: ClientWithMiddleware,
    url: String,
    token: String,
    sandbox: Sandbox,
}

impl Pages {
    pub async fn start() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let stub = Stub::new(json!({ "description": "a".repeat(BODY) }));
        // By default `http-cache-reqwest` is a shared cache, which keeps what a token is sent for only if it is public.
        sandbox.stub_get(PATH, stub.header(CACHE_CONTROL, "public, max-age=86400"));
        let ours = sandbox.client().read_cache(ReadCache::in_memory()).build().unwrap();
        let token = ours.access_token().await.unwrap().expose_secret().to_owned();
        let cache = HttpCache {
            mode: CacheMode::Default,
            manager: MokaManager::default(),
            options: HttpCacheOptions::default(),
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let http_cache = ClientBuilder::new(client).with(Cache(cache)).build();
        let url = format!("{}{PATH}", sandbox.base_url());

        let pages = Self { ours, http_cache, url, token, sandbox };
        assert_eq!(pages.ours().await.unwrap(), pages.http_cache().await.unwrap());
        pages
    }

    /// The body from this crate.
    pub async fn ours(&self) -> Result<Bytes, Error> {
        Ok(self.ours.read(PATH).await?.bytes().clone())
    }

    /// The body from `http-cache-reqwest`.
    pub async fn http_cache(&self) -> reqwest_middleware::Result<Bytes> {
        let request = self.http_cache.get(&self.url).bearer_auth(&self.token);
        Ok(request.send().await?.bytes().await?)
    }

    /// Panics unless each client read the page exactly once.
    pub fn assert_cached(&self) {
        let reads = self.sandbox.requests().iter().filter(|request| request.method() == "GET").count();
        assert_eq!(reads, 2, "a page was not cached");
    }
}
