//! `social-plus-bot sandbox`.

use std::future;
use std::io::{self, Write};

use social_plus_bot::sandbox::Sandbox;

use crate::exit::Failure;

/// Serve the sandbox until interrupted.
///
/// The first line on standard output is `listening on http://127.0.0.1:PORT`. Any API key that is not empty
/// is accepted, and only this machine can reach it.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  social-plus-bot sandbox --port 8080\n")]
pub struct Arguments {
    /// Port to listen on; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let sandbox = Sandbox::builder()
        .port(arguments.port)
        .start()
        .await
        .map_err(|error| Failure::Usage(format!("--port {}: {error}", arguments.port)))?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", sandbox.base_url())?;
    out.flush()?;
    future::pending().await
}
