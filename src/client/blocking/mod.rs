//! A blocking client, for programs without an async runtime.
//!
//! A [`BotClient`] of this module has its own runtime with one thread. The thread starts when the client is built, and
//! is shared by the client's clones and responses. Refreshes run on it in the background. It ends when the last of them
//! is dropped, and the drop does not wait for it.
//!
//! Calls block the current thread, whichever it is. Within a Tokio runtime, make them with
//! [`spawn_blocking`](tokio::task::spawn_blocking) or [`block_in_place`](tokio::task::block_in_place). In async code they
//! work as well, but nothing else runs on that thread meanwhile; use the async client there.
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
//! let posts: serde_json::Value = bot.get("/api/v4/posts").send()?.json()?;
//! println!("{posts}");
//! # Ok(())
//! # }
//! ```

mod request_builder;
mod response;
mod worker;

pub use request_builder::RequestBuilder;
pub use response::Response;

use std::sync::Arc;
#[cfg(feature = "read-cache")]
use std::time::Duration;

#[cfg(feature = "read-cache")]
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request};

use crate::api::ClientInfo;
use crate::client::blocking::worker::Worker;
#[cfg(feature = "read-cache")]
use crate::client::read_cache::{Page, ReadBudget};
use crate::client::{BotClientBuilder, Metrics};
use crate::config::AccessToken;
use crate::error::Error;
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
    /// As for [`build`](Self::build), and [`Runtime`](crate::ErrorKind::Runtime) if the thread can't be started. That is
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
    /// As there.
    pub fn register(&self) -> Result<Arc<Session>, Error> {
        self.worker.block_on(self.bot.register())
    }

    /// See [`crate::BotClient::session`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn session(&self) -> Result<Arc<Session>, Error> {
        self.worker.block_on(self.bot.session())
    }

    /// See [`crate::BotClient::access_token`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn access_token(&self) -> Result<AccessToken, Error> {
        self.worker.block_on(self.bot.access_token())
    }

    /// See [`crate::BotClient::auth_headers`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn auth_headers(&self) -> Result<HeaderMap, Error> {
        self.worker.block_on(self.bot.auth_headers())
    }

    /// See [`crate::BotClient::access_token_after`].
    ///
    /// # Errors
    ///
    /// As there.
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
    /// As there.
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
    pub fn get(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder { request: self.bot.get(path), client: self.clone() }
    }

    /// See [`crate::BotClient::request`].
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder { request: self.bot.request(method, path), client: self.clone() }
    }

    /// See [`crate::BotClient::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let limit = self.bot.limit_of(&request);
        let (response, token) = self.worker.block_on(self.bot.send_with_token(request))?;
        let transport = self.bot.0.registrar.api().inner().clone();
        Ok(Response { response, token, transport, limit, worker: Arc::clone(&self.worker) })
    }

    /// See [`crate::BotClient::read`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read(&self, path: impl AsRef<str>) -> Result<Page, Error> {
        self.worker.block_on(self.bot.read(path))
    }

    /// See [`crate::BotClient::read_fresh_for`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read_fresh_for(&self, path: impl AsRef<str>, fresh_for: Duration) -> Result<Page, Error> {
        self.worker.block_on(self.bot.read_fresh_for(path, fresh_for))
    }

    /// See [`crate::BotClient::fill`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn fill(&self, path: impl AsRef<str>, body: impl Into<Bytes>) -> Result<(), Error> {
        self.worker.block_on(self.bot.fill(path, body))
    }

    /// See [`crate::BotClient::fill_aged`].
    ///
    /// # Errors
    ///
    /// As there.
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
    /// As there.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn forget(&self, path: impl AsRef<str>) -> Result<(), Error> {
        self.worker.block_on(self.bot.forget(path))
    }

    /// See [`crate::BotClient::read_budget`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read_budget(&self) -> Result<ReadBudget, Error> {
        self.worker.block_on(self.bot.read_budget())
    }

    /// See [`crate::BotClient::metrics`].
    pub fn metrics(&self) -> Metrics {
        self.bot.metrics()
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
