//! Reads through the cache, and how the cache sends its reads.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    PRAGMA,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_cache_semantics::{CacheOptions, CachePolicy};
use memchr::memmem;
use progenitor_client::ClientInfo;
use reqwest::StatusCode;

use crate::client::read_cache::fetch::{Fetch, Response, Validators};
use crate::client::read_cache::reads;
use crate::client::read_cache::{Page, ReadBudget, ReadCache};
use crate::client::{BotClient, Inner, failure};
use crate::config::AccessToken;
use crate::error::Error;
use crate::session::clock::{Clock, SystemClock};
use crate::session::runtime;
use crate::store::handle::StoreHandle;

/// The cache of a client.
pub(crate) type Reads = reads::Reads<Origin, SystemClock>;

/// Creates the cache of a client that may have a store.
pub(crate) fn reads(settings: ReadCache, inner: Arc<Inner>, store: Option<StoreHandle>) -> Arc<Reads> {
    let store = store.map(|handle| (handle, Arc::clone(inner.source.faults())));
    Arc::new(Reads::new(settings, Origin(BotClient(inner, None)), SystemClock, store))
}

impl BotClient {
    /// Returns the page at `path`, which begins with `/` and may have a query. Needs a
    /// [`read_cache`](crate::BotClientBuilder::read_cache).
    ///
    /// - A page that is fresh is returned from memory. Nothing is sent, and the body is not copied.
    /// - One that is stale is returned at once as well, and refreshed in the background if a read can be spared. Refreshes
    ///   are paced over the UTC day, and the page that is asked for most comes first. [`Page::freshness`] says why it is
    ///   stale.
    /// - A page that is not kept, or too old, is read. All callers that ask for it wait for one read, in all processes that
    ///   share a store. The read goes on if they are dropped, and is cancelled when the last clone of the client is.
    /// - That there is nothing at a path (404) is remembered for a short time. No other refusal is, and a page that the
    ///   service refuses to refresh is dropped.
    /// - After a read that failed, no further one is sent for 30 s, doubled each time up to 15 min, or longer if the
    ///   service's `Retry-After` is. Then one read shows whether the service works again. Meanwhile kept pages are returned
    ///   until they are too old.
    ///
    /// A call that waits for a read takes at most four times the client's [`timeout`](crate::BotClientBuilder::timeout) and a
    /// minute, if another process dies or the store is slow.
    ///
    /// A response is kept for the time of its `Cache-Control: max-age` at least. One with `no-store` is returned and not
    /// kept, and so is one that contains the API key or the token.
    ///
    #[cfg_attr(feature = "sandbox", doc = "```")]
    #[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use social_plus_bot::{Freshness, ReadCache};
    ///
    /// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
    /// let bot = sandbox.client().read_cache(ReadCache::in_memory()).build()?;
    /// for _ in 0..1000 {
    ///     let page = bot.read("/api/v3/communities/gardening").await?;
    ///     let community: serde_json::Value = page.json()?;
    ///     assert_eq!(page.freshness(), Freshness::Fresh);
    /// }
    /// assert_eq!(bot.read_budget().await?.used(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no page to return:
    ///
    /// - the errors of [`send`](Self::send); [`retry_after`](Error::retry_after) says when reads are sent again,
    /// - [`RateLimited`](crate::ErrorKind::RateLimited) with [`ErrorCode::DAILY_QUOTA_EXCEEDED`](crate::ErrorCode) if the
    ///   day's reads are used up,
    /// - [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if the body is longer than
    ///   [`max_body_bytes`](ReadCache::max_body_bytes) or empty, or the response is a redirect or HTML,
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a path that does not begin with a slash or contains the API key
    ///   or the token, and [`Origin`](crate::ErrorKind::Origin) for one that leads out of the base URL,
    /// - [`Config`](crate::ErrorKind::Config) without a read cache,
    /// - [`Runtime`](crate::ErrorKind::Runtime) without a Tokio runtime.
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn read(&self, path: impl AsRef<str>) -> Result<Page, Error> {
        self.cached_reads()?.read(path.as_ref(), None).await
    }

