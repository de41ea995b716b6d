//! `social-plus-bot register`.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{ApiKey, BotClientBuilder, Session};

use crate::exit::Failure;

/// Far more than any key; a file that is longer is not a key's.
const LONGEST_KEY: u64 = 8 << 10;

/// Register the device as a bot and print the session.
///
/// The session holds the access token: mind where the output goes. The API key is read from
/// SOCIAL_PLUS_API_KEY or from a file; SOCIAL_PLUS_REGION, SOCIAL_PLUS_BASE_URL and SOCIAL_PLUS_DEVICE_ID
/// stand in for the options of these names.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  social-plus-bot register --region eu --device-id crawler-1 --api-key-file key.txt"
)]
pub struct Arguments {
    /// File with the API key in it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Region of the network: us, eu or sg
    #[arg(long)]
    region: Option<String>,
    /// Address of the service, in place of a region's: https, or http on a loopback host
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    base_url: Option<String>,
    /// Name of the device, 1 to 150 characters; the same name stays the same user
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// How many seconds a registration may take, all tries included [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Start a sandbox in this process and register with it; needs no key
    #[arg(long, conflicts_with_all = ["region", "base_url", "api_key_file"])]
    sandbox: bool,
    /// How to print the session [default: text on a terminal, json otherwise]
    #[arg(long)]
    format: Option<Format>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Json,
    Text,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let sandbox = if arguments.sandbox { Some(Sandbox::start().await?) } else { None };
    let bot = configure(&arguments, sandbox.as_ref())?.build()?;
    let session = bot.register().await?;
    for deviation in session.deviations() {
        eprintln!("note: the answer departs from the contract: {deviation}");
    }
    print(&session, arguments.format)
}

fn configure(arguments: &Arguments, sandbox: Option<&Sandbox>) -> Result<BotClientBuilder, Failure> {
    let mut builder = sandbox.map_or_else(BotClientBuilder::from_env, Sandbox::client);
    if let Some(file) = &arguments.api_key_file {
        builder = builder.api_key(read_key(file)?);
    }
    if let Some(region) = &arguments.region {
        builder = builder.region(region.as_str());
    }
    if let Some(url) = &arguments.base_url {
        builder = builder.base_url(url);
    }
    if let Some(id) = &arguments.device_id {
        builder = builder.device_id(id);
    }
    if let Some(timeout) = arguments.timeout {
        builder = builder.timeout(timeout);
    }
    Ok(builder)
}

fn read_key(file: &Path) -> Result<ApiKey, Failure> {
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| unreadable(file, error))?)
    };
    let mut key = String::new();
    let read =
        source.take(LONGEST_KEY + 1).read_to_string(&mut key).map_err(|error| unreadable(file, error))?;
    if read as u64 > LONGEST_KEY {
        return Err(Failure::Usage(format!("--api-key-file {}: too long for a key", file.display())));
    }
    key.truncate(key.trim_end().len());
    Ok(ApiKey::try_from(key)?)
}

fn unreadable(file: &Path, error: io::Error) -> Failure {
    Failure::Usage(format!("--api-key-file {}: {error}", file.display()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn print(session: &Session, format: Option<Format>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = out.is_terminal();
    match format.unwrap_or(if text { Format::Text } else { Format::Json }) {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, session.body()).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => {
            let user = session.user().and_then(|user| user.user_id.as_deref()).unwrap_or("unknown");
            let kind = session.user_type().map(ToString::to_string).unwrap_or_default();
            writeln!(out, "user     {user} {kind}")?;
            writeln!(out, "issued   {}", session.issued_at())?;
            writeln!(out, "expires  {}", session.expires_at())?;
            writeln!(out, "token    {}", session.access_token().expose_secret())?;
        }
    }
    Ok(out.flush()?)
}
