//! The same surface for programs without an async runtime.
//!
//! A [`BotClient`] of this module brings a runtime of its own: one thread, started when the client is built and
//! shared by its clones and responses. Renewals go on there while nobody calls. It ends when the last of them
//! is dropped, and nothing waits for that.
//!
//! Calls block their thread, so none of them works where a Tokio runtime runs already, not even on a thread
//! that may block, as that of `spawn_blocking`: there they return an error of kind
//! [`Config`](crate::ErrorKind::Config), and the client to use is the async one.
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
//! println!("a bot until {}", bot.session()?.expires_at());
//! let posts: serde_json::Value = bot.get("/api/v4/posts")?.json()?;
//! println!("{posts}");
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::api::redact;
use crate::api::{ClientInfo, Transport};
use crate::client::BotClientBuilder;
use crate::config::AccessToken;
use crate::error::Error;
use crate::session::Session;

/// A [`crate::BotClient`] whose calls block.
///
/// Cloning is cheap, and clones share session, connections and thread.
#[derive(Clone, Debug)]
pub struct BotClient {
    bot: crate::client::BotClient,
    worker: Arc<Worker>,
}

impl BotClientBuilder {
    /// Checks the settings, makes a client whose calls block, and starts its thread. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build), and if the thread can't be started. (Tokio panics then, which is caught, as in
    /// [`crate::BotClient`].)
    #[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
    pub fn build_blocking(self) -> Result<BotClient, Error> {
        Ok(BotClient { bot: self.build()?, worker: Arc::new(Worker::start()?) })
    }
}

impl BotClient {
    /// A client with the settings of the environment; see [`BotClientBuilder::from_env`].
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
    pub fn register(&self) -> Result<Session, Error> {
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

    /// See [`crate::BotClient::invalidate`].
    pub fn invalidate(&self, token: &AccessToken) {
        self.bot.invalidate(token);
    }

    /// See [`crate::BotClient::device_id`].
    pub fn device_id(&self) -> &str {
        self.bot.device_id()
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
    pub fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(self.bot.read_of(path)?)
    }

    /// See [`crate::BotClient::send`].
    ///
    /// # Errors
    ///
    /// As there, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let (response, token) = self.worker.block_on(self.bot.send_with_token(request))?;
        let transport = self.bot.api().inner().clone();
        Ok(Response { response, token, transport, worker: Arc::clone(&self.worker) })
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

/// A response whose body is still to be read, within what is left of the request's timeout.
pub struct Response {
    response: reqwest::Response,
    /// What it was sent with.
    token: AccessToken,
    transport: Transport,
    worker: Arc<Worker>,
}

/// Headers are not shown: the service may have put the token into one.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Response {
    /// The status; never an error's, since that is an [`Error`].
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The body. It has no limit.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if it does not
    /// come whole, and [`Config`](crate::ErrorKind::Config) within a Tokio runtime.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let body = async { self.response.bytes().await.map_err(Error::connection) };
        Ok(self.worker.block_on(body)?.into())
    }

    /// The body as text, with replacement characters for what is not UTF-8.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes), and [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if it is not
    /// what is asked for.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let status = self.status().as_u16();
        let (transport, token) = (self.transport.clone(), self.token.clone());
        serde_json::from_slice(&self.bytes()?).map_err(|error| {
            // serde's words can quote the body.
            let reason = redact::text(&error.to_string(), &[transport.secret(), token.expose_secret()]);
            Error::invalid_response(status, format!("the body can't be decoded: {reason}"))
        })
    }
}

/// The runtime. Nothing but its end takes it out.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Worker {
    fn start() -> Result<Self, Error> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("social-plus-bot").enable_all();
        // Tokio panics where the system refuses a thread; nothing is left half done.
        match catch_unwind(AssertUnwindSafe(|| builder.build())) {
            Ok(Ok(runtime)) => Ok(Self(Some(runtime))),
            Ok(Err(error)) => Err(Error::config("runtime", format!("its thread can't be started: {error}"))),
            Err(_) => Err(Error::config("runtime", "its thread can't be started")),
        }
    }

    fn block_on<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match (&self.0, Handle::try_current()) {
            (Some(runtime), Err(_)) => runtime.block_on(call),
            _ => Err(Error::config(
                "runtime",
                "a blocking call within a Tokio runtime; use the async client there, or a thread of your own",
            )),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for its end is not allowed everywhere.
            runtime.shutdown_background();
        }
    }
}
