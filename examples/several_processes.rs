//! Shares a session with the other processes of the user, among them the command line tool.
//!
//! Run it twice: the second run registers nothing. With the same key, region and device id, `social-plus-bot token` prints
//! the token of this session, and `social-plus-bot status` shows it.
//!
//! ```sh
//! SOCIAL_PLUS_API_KEY=… SOCIAL_PLUS_REGION=eu SOCIAL_PLUS_DEVICE_ID=crawler-1 \
//!     cargo run --example several_processes --features file-store
//! ```
//!
//! On several machines, use `RedisStore::new("rediss://cache.internal")?` in place of the `FileStore`.

use social_plus_bot::store::{FileStore, StoreOutage};
use social_plus_bot::{BotClientBuilder, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let store = FileStore::in_state_folder()?;
    println!("sessions are in {}", store.folder().display());
    let bot = BotClientBuilder::from_env()
        .store(store)
        // A process that starts while the store is down takes the session of no other.
        .on_store_outage(StoreOutage::Fail)
        .build()?;

    match bot.stored_session().await? {
        Some(_) => println!("there is a session"),
        None => println!("there is no session yet"),
    }
    let session = bot.session().await?;
    println!("the token expires at {}", session.expires_at());

    // With a valid session, a client goes on without its store.
    let faults = bot.store_faults();
    if let Some(fault) = faults.last {
        eprintln!("the store failed {} times, at last: {fault}", faults.count);
    }
    Ok(())
}
