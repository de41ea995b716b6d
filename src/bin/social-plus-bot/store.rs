//! The store of the command line: a folder, or Redis.

use std::env;
use std::fmt;
use std::path::PathBuf;

use reqwest::Url;
use social_plus_bot::store::{FileStore, RedisStore};
use social_plus_bot::{BotClientBuilder, Error, ErrorKind};

use crate::bounded;
use crate::exit::{self, Failure};

#[derive(clap::Args)]
pub struct StoreArg {
    /// Where sessions are stored: a folder, redis://HOST or rediss://HOST [default: the user's state folder]
    ///
    /// Set an address with a password in SOCIAL_PLUS_STORE, because other users of this machine can read arguments.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

/// The store in use.
pub enum Store {
    File(FileStore),
    Redis(RedisStore),
}

impl StoreArg {
    /// Sets the store of `client`. If it can't be opened and was not asked for, that is noted.
    pub fn set_or_note(&self, client: BotClientBuilder) -> Result<BotClientBuilder, Failure> {
        match self.open() {
            Ok(store) => Ok(store.set(client)),
            Err(failure) if self.store.is_none() && env::var_os("SOCIAL_PLUS_STORE").is_none() => {
                exit::note(format_args!("the session is not stored: {failure}"));
                Ok(client)
            }
            Err(failure) => Err(failure),
        }
    }

    pub fn open(&self) -> Result<Store, Failure> {
        if let Some(store) = &self.store {
            if Url::parse(store).is_ok_and(|url| url.password().is_some()) {
                return Err(Failure::Usage(
                    "--store: other users can read a password in an argument; set SOCIAL_PLUS_STORE instead"
                        .to_owned(),
                ));
            }
            return open(store);
        }
        match env::var("SOCIAL_PLUS_STORE") {
            Ok(store) => open(&store),
            Err(env::VarError::NotPresent) => bounded::run("store: the user's state folder", || {
                Ok(Store::File(FileStore::in_state_folder()?))
            }),
            Err(env::VarError::NotUnicode(_)) => {
                Err(Failure::Usage("SOCIAL_PLUS_STORE: is not valid Unicode".to_owned()))
            }
        }
    }
}

fn open(store: &str) -> Result<Store, Failure> {
    match store.split_once("://") {
        // A typing error, and not a folder of that name, which would show a password.
        None if store.starts_with("redis:") || store.starts_with("rediss:") => {
            Err(Failure::Usage("store: invalid address; use redis://HOST or rediss://HOST".to_owned()))
        }
        None => {
            let folder = PathBuf::from(store);
            bounded::run(&format!("store: {store}"), move || Ok(Store::File(FileStore::new(folder)?)))
        }
        Some(("redis" | "rediss", _)) => Ok(Store::Redis(RedisStore::new(store)?)),
        Some((scheme, _)) => Err(Failure::Usage(format!(
            "store: {scheme}:// is not supported; use a folder, redis://HOST or rediss://HOST"
        ))),
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

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(store) => store.folder().display().fmt(f),
            Self::Redis(store) => store.address().fmt(f),
        }
    }
}
