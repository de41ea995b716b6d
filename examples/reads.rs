//! Shows many pages from few reads: a list fills the pages of its posts.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 \
//!     cargo run --example reads --features read-cache
//! ```

use std::error::Error;
use std::time::Duration;

use serde_json::{Value, json};
use social_plus_bot::{BotClient, BotClientBuilder, Freshness, ReadCache};

const LIST: &str = "/api/v4/posts?targetType=community&targetId=gardening&options[limit]=100";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = ReadCache::in_memory().fresh_for(Duration::from_secs(6 * 60 * 60)).reserved_reads(40);
    let bot = BotClientBuilder::from_env().read_cache(cache).build()?;

    let paths = fill(&bot).await?;
    let mut bytes = 0;
    for path in &paths {
        // From memory: nothing is sent.
        let page = bot.read(path).await?;
        bytes += page.bytes().len();
        if let Freshness::Stale(reason) = page.freshness() {
            eprintln!("{path} is {} minutes old: {reason:?}", page.age().as_secs() / 60);
        }
    }
    println!("{} pages with {bytes} bytes", paths.len());

    let budget = bot.read_budget().await?;
    println!("{} of {} reads are used, until {}", budget.used(), budget.limit(), budget.resets_at());
    Ok(())
}

/// Reads a list, and keeps each of its posts as the page that a read of the post alone would return. Returns the paths.
async fn fill(bot: &BotClient) -> Result<Vec<String>, Box<dyn Error>> {
    let page = bot.read(LIST).await?;
    let list: Value = page.json()?;
    let mut paths = Vec::new();
    for post in list["posts"].as_array().into_iter().flatten() {
        let Some(id) = post["postId"].as_str() else { continue };
        let path = format!("/api/v3/posts/{id}");
        // Authors are beside the posts.
        let users = list["users"].as_array().into_iter().flatten();
        let author: Vec<_> = users.filter(|user| user["userId"] == post["postedUserId"]).collect();
        let body = json!({ "posts": [post], "users": author }).to_string();
        bot.fill_aged(&path, body, page.age()).await?;
        paths.push(path);
    }
    Ok(paths)
}
