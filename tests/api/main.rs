//! The generated client, and the decoding of responses.

#[cfg(feature = "sandbox")]
mod documented;
mod generated;
mod mismatches;
