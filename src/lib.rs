//! Bot sessions of [social.plus](https://www.social.plus) (formerly Amity Social Cloud).
//!
//! A network of social.plus lets a device register as a *bot*: a read-only user for search crawlers and
//! automated readers. The service answers with an access token that is valid for 30 days. This crate does the
//! registration, keeps the session valid, and sends requests with it:
//!
#![cfg_attr(feature = "sandbox", doc = "```")]
#![cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
//! # let address = sandbox.base_url();
//! use social_plus_bot::BotClient;
//!
//! let bot = BotClient::builder().api_key("b0e8a2c4d6f8").base_url(address).device_id("crawler-1").build()?;
//! let session = bot.session().await?;
//! println!("a bot until {}", session.expires_at());
//! let posts = bot.get("/api/v4/posts").await?.text().await?;
//! println!("{posts}");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`BotClient`] registers, keeps a session and reads with it; its [builder](BotClientBuilder) has the
//!   settings, their limits and defaults.
//! - [`Session`] is what you get: an [`AccessToken`], its lifetime, its [`User`].
//! - [`Error`] is what you get otherwise: ask for its [`kind`](Error::kind), and whether it
//!   [`is_transient`](Error::is_transient).
#![cfg_attr(feature = "blocking", doc = "- [`blocking`] is the same for programs without an async runtime.")]
#![cfg_attr(
    not(feature = "blocking"),
    doc = "- `blocking` (a feature) is the same for programs without an async runtime."
)]
//! - [`api`] is the generated client underneath, for the bare operation.
#![cfg_attr(feature = "store", doc = "- [`store`] shares a session between processes.")]
#![cfg_attr(not(feature = "store"), doc = "- `store` (a feature) shares a session between processes.")]
#![cfg_attr(feature = "sandbox", doc = "- [`sandbox`] is a server for your tests.")]
#![cfg_attr(not(feature = "sandbox"), doc = "- `sandbox` (a feature) is a server for your tests.")]
//!
//! # What it promises
//!
//! - A registration ends: within 30 s by default, whatever the service does.
//! - The answer to a registration, or an error's body, is read up to 1 MiB by default, whatever its length, and costs
//!   at most 16 MiB of memory meanwhile, whatever its content: of what it holds no more than 5,000 values are kept of a
//!   field, and 10,000 in all. A session keeps at most 10 MiB, an error 200 KiB. Each byte that
//!   [`max_response_bytes`](BotClientBuilder::max_response_bytes) adds costs at most 6 of memory. What
//!   [`BotClient::get`] and [`send`](BotClient::send) return has no limit but yours.
//! - The API key goes to the configured base URL and nowhere else: over https, or plain http on a loopback
//!   host; redirects are not followed, and clients made of the generated code by hand send nothing elsewhere.
//! - Key and token are in no log, no error and no `Debug` output of this crate, even where the service quotes them in
//!   an error, as the name of a field or in a redirect, and are wiped when dropped. What the service says of a user is
//!   shown as it is.
//! - A 200 answer with a usable token is a session, however much the rest of it departs from the contract;
//!   [`Session::deviations`] tells. Without one it is an error.
//! - While the service can be reached, nobody gets an expired token, and only who asks for the first time, or
//!   for the first time since the token ran out, waits for one.
//! - No panics, no unsafe code, no global state. Dropping a future cancels what it did, but for a registration
//!   that others may be waiting for; that one ends with the last clone of its client.
//!
//! # Features
//!
//! - `codegen` (default): generates the client while building; without it the committed copy, the same text, is
//!   compiled and no generator is built.
//! - `rustls` (default): TLS by rustls with the system's certificates.
//! - `native-tls`: TLS by the system's own library.
//! - `blocking`: the same surface for programs without an async runtime.
//! - `middleware`: [`BotClient`] is a layer of `reqwest-middleware`, between those for retries, caches and traces.
//! - `file-store`: sessions shared by the processes of one machine, through files.
//! - `redis-store`: sessions shared by a fleet, through Redis or Valkey.
//! - `sealing`: stored sessions sealed with a key.
//! - `store`: the trait for a store of your own; comes with the three above.
//! - `sandbox`: an in-process server that speaks the contract.
//! - `cli`: the command line tool `social-plus-bot`.
//!
//! # Sources
//!
//! Everything about the wire comes from the contract in the crate's folder `openapi`, whose README names the
//! source of each part.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
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

pub use api::types::{DeviceId, DeviceKind, Permission, User, UserType};
pub use api::{Answer, Deviation, DeviationKind, Open};
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub use client::blocking;
pub use client::{BotClient, BotClientBuilder, DeviceInfo};
pub use config::{AccessToken, ApiKey, Region};
pub use error::{Error, ErrorCode, ErrorKind};
pub use session::Session;

/// The examples of the README are compiled with the tests.
#[cfg(all(
    doctest,
    feature = "blocking",
    feature = "middleware",
    feature = "redis-store",
    feature = "sandbox"
))]
#[doc = include_str!("../README.md")]
struct Readme;
