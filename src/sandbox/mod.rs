//! An in-process server that speaks the contract, for tests of this crate, of its users, and of clients in
//! other languages.
//!
//! [`Sandbox`] registers bots as the service does, checks each registration against the contract, accepts
//! the tokens it issued, and plays a [`Fault`] when parsed to. What it can't know of the real service it
//! leaves out: a read with a good token gets `{}`.
//!
//! This file is the public surface. Behind it, a request passes `socket` (bytes), `service` (which answer),
//! `contract` (is it well-formed), `bots` and `token` (who asks), and leaves as a `reply`.

mod bots;
mod contract;
mod fault;
mod history;
mod response;
mod service;
mod socket;
mod token;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use serde_json::Value;

pub use fault::Fault;
pub use history::Request;

use crate::client::{BotClient, BotClientBuilder};
use crate::config::ApiKey;
use crate::error::Error;
use service::Service;
use socket::Socket;

/// How long a token lives, as documented for the service.
const LIFETIME: TimeDelta = TimeDelta::days(30);

/// A server on `127.0.0.1` that answers `POST /api/v5/sessions/bot` by the contract.
///
/// | request | answer |
/// |---|---|
/// | a registration that keeps to the contract | 200 with every documented field; the same device under the same key stays the same user |
/// | one without an API key, or with one that is not accepted | 401, code 400100 |
/// | one whose content breaks the contract | 422, code 500000, with a line in `data.detail` for each rule broken, such as `/deviceId: value is longer than 150 characters (maxLength 150)` |
/// | one of more than 64 KiB | 413, code 400000 |
/// | anything else without a token, or with one that is forged, expired or revoked | 401, code 400100 |
/// | `GET` and `HEAD` with a token | 200 with what [`stub_get`](Self::stub_get) says, or else `{}`, 100 times per user and UTC day; then 429, code 400323 |
/// | any other method with a token | 403, code 403998: a bot only reads |
///
/// The codes are documented for the service; the statuses 413 and 429 are this sandbox's own choice, since
/// none is. An unknown field in a registration is allowed, as the contract says. One read has more of an
/// answer: `/api/v3/network-settings/chat` says that message previews are off, without which the service's
/// own TypeScript SDK does not finish its login.
///
/// It serves within the Tokio runtime that it was started in, which needs its timer and I/O drivers
/// enabled, and stops when dropped: the port is closed at once, connections are cut. Sandboxes share
/// nothing, so any number of them may run in a process. Memory is bounded, but for a few hundred bytes
/// kept of each user.
///
/// ```
/// use social_plus_bot::sandbox::{Fault, Sandbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = Sandbox::start().await?;
/// let bot = sandbox.client().device_id("crawler-1").build()?;
///
/// sandbox.fail_next(Fault::status(503));
/// let session = bot.register().await?;
///
/// assert_eq!(session.lifetime().num_days(), 30);
/// assert_eq!(sandbox.requests().len(), 2);
/// assert!(sandbox.violations().is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use = "a sandbox stops when dropped"]
pub struct Sandbox {
    base_url: String,
    api_key: Option<ApiKey>,
    service: Arc<Service>,
    _socket: Socket,
}

impl Sandbox {
    /// Starts one on a free port, with the settings of [`builder`](Self::builder) left as they are.
    ///
    /// # Errors
    ///
    /// As for [`SandboxBuilder::start`].
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Settings for the rare case that needs any.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder { port: 0, api_key: None, lifetime: LIFETIME }
    }

    /// The address to use in place of the service's: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A client's settings for this sandbox: its address, a key that it accepts, and `sandbox` as the
    /// device id.
    pub fn client(&self) -> BotClientBuilder {
        let key = self.api_key.as_ref().map_or("sandbox-key", ApiKey::expose_secret);
        BotClient::builder().base_url(&self.base_url).api_key(key).device_id("sandbox")
    }

    /// Lets the next registration meet `fault`. Several calls queue up, each for one registration.
    pub fn fail_next(&self, fault: Fault) {
        lock(&self.service.faults).next.push_back(fault);
    }

    /// Lets each registration meet `fault`, once those of [`fail_next`](Self::fail_next) are used up.
    pub fn fail_always(&self, fault: Fault) {
        lock(&self.service.faults).always = Some(fault);
    }

    /// Ends all faults, those still queued included. An answer that is under way stays as it is.
    pub fn recover(&self) {
        *lock(&self.service.faults) = Default::default();
    }

    /// The requests that came, in the order of their arrival; the last 1000 of them.
    pub fn requests(&self) -> Vec<Request> {
        self.service.requests.list()
    }

    /// What was wrong with the registrations that came, a line for each rule broken, in the order
    /// of their arrival; the last 1000 lines. They are noted whether or not a fault answered.
    pub fn violations(&self) -> Vec<String> {
        self.service.violations.list()
    }

    /// Lets reads of `path`, whatever their query, return `body` in place of `{}`.
    pub fn stub_get(&self, path: impl Into<String>, body: Value) {
        lock(&self.service.stubs).insert(path.into(), body);
    }

    /// Refuses all tokens issued so far from now on, as the service does when an admin revokes them.
    pub fn revoke_tokens(&self) {
        self.service.tokens.revoke();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The settings of a [`Sandbox`].
#[derive(Debug)]
#[must_use]
pub struct SandboxBuilder {
    port: u16,
    api_key: Option<Result<ApiKey, Error>>,
    lifetime: TimeDelta,
}

impl SandboxBuilder {
    /// The port to listen on; by default, and for 0, a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The one key to accept; by default each one that is not empty is accepted.
    pub fn api_key<K>(mut self, key: K) -> Self
    where
        K: TryInto<ApiKey>,
        K::Error: Into<Error>,
    {
        self.api_key = Some(key.try_into().map_err(Into::into));
        self
    }

    /// How long tokens live: 30 days by default. [`Fault::lifetime`] changes it for a single one.
    pub fn lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    ///
    /// If the port can't be had, if the key is no valid API key, or if there is no Tokio runtime.
    pub async fn start(self) -> io::Result<Sandbox> {
        let api_key =
            self.api_key.transpose().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let service = Service::new(api_key.clone(), self.lifetime).map_err(io::Error::other)?;
        let service = Arc::new(service);
        let (socket, address) = Socket::open(self.port, Arc::clone(&service)).await?;
        Ok(Sandbox { base_url: format!("http://{address}"), api_key, service, _socket: socket })
    }
}

/// Nothing panics while it holds a lock of the sandbox, so a poisoned one would be as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
