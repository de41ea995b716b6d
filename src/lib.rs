//! Bot sessions of [social.plus](https://www.social.plus) (formerly Amity Social Cloud).
//!
//! A network of social.plus can let a device register as a *bot*: a read-only user for search crawlers and automated
//! readers. The service returns an access token that is valid for 30 days. This crate registers the bot, caches and
//! refreshes its session, and sends requests with the token:
//!
//! ```no_run
//! use std::error::Error;
//!
//! use social_plus_bot::{BotClientBuilder, Region};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     // With the API key of the network from the environment, in SOCIAL_PLUS_API_KEY.
//!     let bot = BotClientBuilder::from_env().region(Region::Eu).device_id("crawler-1").build()?;
//!
//!     let query = [("targetType", "community"), ("targetId", "gardening")];
//!     let posts = bot.get("/api/v4/posts").query(&query).await?.text().await?;
//!     println!("{posts}");
//!
//!     let session = bot.session().await?;
//!     println!("the token expires at {}", session.expires_at());
//!     Ok(())
//! }
//! ```
//!
//! The program's `Cargo.toml` needs this crate and Tokio:
//!
//! ```toml
//! [dependencies]
//! social-plus-bot = { path = "../social-plus-bot" }
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! Without an account, the same works with the feature `sandbox`, which has a server that implements the endpoint:
//!
#![cfg_attr(feature = "sandbox", doc = "```")]
#![cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
//! use std::error::Error;
//!
//! use social_plus_bot::sandbox::Sandbox;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let sandbox = Sandbox::builder().seed_network().start().await?;
//!     let bot = sandbox.client().device_id("crawler-1").build()?;
//!
//!     let query = [("targetType", "community"), ("targetId", "gardening")];
//!     let posts = bot.get("/api/v4/posts").query(&query).await?.text().await?;
//!     println!("{posts}");
//!     Ok(())
//! }
//! ```
//!
//! The folder [`examples`](https://docs.rs/crate/social-plus-bot/latest/source/examples/) has more programs to copy.
//!
//! # Overview
//!
//! - [`BotClient`] registers the bot, caches its session and sends requests. [`BotClientBuilder`] has the settings,
//!   with their limits and defaults.
//! - [`Session`] contains the [`AccessToken`], its lifetime and the [`User`].
//! - [`Error`] has a [`kind`](Error::kind), and tells whether it [`is_transient`](Error::is_transient).
#![cfg_attr(feature = "blocking", doc = "- [`blocking`] is the same API without an async runtime.")]
#![cfg_attr(
    not(feature = "blocking"),
    doc = "- `blocking` (a feature) is the same API without an async runtime."
)]
#![cfg_attr(
    feature = "read-cache",
    doc = "- [`ReadCache`] serves any number of views from the reads that a bot has: see [`BotClient::read`]."
)]
#![cfg_attr(
    not(feature = "read-cache"),
    doc = "- `ReadCache` (feature `read-cache`) serves any number of views from the reads that a bot has."
)]
#![cfg_attr(feature = "store", doc = "- [`store`] shares a session between processes.")]
#![cfg_attr(not(feature = "store"), doc = "- `store` (a feature) shares a session between processes.")]
#![cfg_attr(feature = "sandbox", doc = "- [`sandbox`] is a server for tests.")]
#![cfg_attr(not(feature = "sandbox"), doc = "- `sandbox` (a feature) is a server for tests.")]
#![cfg_attr(
    feature = "unstable-api",
    doc = "- [`api`] is the generated client, for direct calls of the operation. It is no part of the stable interface."
)]
#![cfg_attr(
    not(feature = "unstable-api"),
    doc = "- `api` (feature `unstable-api`) is the generated client, which is no part of the stable interface."
)]
//!
#![cfg_attr(doc, doc = "The [`guide`] has a page for each topic.")]
//!
//! # Guarantees
//!
//! - A registration ends within its [`timeout`](BotClientBuilder::timeout), 30 s by default.
//! - The API key is sent to the configured base URL and nowhere else: over https, or over http to a loopback host.
//!   Redirects are not followed. An `api::Client` that is constructed directly sends the key nowhere else either.
//! - Logs, errors and `Debug` output of this crate contain neither the API key nor a token, even if the service quotes
//!   them in an error, in a field's name or in a redirect. Both are wiped from memory when dropped. Other data of the
//!   service, such as a user's name, is not redacted.
//! - A response with status 200 and a usable token is a session, even if the rest of it does not match the contract;
//!   [`Session::schema_mismatches`] lists where. Without a usable token it is an error.
//! - While the service can be reached and no other client registers the device, no caller gets an expired token. Callers
//!   wait for a registration only if there is no session yet, or the token has expired or was refused.
//! - A registration, which ends the device's older token, is made only when it must be: by one client for all that share a
//!   store, and at most 10 times an hour although each new token is refused.
//! - Memory is limited, whatever the service sends. Of a registration's response, or an error's body, 1 MiB is read by
//!   default, and at most 5,000 values of a field and 10,000 in all are kept. Decoding takes at most 16 MiB, a session
//!   10 MiB and an error 200 KiB. Each byte added to
//!   [`max_response_bytes`](BotClientBuilder::max_response_bytes) can take 6 bytes of memory. The bodies that
//!   [`BotClient::get`] and [`send`](BotClient::send) return are not limited.
//! - The crate does not panic, and has no unsafe code and no global state. Dropping a future cancels its work, except
//!   for a registration that other callers may wait for, which ends with the last clone of its client.
//!
#![doc = include_str!("../guide/features.md")]
//!
//! # Sources
//!
//! The wire format is defined by the contract in the folder `openapi`, whose README lists the source of each part.

