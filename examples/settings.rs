//! Takes the settings from the environment, adds some, and reports an invalid one.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 cargo run --example settings
//! ```

use std::process::ExitCode;
use std::time::Duration;

use social_plus_bot::{BotClient, BotClientBuilder, DeviceInfo, DeviceKind, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let bot = match client() {
        Ok(bot) => bot,
        // Nothing was sent. The error names the setting and the rule.
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    println!("device {} at {}", bot.device_id(), bot.base_url());
    match bot.session().await {
        Ok(session) => {
            println!("user {}", session.user_id().unwrap_or("unknown"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What the environment has is not repeated here; a method of the same name would replace it.
fn client() -> Result<BotClient, Error> {
    let device = DeviceInfo::new().kind(DeviceKind::Web).model("indexer").sdk_version("1.4.0");
    BotClientBuilder::from_env().device_info(device).timeout(Duration::from_secs(10)).build()
}
