//! The contract's side: the generated client, and how responses are decoded.

#[cfg(feature = "sandbox")]
mod deviations;
mod documented;
mod generated;
