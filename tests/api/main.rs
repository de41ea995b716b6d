//! The generated client, and the decoding of responses.

mod documented;
mod generated;
#[cfg(feature = "sandbox")]
mod mismatches;
