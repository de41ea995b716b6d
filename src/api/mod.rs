//! The bare operation, as generated from the contract.
//!
//! What is here is made by [progenitor](https://docs.rs/progenitor) at compile time; see
//! [`BotClient::api`](crate::BotClient::api) for how to get a [`Client`]. Compared with
//! [`BotClient::register`](crate::BotClient::register) a call makes one try, which may take as long as the client's
//! [`timeout`](crate::BotClientBuilder::timeout), and does not look at the token it returns.
//!
//! Requests and responses pass the hooks of this module, which keep the key at its address and secrets out of errors.

mod answer;
mod body;
mod bounded;
pub(crate) mod deviation;
mod hooks;
mod open;
pub(crate) mod redact;

// The generator documents what the contract describes, and no more.
#[allow(missing_docs, clippy::all)]
mod generated {
    #[cfg(feature = "codegen")]
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
    // The committed copy of the same text.
    #[cfg(not(feature = "codegen"))]
    include!("generated.rs");
}

pub use answer::Answer;
#[cfg(feature = "store")]
pub(crate) use bounded::ANSWER;
pub use deviation::{Deviation, DeviationKind};
pub use generated::*;
pub use hooks::Transport;
pub(crate) use hooks::decoded;
pub use open::Open;
