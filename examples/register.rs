//! Registers a bot and prints its user and the expiry of its token.
//!
//! If `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` and `SOCIAL_PLUS_DEVICE_ID` are set, it uses the service.
//! Otherwise it starts a sandbox:
//!
//! ```sh
//! cargo run --example register --features sandbox
//! ```

use std::env;
use std::error::Error;

use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let bot = if env::var_os("SOCIAL_PLUS_API_KEY").is_some() {
        BotClient::from_env()?
    } else {
        sandbox.client().build()?
    };

    let session = bot.session().await?;
    if let Some(user) = session.user() {
        println!("user: {}", user.user_id.as_deref().unwrap_or("unknown"));
        println!("display name: {}", user.display_name.as_deref().unwrap_or("none"));
    }
    println!("expires at: {}", session.expires_at());
    Ok(())
}
