//! `social-plus-bot sandbox`.

use std::env::{self, VarError};
use std::future;
use std::io::{self, Write};

use social_plus_bot::ApiKey;
use social_plus_bot::sandbox::Sandbox;

use crate::exit::Failure;

/// Serve the sandbox until interrupted.
///
/// The first line on standard output is `listening on http://127.0.0.1:PORT`. It is reachable from this machine only. If
/// SOCIAL_PLUS_API_KEY is set, it is the only API key that is accepted; otherwise any non-empty key is.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  social-plus-bot sandbox --port 8080\n")]
pub struct Arguments {
    /// Port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep a device's older tokens valid when it registers again
    #[arg(long)]
    keep_older_tokens: bool,
    /// Seed a network of communities, posts and users that can be read
    #[arg(long)]
    seed_network: bool,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut sandbox = Sandbox::builder().port(arguments.port);
    if arguments.keep_older_tokens {
        sandbox = sandbox.keep_older_tokens();
    }
    if arguments.seed_network {
        sandbox = sandbox.seed_network();
    }
    match env::var("SOCIAL_PLUS_API_KEY") {
        Ok(key) => {
            let key = ApiKey::try_from(key).map_err(|error| {
                let text = error.to_string();
                let rule = text.strip_prefix("api_key: ").unwrap_or(&text);
                Failure::Usage(format!("SOCIAL_PLUS_API_KEY: {rule}"))
            })?;
            sandbox = sandbox.api_key(key);
        }
        Err(VarError::NotPresent) => {}
        Err(VarError::NotUnicode(_)) => {
            return Err(Failure::Usage("SOCIAL_PLUS_API_KEY: is not valid Unicode".to_owned()));
        }
    }
    let sandbox = sandbox
        .start()
        .await
        .map_err(|error| Failure::Usage(format!("--port {}: {error}", arguments.port)))?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", sandbox.base_url())?;
    out.flush()?;
    future::pending().await
}
