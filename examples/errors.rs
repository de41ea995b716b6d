//! Reads a page, waits while that can help, and otherwise says what to do.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 cargo run --example errors
//! ```

use std::process::ExitCode;
use std::time::Duration;

use reqwest::Response;
use social_plus_bot::{BotClient, Error, ErrorCode, ErrorKind};
use tokio::time::sleep;

const ATTEMPTS: u32 = 3;

/// The longest wait for another attempt.
const LONGEST: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match read("/api/v3/communities/gardening").await {
        Ok(response) => {
            println!("status {}", response.status());
            return ExitCode::SUCCESS;
        }
        // The text is one line, and has neither the API key nor the token.
        Err(error) => eprintln!("{error}\n{}", advice(&error)),
    }
    ExitCode::FAILURE
}

async fn read(path: &str) -> Result<Response, Error> {
    let bot = BotClient::from_env()?;
    for _ in 1..ATTEMPTS {
        match bot.get(path).await {
            // The same call may succeed later.
            Err(error) if error.is_transient() => match error.retry_after().unwrap_or(Duration::from_secs(5))
            {
                wait if wait <= LONGEST => {
                    eprintln!("{error}; another attempt in {wait:.1?}");
                    sleep(wait).await;
                }
                _ => return Err(error),
            },
            result => return result,
        }
    }
    bot.get(path).await
}

fn advice(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Config => "change the setting",
        ErrorKind::InvalidInput | ErrorKind::Origin => "change the path",
        ErrorKind::Rejected if error.code() == Some(ErrorCode::NOT_FOUND) => "check the path",
        ErrorKind::Rejected => "check the API key, and whether the network permits bots",
        ErrorKind::RateLimited if error.code() == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) => "run it tomorrow",
        ErrorKind::InvalidResponse => "check the region or the base URL",
        ErrorKind::DeviceInUse => "use a device id of its own, or share a store",
        _ if error.is_transient() => "run it later",
        _ => "change what the message names",
    }
}