    /// As [`read`](Self::read), with another time for which the page is fresh.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn read_fresh_for(&self, path: impl AsRef<str>, fresh_for: Duration) -> Result<Page, Error> {
        self.cached_reads()?.read(path.as_ref(), Some(fresh_for)).await
    }

    /// Keeps `body` as the page at `path`, as if it had just been read. No read is sent.
    ///
    /// A list of posts carries up to 100 of them with their authors and communities, and so do the service's webhooks, so one
    /// read can fill many pages. The body should have the form that the service returns for the path.
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient) -> Result<(), social_plus_bot::Error> {
    /// use serde_json::{Value, json};
    ///
    /// let list = bot.read("/api/v4/posts?targetType=community&targetId=gardening&options[limit]=100").await?;
    /// for post in list.json::<Value>()?["posts"].as_array().into_iter().flatten() {
    ///     let path = format!("/api/v3/posts/{}", post["postId"].as_str().unwrap_or_default());
    ///     bot.fill_aged(path, json!({ "posts": [post] }).to_string(), list.age()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a body that is longer than
    ///   [`max_body_bytes`](ReadCache::max_body_bytes) or contains the API key or the token,
    /// - the errors of [`read`](Self::read) for a path that it would not read,
    /// - [`Config`](crate::ErrorKind::Config) without a read cache,
    /// - [`Runtime`](crate::ErrorKind::Runtime) with a store and without a Tokio runtime.
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn fill(&self, path: impl AsRef<str>, body: impl Into<Bytes>) -> Result<(), Error> {
        self.fill_aged(path, body, Duration::ZERO).await
    }

    /// As [`fill`](Self::fill), with a body that the service sent `age` ago. A page that is kept and younger stays.
    ///
    /// # Errors
    ///
    /// As for [`fill`](Self::fill).
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn fill_aged(
        &self,
        path: impl AsRef<str>,
        body: impl Into<Bytes>,
        age: Duration,
    ) -> Result<(), Error> {
        self.cached_reads()?.fill(path.as_ref(), body.into(), age).await
    }

    /// Drops what is kept for `path`, here and in the store. Other processes drop what they have in memory when they next
    /// look into the store, which they do for stale pages.
    ///
    /// # Errors
    ///
    /// - [`Config`](crate::ErrorKind::Config) without a read cache,
    /// - [`Runtime`](crate::ErrorKind::Runtime) with a store and without a Tokio runtime,
    /// - [`Store`](crate::ErrorKind::Store) if the page could be dropped here only, since the store failed: it may come back
    ///   from there until it is forgotten again.
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn forget(&self, path: impl AsRef<str>) -> Result<(), Error> {
        self.cached_reads()?.forget(path.as_ref()).await
    }

    /// The reads of this UTC day, counted for all processes that share the store. Those of [`get`](Self::get) and
    /// [`send`](Self::send) count as well.
    ///
    /// # Errors
    ///
    /// - [`Config`](crate::ErrorKind::Config) without a read cache,
    /// - [`Runtime`](crate::ErrorKind::Runtime) with a store and without a Tokio runtime.
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub async fn read_budget(&self) -> Result<ReadBudget, Error> {
        self.cached_reads()?.budget().await
    }

    fn cached_reads(&self) -> Result<&Reads, Error> {
        self.1
            .as_deref()
            .ok_or_else(|| Error::config("read_cache", "not set: pass a `ReadCache` to the client's builder"))
    }
}

/// The client without its cache.
#[derive(Debug)]
pub(crate) struct Origin(BotClient);

impl Origin {
    /// Whether there is a secret in `bytes`: the API key in any form, or the token.
    fn contains_secret(&self, bytes: &[u8], token: Option<&AccessToken>) -> bool {
        let token = token.map(AccessToken::expose_secret);
        let transport = self.0.0.registrar.api().inner();
        let secrets = transport.secrets(token.as_slice());
        secrets.iter().any(|secret| !secret.is_empty() && memmem::find(bytes, secret.as_bytes()).is_some())
    }
}

