//! The settings that all commands share: options first, the environment for what they leave open.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{ApiKey, BotClient, BotClientBuilder, Error};

use crate::bounded;
use crate::device_id;
use crate::exit::Failure;
use crate::printable::is_printable;

/// The longest file that is read as a key or token.
const LONGEST_SECRET: u64 = 64 << 10;

#[derive(clap::Args)]
pub struct Settings {
    /// File with the API key in it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Region of the network: us, eu or sg
    #[arg(long)]
    region: Option<String>,
    /// Address of the service, instead of a region: https, or http to a loopback host
    #[arg(long, value_name = "URL", conflicts_with = "region")]
    base_url: Option<String>,
    /// Device id, 1 to 150 characters; the same id is always the same user [default: created once and stored in the
    /// user's state folder]
    #[arg(long, value_name = "ID")]
    device_id: Option<String>,
    /// Timeout of a registration in seconds, including retries [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

/// Where the device id comes from if none is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DeviceIdPolicy {
    /// The stored one, or a new one that is then stored.
    LoadOrCreate,
    /// The stored one only.
    Load,
}

impl Settings {
    /// Whether the API key comes from standard input.
    pub fn reads_input(&self) -> bool {
        self.api_key_file.as_deref().is_some_and(is_input)
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

    /// A client with these settings.
    pub fn client(&self, policy: DeviceIdPolicy) -> Result<BotClientBuilder, Failure> {
        let is_set = |variable| env::var_os(variable).is_some();
        let mut builder = BotClientBuilder::from_env();
        match &self.api_key_file {
            Some(file) => {
                let key = ApiKey::try_from(read_secret("--api-key-file", "key", file)?);
                builder = builder.api_key(key.map_err(|error| self.explained(error))?);
            }
            None if is_set("SOCIAL_PLUS_API_KEY") => {}
            None => {
                let advice = "no API key: set SOCIAL_PLUS_API_KEY, or give --api-key-file FILE";
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
        // One that is set but invalid is the builder's to refuse.
        let set = is_set("SOCIAL_PLUS_DEVICE_ID");
        builder = match (&self.device_id, policy) {
            (Some(id), _) => builder.device_id(id),
            (None, _) if set => builder,
            (None, DeviceIdPolicy::LoadOrCreate) => {
                builder.device_id(bounded::run("the stored device id", device_id::load_or_create)?)
            }
            (None, DeviceIdPolicy::Load) => match bounded::run("the stored device id", device_id::load)? {
                Some(id) => builder.device_id(id),
                None => {
                    let advice = "no device id yet: give --device-id, or run `token`, which creates one";
                    return Err(Failure::Usage(advice.to_owned()));
                }
            },
        };
        Ok(self.with_timeout(builder))
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

/// Whether the file is standard input.
pub fn is_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// Reads the key or token of `option` from `file` or standard input.
pub fn read_secret(option: &str, secret_is: &str, file: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{option} {}: {error}", file.display()));
    let source: Box<dyn Read> = if is_input(file) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| match file.parent() {
            // It may be the secret itself, in the place of its file.
            Some(folder) if folder.as_os_str().is_empty() => Failure::Usage(format!(
                "{option}: {error}; it takes the name of a file that contains the {secret_is}"
            )),
            _ => unreadable(error),
        })?)
    };
    let mut secret = String::new();
    let read = source.take(LONGEST_SECRET + 1).read_to_string(&mut secret).map_err(unreadable)?;
    if read as u64 > LONGEST_SECRET {
        return Err(Failure::Usage(format!("{option} {}: too long for a {secret_is}", file.display())));
    }
    secret.truncate(secret.trim_end().len());
    Ok(secret)
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
