//! An in-process server for tests, which implements the contract.
//!
//! [`Sandbox`] registers bots like the service, validates each registration against the contract, accepts the
//! tokens that it issued, and injects a [`Fault`] on request. A read with a valid token returns `{}`, or what is in the
//! seeded network.
//!
//! This file is the public API. A request passes through `socket` (connections), `service` (routing), `contract`
//! (validation) or `read`, `bots` and `token` (authentication), `stub` and `network` (what is read), and leaves as a
//! `response`.

mod bots;
mod contract;
mod fault;
mod history;
mod network;
mod read;
mod response;
mod service;
mod socket;
mod stub;
mod token;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use fault::Fault;
pub use history::Request;
pub use stub::Stub;

use crate::client::{BotClient, BotClientBuilder};
use crate::config::{ApiKey, IntoSetting};
use crate::error::Error;
use network::Network;
use service::{Service, Settings};
use socket::Socket;

/// The token lifetime that the service documents.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A server on `127.0.0.1` that implements `POST /api/v5/sessions/bot` as the contract defines it.
///
/// | request | response |
/// |---|---|
/// | a valid registration | 200 with every documented field; the same device with the same key is the same user, whose older tokens end (see [`keep_older_tokens`](SandboxBuilder::keep_older_tokens)) |
/// | a registration without an API key, or with one that is not accepted | 401, code 400100 |
/// | a registration that violates the contract | 422, code 500000, with a line in `data.detail` for each violation, such as `/deviceId: value is longer than 150 characters (maxLength 150)` |
/// | a registration of more than 64 KiB | 413, code 400000 |
/// | any other request without a token, or with one that is forged, expired, revoked or ended by a newer one | 401, code 400100 |
/// | `GET` and `HEAD` with a token | 200 with what [`stub_get`](Self::stub_get) set, what the [seeded network](SandboxBuilder::seed_network) has if there is one, or `{}`, 100 times per user and UTC day (see [`daily_reads`](SandboxBuilder::daily_reads)); then 429, code 400323 |
/// | any other method with a token | 403, code 403998: bots are read-only |
///
/// The service documents these codes. It does not document the statuses 413 and 429, which are the sandbox's
/// choice. Unknown fields in a registration are allowed, as in the contract. The path
/// `/api/v3/network-settings/chat` returns that message previews are off, because the service's TypeScript SDK
/// does not complete its login otherwise.
///
/// The sandbox runs on the Tokio runtime in which it was started, which needs the timer and I/O drivers. It stops
/// when dropped: the port and all connections are closed at once. A process can run any number of sandboxes, as
/// they share no state. Memory is bounded, except for a few hundred bytes per user.
///
/// ```
/// use std::time::Duration;
///
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
/// assert_eq!(session.lifetime(), Duration::from_secs(30 * 24 * 60 * 60));
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
    /// Starts a sandbox on a free port, with the default settings.
    ///
    /// # Errors
    ///
    /// See [`SandboxBuilder::start`].
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Returns a builder, to change the port, the accepted API key, the token lifetime and other settings.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder {
            port: 0,
            api_key: None,
            lifetime: LIFETIME,
            daily_reads: bots::DAILY_READS,
            keeps_older_tokens: false,
            network: None,
        }
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns a client builder with the sandbox's base URL, an API key that it accepts, and the device id
    /// `sandbox`.
    pub fn client(&self) -> BotClientBuilder {
        let key = self.api_key.as_ref().map_or("sandbox-key", ApiKey::expose_secret);
        BotClient::builder().base_url(&self.base_url).api_key(key).device_id("sandbox")
    }

    /// Injects `fault` into the next registration. Further calls queue faults for the registrations after it.
    pub fn fail_next(&self, fault: Fault) {
        lock(&self.service.faults).next.push_back(fault);
    }

    /// Injects `fault` into every registration, after the faults of [`fail_next`](Self::fail_next) are used up.
    pub fn fail_always(&self, fault: Fault) {
        lock(&self.service.faults).always = Some(fault);
    }

    /// Injects `fault` into the next read, which is any request with the method `GET` or `HEAD`. Further calls queue
    /// faults for the reads after it.
    ///
    /// A read whose usual response is replaced, or that gets none, does not count towards the day's reads.
    pub fn fail_next_read(&self, fault: Fault) {
        lock(&self.service.read_faults).next.push_back(fault);
    }

    /// Injects `fault` into every read, after the faults of [`fail_next_read`](Self::fail_next_read) are used up.
    pub fn fail_reads(&self, fault: Fault) {
        lock(&self.service.read_faults).always = Some(fault);
    }

    /// Removes all faults, including queued ones. A response in progress is not affected.
    pub fn recover(&self) {
        *lock(&self.service.faults) = Default::default();
        *lock(&self.service.read_faults) = Default::default();
    }

    /// The last 1000 requests, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.service.requests.list()
    }

    /// The last 1000 violations of the contract by registrations, one line each, in the order of their arrival.
    /// They are recorded even if a fault replaces the response.
    pub fn violations(&self) -> Vec<String> {
        self.service.violations.list()
    }

    /// Sets the response to reads of `path`, regardless of the query: a body, or a [`Stub`] with headers. It replaces
    /// `{}`, or what the seeded network has there.
    pub fn stub_get(&self, path: impl Into<String>, stub: impl Into<Stub>) {
        lock(&self.service.stubs).insert(path.into(), stub.into());
    }

    /// Changes an item of the [seeded network](SandboxBuilder::seed_network): the community, user, post, comment or file
    /// with this id. It is changed in every later response. `updatedAt`, and `editedAt` of posts and comments, are set to
    /// now before `edit` is called, and lists that are sorted by `lastUpdated` begin with it.
    ///
    /// Returns whether there is such an item.
    ///
    /// ```
    /// use serde_json::json;
    /// use social_plus_bot::sandbox::Sandbox;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = Sandbox::builder().seed_network().start().await?;
    /// assert!(sandbox.edit_item("diary-7", |post| post["data"]["text"] = json!("Edited.")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn edit_item(&self, id: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let network = self.service.settings.network.as_ref();
        network.is_some_and(|network| network.edit(id, &self.base_url, edit))
    }

    /// Removes an item of the [seeded network](SandboxBuilder::seed_network), from lists as well. Counts such as
    /// `postsCount` stay as they are.
    ///
    /// Returns whether there was such an item.
    pub fn remove_item(&self, id: &str) -> bool {
        self.service.settings.network.as_ref().is_some_and(|network| network.remove(id))
    }

    /// Revokes all tokens that were issued so far, as an admin of the service can.
    pub fn revoke_tokens(&self) {
        self.service.tokens.revoke();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Builds a [`Sandbox`].
#[derive(Debug)]
#[must_use]
pub struct SandboxBuilder {
    port: u16,
    api_key: Option<Result<ApiKey, Error>>,
    lifetime: Duration,
    daily_reads: u32,
    keeps_older_tokens: bool,
    network: Option<Network>,
}

impl SandboxBuilder {
    /// Sets the port to listen on. The default is 0, which selects a free port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the only API key to accept. By default any key that is not empty is accepted.
    pub fn api_key(mut self, key: impl IntoSetting<ApiKey>) -> Self {
        self.api_key = Some(key.into_setting());
        self
    }

    /// Sets the lifetime of tokens. The default is 30 days. [`Fault::lifetime`] sets it for a single token.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the number of reads per user and UTC day. The default is 100, as documented.
    pub fn daily_reads(mut self, reads: u32) -> Self {
        self.daily_reads = reads;
        self
    }

    /// Keeps a device's older tokens valid when it registers again. By default a registration ends them.
    ///
    /// The service's documentation says that a new session with the same device id ends the older token; another page
    /// says so only of the session of a different user, which a bot's device does not have. This is the second reading.
    pub fn keep_older_tokens(mut self) -> Self {
        self.keeps_older_tokens = true;
        self
    }

    /// Seeds a network that can be read. By default there is none: every read returns `{}`.
    ///
    /// It has the communities `gardening` and `composting` with a few posts and comments, the users `ada`, `bao`,
    /// `chidi` and `dora`, and the community `plant-diary` with 10,000 posts, as many as 100 reads can list, from
    /// `diary-1` to `diary-10000`, by the users `member-1` to `member-20`. It is the same in every sandbox.
    ///
    /// | path | parameters |
    /// |---|---|
    /// | `/api/v3/communities`, `/api/v3/users` | `options[limit]`, `options[token]` |
    /// | `/api/v4/posts` | `targetId` (required), `targetType` (`community` or `user`), `sortBy`, `options[limit]`, `options[token]` |
    /// | `/api/v3/comments` | `referenceId` (required), `sortBy`, `options[limit]`, `options[token]` |
    /// | `/api/v3/communities/{id}`, `posts`, `comments`, `users`, `files` | |
    /// | `/api/v3/communities/list`, `posts`, `comments`, `users` | `communityIds`, `postIds`, `userIds` (up to 100), `commentIds` (up to 10) |
    ///
    /// Responses have the shapes that the service publishes. They carry what belongs to their items: a list of posts
    /// has their images in `postChildren`, up to five comments of each, their authors, files and communities. A page
    /// has at most 100 items and `paging.next`. An unknown id is refused with 404, code 400400, an invalid parameter
    /// with 400, code 400000; other parameters are ignored. Public files are downloaded without a token. A
    /// [`stub_get`](Sandbox::stub_get) of a path replaces what the network has there.
    ///
    /// ```
    /// use social_plus_bot::sandbox::Sandbox;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sandbox = Sandbox::builder().seed_network().start().await?;
    /// let bot = sandbox.client().build()?;
    ///
    /// let list = "/api/v4/posts?targetId=plant-diary&options[limit]=100";
    /// let page: serde_json::Value = bot.get(list).await?.json().await?;
    /// assert_eq!(page["posts"][0]["postId"], "diary-10000");
    /// assert!(page["paging"]["next"].is_string());
    /// # Ok(())
    /// # }
    /// ```
    pub fn seed_network(mut self) -> Self {
        self.network = Some(Network::default());
        self
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    ///
    /// Returns an error if the port can't be bound, if the API key is invalid, or outside of a Tokio runtime.
    pub async fn start(self) -> io::Result<Sandbox> {
        let api_key =
            self.api_key.transpose().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let settings = Settings {
            api_key: api_key.clone(),
            lifetime: self.lifetime,
            daily_reads: self.daily_reads,
            keeps_older_tokens: self.keeps_older_tokens,
            network: self.network,
        };
        let service = Service::new(settings).map_err(io::Error::other)?;
        let service = Arc::new(service);
        let (socket, address) = Socket::open(self.port, Arc::clone(&service)).await?;
        Ok(Sandbox { base_url: format!("http://{address}"), api_key, service, _socket: socket })
    }
}

/// Locks `mutex`, ignoring poisoning: no code panics while it holds a lock of the sandbox.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
