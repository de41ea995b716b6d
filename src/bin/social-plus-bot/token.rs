//! `social-plus-bot token`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{AccessToken, BotClient, Session};

use crate::exit::{self, Failure};
use crate::secret;
use crate::settings::{self, Format, Settings};
use crate::store::{self, Store};
use crate::watch;

/// Print an access token and nothing else.
///
/// The session is stored between runs and refreshed when it is due, so this registers only when it must. Processes that use
/// the same store share the session.
#[derive(clap::Args)]
#[command(after_help = "Example:
  token=$(social-plus-bot token --region eu)
  curl -H \"Authorization: Bearer $token\" https://…

If the service then refuses the token with 401:
  token=$(printf %s \"$token\" | social-plus-bot token --region eu --refused -)")]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    store: store::StoreArg,
    /// File with a token that the service refused; `-` is standard input
    ///
    /// If the stored session still has this token, a new session is registered. If that one is refused soon
    /// as well, there is a pause of 2 minutes and then of 20 before the next.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["watch", "sandbox"])]
    refused: Option<PathBuf>,
    /// Keep a valid token in FILE (mode 0600) until interrupted, and print nothing
    ///
    /// A session that another process registered is found in the store within about a minute. On Windows the file has the
    /// access of its folder.
    #[arg(long, value_name = "FILE")]
    watch: Option<PathBuf>,
    /// Start a sandbox in this process and register with it; needs no key and stores nothing
    #[arg(long, conflicts_with_all = ["region", "base_url", "api_key_file", "store"])]
    sandbox: bool,
    /// How to print it: the token alone, or as JSON with `accessToken` and `expiresAt`
    #[arg(long, default_value = "text", conflicts_with = "watch")]
    format: Format,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { settings, store, refused, watch, sandbox, format } = arguments;
    if let Some(file) = &watch {
        watch::check(file)?;
    }
    if sandbox {
        let sandbox = Sandbox::start().await?;
        let bot = settings.build(settings.client_of(&sandbox))?;
        return match watch {
            Some(file) => watch::keep(&bot, &file).await,
            None => print(&*bot.session().await?, format),
        };
    }
    let refused = match &refused {
        Some(file) => Some(read_refused(file, &settings).await?),
        None => None,
    };
    let checked = settings.check().await?;
    let store = store.open()?;
    let bot = settings.build(store.set(checked.of_any_device()?))?;
    // Fail before a registration whose session could not be stored.
    if let Err(fault) = bot.stored_session().await
        && store.is_fatal(&fault)
    {
        return Err(fault.into());
    }
    match watch {
        Some(file) => watch::keep(&bot, &file).await,
        None => {
            if let Some(refused) = &refused {
                bot.access_token_after(refused).await?;
            }
            let session = bot.session().await?;
            was_kept(&bot, &store, session.access_token()).await?;
            print(&session, format)
        }
    }
}

async fn read_refused(file: &Path, settings: &Settings) -> Result<AccessToken, Failure> {
    if secret::is_input(file) && settings.reads_input() {
        let rule = "standard input can't hold both; give one of --refused and --api-key-file a file";
        return Err(Failure::Usage(rule.to_owned()));
    }
    let token = secret::read("--refused", "token", file).await?;
    if token.is_empty() {
        return Err(Failure::Usage(format!("--refused {}: is empty", file.display())));
    }
    Ok(token.into())
}

/// Tells what went wrong with the store, and fails if the next run could not know of this one.
async fn was_kept(bot: &BotClient, store: &Store, token: &AccessToken) -> Result<(), Failure> {
    let Some(fault) = bot.store_faults().last else { return Ok(()) };
    let kept = bot.stored_session().await.ok().flatten();
    if kept.is_none_or(|kept| kept.access_token() != token) && store.is_fatal(&fault) {
        return Err(fault.into());
    }
    exit::note(fault);
    Ok(())
}

fn print(session: &Session, format: Format) -> Result<(), Failure> {
    let token = session.access_token().expose_secret();
    let mut out = io::stdout().lock();
    match format {
        Format::Text => writeln!(out, "{token}")?,
        Format::Json => {
            let credential = json!({ "accessToken": token, "expiresAt": session.expires_at() });
            settings::print_json(&mut out, &format!("{credential:#}"))?;
        }
    }
    Ok(out.flush()?)
}
