//! The sandbox in one of two readings of the service's documentation.
//!
//! By default a registration ends the device's older tokens. With `SANDBOX_KEEPS_OLDER_TOKENS` it does not. `cargo xtask
//! test` runs these tests in both.

use std::{env, io};

use social_plus_bot::sandbox::{Sandbox, SandboxBuilder};

pub fn builder() -> SandboxBuilder {
    match env::var_os("SANDBOX_KEEPS_OLDER_TOKENS") {
        Some(_) => Sandbox::builder().keep_older_tokens(),
        None => Sandbox::builder(),
    }
}

pub async fn start() -> io::Result<Sandbox> {
    builder().start().await
}
