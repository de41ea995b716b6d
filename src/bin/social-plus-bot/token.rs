//! `social-plus-bot token`.

use std::io::{self, Write};
use std::path::PathBuf;

use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{AccessToken, BotClient};

use crate::exit::Failure;
use crate::settings::{Settings, Unnamed};
use crate::store::{self, Store};
use crate::watch;

/// Print an access token, and nothing else.
///
/// The session is kept between runs, and a new one registered only when the old one is due for renewal. The API key
/// is read from SOCIAL_PLUS_API_KEY or from a file; SOCIAL_PLUS_REGION, SOCIAL_PLUS_BASE_URL, SOCIAL_PLUS_DEVICE_ID
/// and SOCIAL_PLUS_STORE stand in for the options of these names.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  curl -H \"Authorization: Bearer $(social-plus-bot token --region eu)\" https://…"
)]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    store: store::Place,
    /// Keep a valid token in FILE (mode 0600) until interrupted, and print nothing
    #[arg(long, value_name = "FILE")]
    watch: Option<PathBuf>,
    /// Start a sandbox in this process and register with it; needs no key, and keeps nothing
    #[arg(long, conflicts_with_all = ["region", "base_url", "api_key_file", "store"])]
    sandbox: bool,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { settings, store, watch, sandbox } = arguments;
    if sandbox {
        let sandbox = Sandbox::start().await?;
        let bot = settings.client_of(&sandbox).build()?;
        return match watch {
            Some(file) => watch::keep(&bot, &file).await,
            None => print(&bot.access_token().await?),
        };
    }
    let store = store.open()?;
    let bot = store.set(settings.client(Unnamed::Made)?).build()?;
    // Before a registration is made that could not be kept.
    if let Err(fault) = bot.stored_session().await
        && store.is_useless_after(&fault)
    {
        return Err(fault.into());
    }
    match watch {
        Some(file) => watch::keep(&bot, &file).await,
        None => {
            let token = bot.access_token().await?;
            was_kept(&bot, &store, &token).await?;
            print(&token)
        }
    }
}

/// Tells what went wrong with the store, and fails if the next run could not know of this one.
async fn was_kept(bot: &BotClient, store: &Store, token: &AccessToken) -> Result<(), Failure> {
    let Some(fault) = bot.store_faults().last else { return Ok(()) };
    let kept = bot.stored_session().await.ok().flatten();
    if kept.is_none_or(|kept| kept.access_token() != token) && store.is_useless_after(&fault) {
        return Err(fault.into());
    }
    eprintln!("note: {fault}");
    Ok(())
}

fn print(token: &AccessToken) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", token.expose_secret())?;
    Ok(out.flush()?)
}