impl Fetch for Origin {
    fn check(&self, path: &str) -> Result<(), Error> {
        self.0.read_of(path)?;
        match self.may_keep(path.as_bytes()) {
            true => Ok(()),
            false => Err(Error::invalid_input("path", "must not contain the API key or the token")),
        }
    }

    fn may_keep(&self, body: &[u8]) -> bool {
        !self.contains_secret(body, self.0.0.cache.cached_token().as_ref())
    }

    async fn ready(&self) -> Result<(), Error> {
        // What is not sent must not be counted.
        self.0.0.quota.check(SystemClock.now()).map_err(Error::quota_used_up)?;
        self.0.session().await.map(drop)
    }

    async fn fetch(
        &self,
        path: &str,
        validators: &Validators,
        max_bytes: usize,
        before_repeat: impl Future<Output = ()> + Send,
    ) -> Result<Response, Error> {
        let mut request = self.0.read_of(path)?;
        for (name, value) in
            [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)]
        {
            if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
                request.headers_mut().insert(name, value);
            }
        }
        let limit = self.0.limit_of(&request);
        let (mut response, token) = self.0.send_repeating(request, before_repeat).await?;
        let status = response.status();
        let headers = Headers::of(response.headers());
        if status == StatusCode::NOT_MODIFIED {
            return Ok(headers.response(None, true));
        }
        if status != StatusCode::OK {
            return Err(Error::invalid_response(status, "the response is not a page"));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
        {
            let rule =
                "the response is HTML; check what is between this machine and the service, such as a gateway";
            return Err(Error::invalid_response(status, rule));
        }
        let read = async {
            let mut body = BytesMut::new();
            while let Some(chunk) =
                response.chunk().await.map_err(|error| failure::body(error, status, limit))?
            {
                if body.len().saturating_add(chunk.len()) > max_bytes {
                    let rule = format!("the body is longer than {max_bytes} bytes; raise max_body_bytes");
                    return Err(Error::invalid_response(status, rule));
                }
                body.extend_from_slice(&chunk);
            }
            // Without the room that the buffer has at its end.
            Ok(Bytes::copy_from_slice(&body))
        };
        let body = runtime::within(read).await??;
        if body.is_empty() {
            return Err(Error::invalid_response(status, "the response is empty"));
        }
        let Validators { etag, last_modified } = &headers.validators;
        let texts = [etag, last_modified].into_iter().flatten().map(String::as_bytes);
        let is_safe = texts.chain([&*body]).all(|kept| !self.contains_secret(kept, Some(&token)));
        Ok(headers.response(Some(body), is_safe))
    }

    fn max_duration(&self) -> Duration {
        self.0.0.registrar.timeout()
    }
}

/// What the headers of a response say to caches.
pub(super) struct Headers {
    policy: CachePolicy,
    received: SystemTime,
    validators: Validators,
}

/// A longer name of a version is not kept: it would be sent with each refresh, and is not bounded by the service.
const LONGEST_VALIDATOR: usize = 1000;

/// The headers that matter to a cache.
const MEANT_FOR_CACHES: [HeaderName; 5] = [AGE, CACHE_CONTROL, DATE, EXPIRES, PRAGMA];

impl Headers {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // The service's clock counts, which may differ from the one here.
        let received = failure::service_time(headers).unwrap_or_else(SystemTime::now);
        let text = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            (value.len() <= LONGEST_VALIDATOR).then(|| value.to_owned())
        };
        let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
        let mut response = http::Response::new(());
        for name in MEANT_FOR_CACHES {
            for value in headers.get_all(&name) {
                response.headers_mut().append(name.clone(), value.clone());
            }
        }
        let options = CacheOptions { shared: false, cache_heuristic: 0.0, ..CacheOptions::default() };
        let policy = CachePolicy::new_options(&http::Request::new(()), &response, received, options);
        Self { policy, received, validators }
    }

    pub(super) fn response(self, body: Option<Bytes>, is_safe: bool) -> Response {
        let age = self.policy.age(self.received);
        Response {
            body,
            age,
            max_age: self.policy.time_to_live(self.received).saturating_add(age),
            is_storable: is_safe && self.policy.is_storable(),
            validators: self.validators,
        }
    }
}
