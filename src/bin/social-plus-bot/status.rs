//! `social-plus-bot status`.

use std::io::{self, Write};

use serde_json::json;

use crate::exit::{self, Failure};
use crate::printable;
use crate::settings::{self, DeviceIdPolicy, Format, Settings};
use crate::store;

/// Print the stored session of the device, without its token. Sends nothing to the service.
///
/// The settings are those of `token`. The API key is required because sessions are stored by API key.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  social-plus-bot status --region eu --format json")]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    store: store::StoreArg,
    /// How to print it [default: text on a terminal, json otherwise]
    #[arg(long)]
    format: Option<Format>,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = arguments.store.open()?;
    let bot = arguments.settings.build(store.set(arguments.settings.client(DeviceIdPolicy::Load)?))?;
    let session = bot.stored_session().await?;
    if let Some(fault) = bot.store_faults().last {
        exit::note(fault);
    }
    let user = session.as_ref().and_then(|session| session.user()).and_then(|user| user.user_id.as_deref());
    let mut out = io::stdout().lock();
    match Format::or_fitting(arguments.format, &out) {
        Format::Json => {
            let status = json!({
                "store": store.to_string(),
                "device": bot.device_id(),
                "session": session.as_ref().map(|session| json!({
                    "user": user,
                    "issuedAt": session.issued_at(),
                    "expiresAt": session.expires_at(),
                    "refreshDue": session.refresh_due(),
                })),
            });
            settings::print_json(&mut out, &format!("{status:#}"))?;
        }
        Format::Text => {
            writeln!(out, "store    {}", printable::line(&store.to_string()))?;
            writeln!(out, "device   {}", printable::line(bot.device_id()))?;
            match &session {
                Some(session) => {
                    writeln!(out, "user     {}", printable::line(user.unwrap_or("unknown")))?;
                    writeln!(out, "issued   {}", session.issued_at())?;
                    writeln!(out, "expires  {}", session.expires_at())?;
                    writeln!(out, "refresh  {}", session.refresh_due())?;
                }
                None => writeln!(out, "session  none")?,
            }
        }
    }
    Ok(out.flush()?)
}
