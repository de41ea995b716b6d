//! The store of the command line: a folder, or Redis.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use social_plus_bot::store::{FileStore, RedisStore};
use social_plus_bot::{BotClientBuilder, Error, ErrorKind};

use crate::bounded;
use crate::exit::Failure;

/// Has the store if there is no option.
const VARIABLE: &str = "SOCIAL_PLUS_STORE";

#[derive(clap::Args)]
pub struct StoreArg {
    /// Where sessions are stored: a folder, redis://HOST or rediss://HOST [env: SOCIAL_PLUS_STORE] [default: the user's
    /// state folder]
    ///
    /// Set an address with a password in SOCIAL_PLUS_STORE, because other users of this machine can read arguments.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

/// Where sessions are stored.
pub enum Place {
    /// In this folder, which may not exist.
    Folder(PathBuf),
    Redis(RedisStore),
}

/// The store in use.
pub enum Store {
    File(FileStore),
    Redis(RedisStore),
}

impl StoreArg {
    /// Opens the store. Creates its folder if it does not exist.
    pub fn open(&self) -> Result<Store, Failure> {
        self.place()?.open()
    }

    /// The same, but if the default store can't be opened, returns why.
    pub fn try_open(&self) -> Result<Result<Store, Failure>, Failure> {
        match self.open() {
            Err(failure) if self.store.is_some() || env::var_os(VARIABLE).is_some() => Err(failure),
            opened => Ok(opened),
        }
    }

    /// Where the store is. Creates nothing.
    pub fn place(&self) -> Result<Place, Failure> {
        if let Some(store) = &self.store {
            if Url::parse(store).is_ok_and(|url| url.password().is_some()) {
                return Err(Failure::Usage(format!(
                    "--store: other users can read a password in an argument; set {VARIABLE} instead"
                )));
            }
            return store.parse();
        }
        match env::var(VARIABLE) {
            Ok(store) => store.parse(),
            Err(env::VarError::NotPresent) => Ok(Place::Folder(FileStore::state_folder()?)),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Failure::Usage(format!("{VARIABLE}: is not valid Unicode")))
            }
        }
    }
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(store: &str) -> Result<Self, Failure> {
        match store.split_once("://") {
            // A typing error, and not a folder of that name, which would show a password.
            None if store.starts_with("redis:") || store.starts_with("rediss:") => {
                Err(Failure::Usage("store: invalid address; use redis://HOST or rediss://HOST".to_owned()))
            }
            None => Ok(Self::Folder(store.into())),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(RedisStore::new(store)?)),
            Some((scheme, _)) => Err(Failure::Usage(format!(
                "store: {scheme}:// is not supported; use a folder, redis://HOST or rediss://HOST"
            ))),
        }
    }
}

impl Place {
    /// Opens the store. Creates its folder if it does not exist.
    pub fn open(self) -> Result<Store, Failure> {
        match self {
            Self::Folder(folder) => bounded::run(&format!("store: {}", folder.display()), move || {
                Ok(Store::File(FileStore::new(folder)?))
            }),
            Self::Redis(store) => Ok(Store::Redis(store)),
        }
    }

    /// Opens the store, unless it is a folder that does not exist.
    pub fn open_existing(self) -> Result<Option<Store>, Failure> {
        if let Self::Folder(folder) = &self {
            let found = folder.clone();
            let exists = move || Ok(found.try_exists().unwrap_or(true));
            if !bounded::run(&format!("store: {}", folder.display()), exists)? {
                return Ok(None);
            }
        }
        self.open().map(Some)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Redis(store) => store.address().fmt(f),
        }
    }
}

impl Store {
    pub fn set(&self, client: BotClientBuilder) -> BotClientBuilder {
        match self {
            Self::File(store) => client.store(store.clone()),
            Self::Redis(store) => client.store(store.clone()),
        }
    }

    /// Whether `fault` is fatal. Without its file, each run would register again; a server that is down may be back for
    /// the next run.
    pub fn is_fatal(&self, fault: &Error) -> bool {
        matches!(self, Self::File(_)) || fault.kind() == ErrorKind::Config
    }
}
