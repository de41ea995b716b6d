//! A blocking client, for programs without an async runtime.
//!
//! A [`BotClient`] of this module has its own runtime with one thread. The thread starts when the client is built, and
//! is shared by the client's clones and responses. Refreshes run on it in the background. It ends when the last of them
//! is dropped, and the drop does not wait for it.
//!
//! Calls block the current thread, so they can't be made within a Tokio runtime, and not on a thread of
//! `spawn_blocking` either. There they return an error of kind [`Config`](crate::ErrorKind::Config); use the async
//! client instead.
//!
#![cfg_attr(feature = "sandbox", doc = "```")]
#![cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let sandbox = runtime.block_on(social_plus_bot::sandbox::Sandbox::start())?;
//! # let address = sandbox.base_url();
//! use social_plus_bot::BotClient;
//!
//! let builder = BotClient::builder().api_key("b0e8a2c4d6f8").base_url(address).device_id("crawler-1");
//! let bot = builder.build_blocking()?;
//! println!("the session expires at {}", bot.session()?.expires_at());
//! let posts: serde_json::Value = bot.get("/api/v4/posts")?.json()?;
//! println!("{posts}");
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(feature = "read-cache")]
use std::time::Duration;

#[cfg(feature = "read-cache")]
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::api::redact;
use crate::api::{ClientInfo, Transport};
use crate::client::{BotClientBuilder, failure};
use crate::config::AccessToken;
use crate::error::{Error, Limit};
#[cfg(feature = "read-cache")]
use crate::read_cache::{Page, ReadBudget};
use crate::session::Session;

/// A [`crate::BotClient`] whose calls block.
///
/// Clones are cheap, and share the session, the connections and the thread.
#[derive(Clone, Debug)]
pub struct BotClient {
    bot: crate::client::BotClient,
    worker: Arc<Worker>,
}

impl BotClientBuilder {
    /// Checks the settings, creates a blocking client, and starts its thread. Sends nothing.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build), and [`Config`](crate::ErrorKind::Config) if the thread can't be started. That is
    /// detected by catching Tokio's panic, with the consequences described at [`crate::BotClient`].
    #[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
    pub fn build_blocking(self) -> Result<BotClient, Error> {
        Ok(BotClient { bot: self.build()?, worker: Arc::new(Worker::start()?) })
    }
}

impl BotClient {
    /// Creates a client with the settings of the environment; see [`BotClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// As for [`BotClientBuilder::build_blocking`].
    pub fn from_env() -> Result<Self, Error> {
        BotClientBuilder::from_env().build_blocking()
    }

