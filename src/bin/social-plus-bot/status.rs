//! `social-plus-bot status`.

use std::io::{self, Write};

use serde_json::json;
use social_plus_bot::{Region, Session};

use crate::exit::{self, Failure};
use crate::printable;
use crate::settings::{self, Checked, Format, Settings};
use crate::store::{Place, StoreArg};

/// Print the stored session of the device, without its token. Sends nothing to the service, and creates nothing.
///
/// The settings are those of `token`. The API key is required because sessions are stored by API key. Without a session,
/// the exit status is 5.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  social-plus-bot status --region eu --format json")]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    store: StoreArg,
    /// How to print it [default: text on a terminal, json otherwise]
    #[arg(long)]
    format: Option<Format>,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let checked = arguments.settings.check().await?;
    let place = arguments.store.place()?;
    let store = place.to_string();
    let session = stored_session(&arguments.settings, &checked, place).await?;
    print(&checked, &store, session.as_ref(), arguments.format)?;
    session.map(drop).ok_or(Failure::NoSession)
}

async fn stored_session(
    settings: &Settings,
    checked: &Checked,
    place: Place,
) -> Result<Option<Session>, Failure> {
    let Some(client) = checked.of_known_device() else { return Ok(None) };
    let Some(store) = place.open_existing()? else { return Ok(None) };
    let bot = settings.build(store.set(client))?;
    let session = bot.stored_session().await?;
    if let Some(fault) = bot.store_faults().last {
        exit::note(fault);
    }
    Ok(session)
}

fn print(
    checked: &Checked,
    store: &str,
    session: Option<&Session>,
    format: Option<Format>,
) -> io::Result<()> {
    let region = Region::ALL.iter().find(|region| region.base_url() == checked.address());
    let user = session.and_then(|session| session.user()).and_then(|user| user.user_id.as_deref());
    let mut out = io::stdout().lock();
    match Format::or_fitting(format, &out) {
        Format::Json => {
            let status = json!({
                "store": store,
                "address": checked.address(),
                "region": region.map(|region| region.as_str()),
                "device": checked.device_id(),
                "session": session.map(|session| json!({
                    "user": user,
                    "issuedAt": session.issued_at(),
                    "expiresAt": session.expires_at(),
                    "refreshDue": session.refresh_due(),
                })),
            });
            settings::print_json(&mut out, &format!("{status:#}"))?;
        }
        Format::Text => {
            writeln!(out, "store    {}", printable::line(store))?;
            writeln!(out, "address  {}", printable::line(checked.address()))?;
            writeln!(out, "region   {}", region.map_or("none", |region| region.as_str()))?;
            writeln!(out, "device   {}", printable::line(checked.device_id().unwrap_or("none")))?;
            match session {
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
    out.flush()
}
