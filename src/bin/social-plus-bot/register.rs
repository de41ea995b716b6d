//! `social-plus-bot register`.

use std::io::{self, Write};

use social_plus_bot::Session;
use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::store::StoreOutage;

use crate::exit::{self, Failure};
use crate::printable;
use crate::settings::{self, Format, Settings};
use crate::store::StoreArg;

/// Register the device as a bot and print the session.
///
/// According to the service's documentation, this ends the device's session: the older access token stops working. Scripts
/// should use `token`, which registers only when it must. The new session is stored, and `token` returns it from then on.
///
/// The output contains the new access token.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  social-plus-bot register --region eu --device-id crawler-1 --api-key-file key.txt"
)]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    store: StoreArg,
    /// Start a sandbox in this process and register with it; needs no key and stores nothing
    #[arg(long, conflicts_with_all = ["region", "base_url", "api_key_file", "store"])]
    sandbox: bool,
    /// List where the response does not match the contract
    #[arg(long)]
    verbose: bool,
    /// How to print the session [default: text on a terminal, json otherwise]
    #[arg(long)]
    format: Option<Format>,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let sandbox = if arguments.sandbox { Some(Sandbox::start().await?) } else { None };
    let bot = match &sandbox {
        Some(sandbox) => arguments.settings.client_of(sandbox),
        None => {
            let checked = arguments.settings.check().await?;
            let store = arguments.store.try_open()?;
            let client = checked.of_any_device()?;
            match store {
                Ok(store) => store.set(client),
                Err(failure) => {
                    exit::note(format_args!("the session is not stored: {failure}"));
                    client
                }
            }
        }
    };
    let bot = arguments.settings.build(bot.on_store_outage(StoreOutage::Register))?;
    if let Ok(Some(ends)) = bot.stored_session().await {
        exit::note(format_args!(
            "this ends the stored session of device {:?}, valid until {}; `token` prints its token",
            bot.device_id(),
            ends.expires_at()
        ));
    }
    let session = bot.register().await?;
    if let Some(fault) = bot.store_faults().last {
        exit::note(fault);
    }
    tell_mismatches(&session, arguments.verbose);
    print(&session, arguments.format)
}

fn tell_mismatches(session: &Session, verbose: bool) {
    let count = session.schema_mismatches().len();
    if count == 0 {
        return;
    }
    let more = if verbose { ":" } else { "; --verbose lists them" };
    exit::note(format_args!("the response does not match the contract in {count} places{more}"));
    for mismatch in session.schema_mismatches().iter().take(if verbose { count } else { 0 }) {
        exit::note(mismatch);
    }
}

fn print(session: &Session, format: Option<Format>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match Format::or_fitting(format, &out) {
        Format::Json => {
            let json = serde_json::to_string_pretty(session).map_err(io::Error::from)?;
            settings::print_json(&mut out, &json)?;
        }
        Format::Text => {
            let user = session.user().and_then(|user| user.user_id.as_deref()).unwrap_or("unknown");
            let kind = session.user_type().map(ToString::to_string).unwrap_or_default();
            writeln!(out, "user     {}", printable::line(&format!("{user} {kind}")))?;
            writeln!(out, "issued   {}", session.issued_at())?;
            writeln!(out, "expires  {}", session.expires_at())?;
            writeln!(out, "token    {}", session.access_token().expose_secret())?;
        }
    }
    Ok(out.flush()?)
}