    /// See [`crate::BotClient::register`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn register(&self) -> Result<Arc<Session>, Error> {
        self.worker.block_on(self.bot.register())
    }

    /// See [`crate::BotClient::session`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn session(&self) -> Result<Arc<Session>, Error> {
        self.worker.block_on(self.bot.session())
    }

    /// See [`crate::BotClient::access_token`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn access_token(&self) -> Result<AccessToken, Error> {
        self.worker.block_on(self.bot.access_token())
    }

    /// See [`crate::BotClient::access_token_after`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn access_token_after(&self, refused: &AccessToken) -> Result<AccessToken, Error> {
        self.worker.block_on(self.bot.access_token_after(refused))
    }

    /// See [`crate::BotClient::invalidate`].
    pub fn invalidate(&self, token: &AccessToken) {
        self.bot.invalidate(token);
    }

    /// See [`crate::BotClient::device_id`].
    pub fn device_id(&self) -> &str {
        self.bot.device_id()
    }

    /// See [`crate::BotClient::base_url`].
    pub fn base_url(&self) -> &str {
        self.bot.base_url()
    }

    /// See [`crate::BotClient::stored_session`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn stored_session(&self) -> Result<Option<Session>, Error> {
        self.worker.block_on(self.bot.stored_session())
    }

    /// See [`crate::BotClient::store_faults`].
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store_faults(&self) -> crate::store::StoreFaults {
        self.bot.store_faults()
    }

    /// See [`crate::BotClient::get`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn get(&self, path: impl AsRef<str>) -> Result<Response, Error> {
        self.send(self.bot.read_of(path.as_ref())?)
    }

    /// See [`crate::BotClient::send`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let limit = self.bot.limit_of(&request);
        let (response, token) = self.worker.block_on(self.bot.send_with_token(request))?;
        let transport = self.bot.api().inner().clone();
        Ok(Response { response, token, transport, limit, worker: Arc::clone(&self.worker) })
    }

    /// See [`crate::BotClient::read`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read(&self, path: impl AsRef<str>) -> Result<Page, Error> {
        self.worker.block_on(self.bot.read(path))
    }

    /// See [`crate::BotClient::read_fresh_for`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read_fresh_for(&self, path: impl AsRef<str>, fresh_for: Duration) -> Result<Page, Error> {
        self.worker.block_on(self.bot.read_fresh_for(path, fresh_for))
    }

    /// See [`crate::BotClient::fill`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn fill(&self, path: impl AsRef<str>, body: impl Into<Bytes>) -> Result<(), Error> {
        self.worker.block_on(self.bot.fill(path, body))
    }

    /// See [`crate::BotClient::fill_aged`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn fill_aged(
        &self,
        path: impl AsRef<str>,
        body: impl Into<Bytes>,
        age: Duration,
    ) -> Result<(), Error> {
        self.worker.block_on(self.bot.fill_aged(path, body, age))
    }

    /// See [`crate::BotClient::forget`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn forget(&self, path: impl AsRef<str>) -> Result<(), Error> {
        self.worker.block_on(self.bot.forget(path))
    }

    /// See [`crate::BotClient::read_budget`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read_budget(&self) -> Result<ReadBudget, Error> {
        self.worker.block_on(self.bot.read_budget())
    }

    /// See [`crate::BotClient::reads_today`].
    pub fn reads_today(&self) -> u32 {
        self.bot.reads_today()
    }

    /// See [`crate::BotClient::resume_reads_at`].
    pub fn resume_reads_at(&self, at: DateTime<Utc>) {
        self.bot.resume_reads_at(at);
    }
}

/// A response whose body has not been read yet. The request's timeout includes reading it.
pub struct Response {
    response: reqwest::Response,
    /// The token of the request.
    token: AccessToken,
    transport: Transport,
    limit: Limit,
    worker: Arc<Worker>,
}

/// Omits the headers: one of them may contain the token.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Response {
    /// The status. It is never 4xx or 5xx: those are returned as an [`Error`].
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Reads the body, of any size.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if the body does not
    /// arrive completely, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let (status, limit) = (self.status(), self.limit);
        let body = async { self.response.bytes().await.map_err(|error| failure::body(error, status, limit)) };
        Ok(self.worker.block_on(body)?.into())
    }

    /// Reads the body as text. Invalid UTF-8 becomes replacement characters.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes), and [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if the body can't be
    /// decoded as `T`.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let status = self.status().as_u16();
        let (transport, token) = (self.transport.clone(), self.token.clone());
        serde_json::from_slice(&self.bytes()?).map_err(|error| {
            // serde's messages can quote the body.
            let reason = redact::text(&error.to_string(), &transport.secrets(&[token.expose_secret()]));
            Error::invalid_response(status, format!("the body can't be decoded: {reason}"))
        })
    }
}

/// The runtime; `None` only while it is dropped.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Worker {
    fn start() -> Result<Self, Error> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("social-plus-bot").enable_all();
        // Tokio panics if the system refuses a thread. No state is shared with the builder, so unwinding is safe.
        match catch_unwind(AssertUnwindSafe(|| builder.build())) {
            Ok(Ok(runtime)) => Ok(Self(Some(runtime))),
            Ok(Err(error)) => {
                Err(Error::config("runtime", format!("the worker thread can't be started: {error}")))
            }
            Err(_) => Err(Error::config("runtime", "the worker thread can't be started")),
        }
    }

    fn block_on<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match (&self.0, Handle::try_current()) {
            (Some(runtime), Err(_)) => runtime.block_on(call),
            _ => Err(Error::config(
                "runtime",
                "a blocking call within a Tokio runtime; use the async client, or call from a separate thread",
            )),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropping it would block, which panics within a runtime.
            runtime.shutdown_background();
        }
    }
}
