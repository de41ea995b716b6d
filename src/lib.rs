//! Bot sessions of [social.plus](https://www.social.plus) for search crawlers and automated readers.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
pub mod api;
mod client;
mod credentials;
mod deviation;
mod device;
mod error;
mod open;
mod redact;
mod region;
mod retry;
#[cfg(feature = "sandbox")]
#[cfg_attr(docsrs, doc(cfg(feature = "sandbox")))]
pub mod sandbox;
mod session;

pub use answer::Answer;
pub use api::types::{DeviceId, DeviceKind, Permission, User, UserType};
pub use client::{BotClient, BotClientBuilder};
pub use credentials::{AccessToken, ApiKey};
pub use deviation::{Deviation, DeviationKind};
pub use device::DeviceInfo;
pub use error::{Error, ErrorCode, ErrorKind};
pub use open::Open;
pub use region::Region;
pub use session::Session;
