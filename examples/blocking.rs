//! Reads from a program without an async runtime.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 \
//!     cargo run --example blocking --features blocking
//! ```

use std::error::Error;
use std::thread;

use social_plus_bot::blocking::BotClient;

fn main() -> Result<(), Box<dyn Error>> {
    let bot = BotClient::from_env()?;
    // The threads share one session.
    let readers: Vec<_> = ["/api/v3/users/ada", "/api/v3/communities/gardening"]
        .into_iter()
        .map(|path| {
            let bot = bot.clone();
            thread::spawn(move || bot.get(path).send()?.text())
        })
        .collect();
    for reader in readers {
        let body = reader.join().map_err(|_| "a reader panicked")??;
        println!("{} bytes", body.len());
    }
    Ok(())
}
