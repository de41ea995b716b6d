//! The generated client, and the decoding of responses.

#[cfg(feature = "sandbox")]
mod deviations;
mod documented;
mod generated;
