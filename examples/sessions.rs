//! Sends requests with the token of one session, also with an HTTP client of its own.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 cargo run --example sessions
//! ```

use std::error::Error;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use social_plus_bot::BotClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bot = BotClient::from_env()?;
    // Without a timeout, it would wait for ever for a service that does not respond.
    let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let response = get(&bot, &http, "/api/v3/users/ada").await?;
    println!("status {} with another client", response.status());

    // All three share the session. Without one, one of them would register, and the others wait for it.
    let query = [("targetType", "community"), ("targetId", "gardening")];
    let (posts, communities, session) = tokio::join!(
        bot.get("/api/v4/posts").query(&query).send(),
        bot.get("/api/v3/communities").send(),
        bot.session(),
    );
    let (posts, communities): (Value, Value) = (posts?.json().await?, communities?.json().await?);
    println!("{} posts in gardening", posts["posts"].as_array().map_or(0, Vec::len));
    println!("{} communities", communities["communities"].as_array().map_or(0, Vec::len));
    println!("the token expires at {}", session?.expires_at());
    println!("{} reads were sent by this client", bot.reads_today());
    Ok(())
}

/// Sends a request with `http`. If the service refuses the token, repeats it with a new one.
async fn get(bot: &BotClient, http: &Client, path: &str) -> Result<Response, Box<dyn Error>> {
    let url = format!("{}{path}", bot.base_url());
    let token = bot.access_token().await?;
    let response = http.get(&url).bearer_auth(token.expose_secret()).send().await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    let token = bot.access_token_after(&token).await?;
    Ok(http.get(&url).bearer_auth(token.expose_secret()).send().await?)
}