#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "unstable-api")]
#[cfg_attr(docsrs, doc(cfg(feature = "unstable-api")))]
pub mod api;
#[cfg(not(feature = "unstable-api"))]
mod api;
mod client;
mod config;
mod error;
#[cfg(feature = "sandbox")]
#[cfg_attr(docsrs, doc(cfg(feature = "sandbox")))]
pub mod sandbox;
mod session;
#[cfg(feature = "store")]
#[cfg_attr(docsrs, doc(cfg(feature = "store")))]
pub mod store;

/// The types of its times are in this crate's signatures.
pub use chrono;
/// [`StatusCode`](http::StatusCode) and the headers are in this crate's signatures.
pub use http;
/// Its requests and responses are in this crate's signatures.
pub use reqwest;
/// The client is a layer of this version of it.
#[cfg(feature = "middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "middleware")))]
pub use reqwest_middleware;

pub use api::types::error::ConversionError;
pub use api::types::{DeviceId, DeviceKind, HashFlag, Permission, User, UserMetadata, UserType};
pub use api::{Open, SchemaMismatch};
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use client::BotService;
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub use client::blocking;
#[cfg(feature = "read-cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
pub use client::read_cache::{Freshness, Page, ReadBudget, ReadCache, StaleReason};
#[cfg(all(fuzzing, feature = "read-cache"))]
#[doc(hidden)]
pub use client::read_headers;
pub use client::{
    BotClient, BotClientBuilder, DeviceInfo, Metrics, RequestBuilder, RetryPolicy, TokenFuture, TokenProvider,
};
pub use config::{AccessToken, ApiKey, IntoSetting, Region};
pub use error::{Error, ErrorCode, ErrorKind};
pub use session::Session;

/// A page for each topic.
#[cfg(doc)]
pub mod guide {
    // An example is compiled with the tests if the features that it needs are enabled.

    #[doc = include_str!("../guide/settings.md")]
    ///
    /// See [`BotClientBuilder`](crate::BotClientBuilder).
    pub mod settings {}

    #[cfg_attr(
        any(not(doctest), all(feature = "blocking", feature = "middleware", feature = "tower")),
        doc = include_str!("../guide/sessions.md")
    )]
    ///
    /// See [`BotClient`](crate::BotClient) and [`Session`](crate::Session).
    pub mod sessions {}

    #[cfg_attr(
        any(not(doctest), all(feature = "read-cache", feature = "redis-store")),
        doc = include_str!("../guide/reads.md")
    )]
    ///
    #[cfg_attr(
        feature = "read-cache",
        doc = "See [`ReadCache`](crate::ReadCache) and [`Page`](crate::Page)."
    )]
    pub mod reads {}

    #[doc = include_str!("../guide/errors.md")]
    ///
    /// See [`Error`](crate::Error), [`ErrorKind`](crate::ErrorKind) and [`ErrorCode`](crate::ErrorCode).
    pub mod errors {}

    #[doc = include_str!("../guide/several_processes.md")]
    ///
    #[cfg_attr(feature = "store", doc = "See [`store`](crate::store).")]
    pub mod several_processes {}

    #[cfg_attr(any(not(doctest), feature = "redis-store"), doc = include_str!("../guide/stores.md"))]
    ///
    #[cfg_attr(feature = "store", doc = "See [`store`](crate::store).")]
    pub mod stores {}

    #[cfg_attr(any(not(doctest), feature = "sandbox"), doc = include_str!("../guide/testing.md"))]
    ///
    #[cfg_attr(feature = "sandbox", doc = "See [`sandbox`](crate::sandbox).")]
    pub mod testing {}

    #[doc = include_str!("../guide/command_line.md")]
    pub mod command_line {}

    #[doc = include_str!("../guide/building.md")]
    pub mod building {}
}

/// The examples of the README are compiled with the tests.
#[cfg(all(doctest, feature = "read-cache", feature = "redis-store", feature = "sandbox"))]
#[doc = include_str!("../README.md")]
struct Readme;
