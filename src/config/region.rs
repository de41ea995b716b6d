//! The address of the service: a region or a base URL.
//!
//! The API key is sent with each registration. So only https is accepted, or http on a loopback host.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::config::percent::Decoded;
use crate::error::Error;

/// The minimum length of a text that may be a key or a token. Shorter ones may be quoted in errors.
const SHORTEST_SECRET: usize = 8;

/// A region of social.plus. A network belongs to one region, and its API key is valid there only.
///
/// It is serialized as its [short name](Self::as_str).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Region {
    /// United States, `https://apix.us.amity.co`.
    Us,
    /// Europe, `https://apix.eu.amity.co`.
    Eu,
    /// Singapore, `https://apix.sg.amity.co`.
    Sg,
}

impl Region {
    /// All regions that this version of the crate knows.
    pub const ALL: &[Self] = &[Self::Us, Self::Eu, Self::Sg];

    /// The short name: `us`, `eu` or `sg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Sg => "sg",
        }
    }

    /// The address of the service in this region, without a trailing slash.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Us => "https://apix.us.amity.co",
            Self::Eu => "https://apix.eu.amity.co",
            Self::Sg => "https://apix.sg.amity.co",
        }
    }
}

impl From<Region> for &'static str {
    fn from(region: Region) -> Self {
        region.as_str()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Region {
    type Err = Error;

    /// Parses a short name, in lower or upper case.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the name is unknown. The error lists the known names.
    fn from_str(name: &str) -> Result<Self, Error> {
        let region = Self::ALL.iter().find(|region| region.as_str().eq_ignore_ascii_case(name));
        region.copied().ok_or_else(|| {
            let known = Self::ALL.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(", ");
            // It may be a secret that was given for the wrong setting.
            let named =
                if name.len() < SHORTEST_SECRET { format!("{name:?} is") } else { "the value is".to_owned() };
            Error::config("region", format!("{named} not a region; the regions are {known}"))
        })
    }
}

impl TryFrom<&str> for Region {
    type Error = Error;

    /// # Errors
    ///
    /// As for [`from_str`](Self::from_str).
    fn try_from(name: &str) -> Result<Self, Error> {
        name.parse()
    }
}

impl TryFrom<String> for Region {
    type Error = Error;

    /// # Errors
    ///
    /// As for [`from_str`](Self::from_str).
    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl TryFrom<&String> for Region {
    type Error = Error;

    /// # Errors
    ///
    /// As for [`from_str`](Self::from_str).
    fn try_from(name: &String) -> Result<Self, Error> {
        name.parse()
    }
}

/// An address that the API key may be sent to.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    text: String,
    /// `text`, parsed.
    url: Option<Url>,
    plain: bool,
}

impl BaseUrl {
    /// The address, without a trailing slash.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is http, which is accepted on loopback hosts only.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether `url` has the same origin and is below the same path.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let Some(own) = &self.url else { return false };
        // As the origins, which take four allocations to compare.
        let is_same_origin = own.scheme() == url.scheme()
            && own.host() == url.host()
            && own.port_or_known_default() == url.port_or_known_default();
        let folder = own.path().trim_end_matches('/');
        let below = url.path().strip_prefix(folder).filter(|below| below.starts_with('/'));
        is_same_origin && below.is_some_and(|below| folder.is_empty() || !leads_up(below))
    }
}

/// Whether a server could resolve the path to a parent folder. Parsing a URL resolves each `..`, but proxies may decode
/// the path and find another one.
fn leads_up(path: &str) -> bool {
    let decoded = Decoded::all(path);
    // If it is still encoded after the last round, it could be anything.
    let is_plain = decoded.last().is_some_and(Decoded::is_plain);
    !is_plain
        || decoded.iter().any(|path| {
            // URL parsers ignore control characters.
            let path: Vec<u8> =
                path.bytes().iter().copied().filter(|byte| !byte.is_ascii_control()).collect();
            let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
            // Some servers cut a segment at a semicolon, and a decoded path at a query or fragment.
            segments
                .any(|segment| segment.split(|byte| matches!(byte, b';' | b'?' | b'#')).next() == Some(b".."))
        })
}

impl From<Region> for BaseUrl {
    fn from(region: Region) -> Self {
        let text = region.base_url();
        Self { text: text.to_owned(), url: Url::parse(text).ok(), plain: false }
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The messages do not quote the URL, since it may contain a password.
        let refuse = |rule: &str| Err(Error::config("base_url", rule.to_owned()));
        if !text.contains("://") {
            return refuse("must begin with https://");
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return refuse(&format!("not a URL: {error}")),
        };
        let plain = match url.scheme() {
            "https" => false,
            "http" if is_loopback(&url) => true,
            "http" => return refuse("plain http would send the API key unencrypted; use https"),
            _ => return refuse("the scheme must be https"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not contain a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("must not contain a query or fragment");
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), url: Some(url), plain })
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
