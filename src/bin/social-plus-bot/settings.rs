//! The settings that all commands share: options first, the environment for what they leave open.

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{ApiKey, BotClient, BotClientBuilder, Error};

use crate::bounded;
use crate::device_id;
use crate::exit::Failure;
use crate::printable::is_printable;
use crate::secret;

// Clap's own environment variables would conflict with options in place of giving way to them.
#[derive(clap::Args)]
pub struct Settings {
    /// File with the API key in it; `-` is standard input, and asks for the key on a terminal [env: SOCIAL_PLUS_API_KEY,
    /// which has the key itself]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Region of the network: us, eu or sg [env: SOCIAL_PLUS_REGION]
    #[arg(long)]
    region: Option<String>,
    /// Address of the service, instead of a region: https, or http to a loopback host [env: SOCIAL_PLUS_BASE_URL]
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    base_url: Option<String>,
    /// Device id, 1 to 150 characters; the same id is always the same user [env: SOCIAL_PLUS_DEVICE_ID] [default: created
    /// once and stored in the user's state folder]
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// Timeout of a registration in seconds, including retries [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

/// In place of a device id that is not created yet, to check the other settings.
const UNKNOWN_DEVICE: &str = "unknown";

/// Settings that are valid.
pub struct Checked {
    builder: BotClientBuilder,
    address: String,
    device_id: Option<String>,
}

impl Checked {
    /// The address of the service.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The device id that was given or is stored.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// The client's settings, if there is a device id.
    pub fn of_known_device(&self) -> Option<BotClientBuilder> {
        self.device_id.as_ref().map(|_| self.builder.clone())
    }

    /// The client's settings, with a new device id if there was none.
    pub fn of_any_device(self) -> Result<BotClientBuilder, Failure> {
        match self.device_id {
            Some(_) => Ok(self.builder),
            None => Ok(self.builder.device_id(bounded::run("the stored device id", device_id::create)?)),
        }
    }
}

impl Settings {
    /// Whether the API key comes from standard input.
    pub fn reads_input(&self) -> bool {
        self.api_key_file.as_deref().is_some_and(secret::is_input)
    }

    /// Builds the client. An invalid setting is reported by the name of its option or variable.
    pub fn build(&self, builder: BotClientBuilder) -> Result<BotClient, Failure> {
        builder.build().map_err(|error| self.explained(error))
    }

    /// Replaces the name of a setting in the library by that of its option or variable.
    fn explained(&self, error: Error) -> Failure {
        let text = error.to_string();
        let given = |option: bool, name, variable| if option { name } else { variable };
        let setting = match text.split_once(": ") {
            Some(("api_key", rule)) => {
                (given(self.api_key_file.is_some(), "--api-key-file", "SOCIAL_PLUS_API_KEY"), rule)
            }
            Some(("region", rule)) => (given(self.region.is_some(), "--region", "SOCIAL_PLUS_REGION"), rule),
            Some(("base_url", rule)) => {
                (given(self.base_url.is_some(), "--base-url", "SOCIAL_PLUS_BASE_URL"), rule)
            }
            Some(("device_id", rule)) => {
                (given(self.device_id.is_some(), "--device-id", "SOCIAL_PLUS_DEVICE_ID"), rule)
            }
            Some(("timeout", rule)) => ("--timeout", rule),
            _ => return Failure::Client(error),
        };
        Failure::Usage(format!("{}: {}", setting.0, setting.1))
    }

    /// Reads and checks the settings, and creates nothing.
    pub async fn check(&self) -> Result<Checked, Failure> {
        let is_set = |variable| env::var_os(variable).is_some();
        let mut builder = BotClientBuilder::from_env();
        match &self.api_key_file {
            Some(file) => {
                let key = ApiKey::try_from(secret::read("--api-key-file", "key", file).await?);
                builder = builder.api_key(key.map_err(|error| self.explained(error))?);
            }
            None if is_set("SOCIAL_PLUS_API_KEY") => {}
            None => {
                let advice =
                    "no API key: set SOCIAL_PLUS_API_KEY, or give --api-key-file FILE (`-` asks for it)";
                return Err(Failure::Usage(advice.to_owned()));
            }
        }
        if let Some(region) = &self.region {
            builder = builder.region(region.as_str());
        }
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url);
        }
        let addressed = self.region.is_some() || self.base_url.is_some();
        if !addressed && !is_set("SOCIAL_PLUS_REGION") && !is_set("SOCIAL_PLUS_BASE_URL") {
            let advice = "no region: give --region or --base-url, or set SOCIAL_PLUS_REGION";
            return Err(Failure::Usage(advice.to_owned()));
        }
        let mut is_known = true;
        if let Some(id) = &self.device_id {
            builder = builder.device_id(id);
        } else if !is_set("SOCIAL_PLUS_DEVICE_ID") {
            let stored = bounded::run("the stored device id", device_id::load)?;
            is_known = stored.is_some();
            builder = builder.device_id(stored.as_deref().unwrap_or(UNKNOWN_DEVICE));
        }
        let builder = self.with_timeout(builder);
        let bot = self.build(builder.clone())?;
        let device_id = is_known.then(|| bot.device_id().to_owned());
        Ok(Checked { builder, address: bot.base_url().to_owned(), device_id })
    }

    /// A client of a sandbox, with the settings that don't concern the service.
    pub fn client_of(&self, sandbox: &Sandbox) -> BotClientBuilder {
        let builder = sandbox.client();
        let id = self.device_id.clone().or_else(|| env::var("SOCIAL_PLUS_DEVICE_ID").ok());
        self.with_timeout(match id {
            Some(id) => builder.device_id(id),
            None => builder,
        })
    }

    fn with_timeout(&self, builder: BotClientBuilder) -> BotClientBuilder {
        match self.timeout {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        }
    }
}

/// The format of results.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Format {
    Json,
    Text,
}

impl Format {
    /// The given format, or else text on a terminal and JSON elsewhere.
    pub fn or_fitting(format: Option<Self>, out: &impl IsTerminal) -> Self {
        format.unwrap_or(if out.is_terminal() { Self::Text } else { Self::Json })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Prints JSON, with characters that would control a terminal as escapes. They are in strings only.
pub fn print_json(out: &mut impl io::Write, json: &str) -> io::Result<()> {
    for character in json.chars() {
        if is_printable(character) || character == '\n' {
            write!(out, "{character}")?;
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
    }
    writeln!(out)
}
