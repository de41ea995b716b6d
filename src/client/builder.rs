//! The settings of a client: checked once, when it is built, so that nothing has to be checked later.

use std::env::{self, VarError};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;

use crate::api::types::{DeviceId, RegisterBotSession};
use crate::api::{Client, Transport};
use crate::client::BotClient;
use crate::client::DeviceInfo;
use crate::client::Inner;
use crate::client::quota::Quota;
use crate::client::registrar::Registrar;
use crate::client::requests::Unexplained;
use crate::config::region::BaseUrl;
use crate::config::{ApiKey, Region};
use crate::error::Error;
use crate::session::cache::SessionCache;
use crate::session::clock::SystemClock;
#[cfg(feature = "sealing")]
use crate::store::SealingKey;
#[cfg(feature = "store")]
use crate::store::shared::{SharedSource, StoreHandle};
#[cfg(feature = "store")]
use crate::store::{SessionStore, StoreKey};

const CONNECT: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1 << 20;

/// The settings of a [`BotClient`].
///
/// Every setting is checked by [`build`](Self::build), which names the first one that is wrong. A setting
/// given twice counts as given last.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct BotClientBuilder {
    api_key: Option<Result<ApiKey, Error>>,
    base_url: Option<Result<BaseUrl, Error>>,
    device_id: Option<Result<DeviceId, Error>>,
    device_info: Option<DeviceInfo>,
    timeout: Option<Duration>,
    body_limit: Option<usize>,
    #[cfg(feature = "store")]
    store: Option<Arc<dyn SessionStore>>,
    #[cfg(feature = "sealing")]
    sealing_key: Option<Result<SealingKey, Error>>,
}

impl BotClientBuilder {
    /// Takes what is set of `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` or `SOCIAL_PLUS_BASE_URL`, and
    /// `SOCIAL_PLUS_DEVICE_ID`. Further settings replace them.
    pub fn from_env() -> Self {
        let mut builder = Self::default();
        if let Some(key) = variable("SOCIAL_PLUS_API_KEY") {
            builder.api_key = Some(key.and_then(ApiKey::try_from));
        }
        builder.base_url = match (variable("SOCIAL_PLUS_REGION"), variable("SOCIAL_PLUS_BASE_URL")) {
            (None, None) => None,
            (Some(region), None) => Some(region.and_then(|name| name.parse::<Region>()).map(BaseUrl::from)),
            (None, Some(url)) => Some(url.and_then(|url| url.parse())),
            (Some(_), Some(_)) => Some(Err(Error::config(
                "region",
                "SOCIAL_PLUS_REGION and SOCIAL_PLUS_BASE_URL are both set; unset one",
            ))),
        };
        if let Some(id) = variable("SOCIAL_PLUS_DEVICE_ID") {
            builder.device_id = Some(id.and_then(device_id));
        }
        builder
    }

    /// The API key of the network. Required.
    pub fn api_key<K>(mut self, key: K) -> Self
    where
        K: TryInto<ApiKey>,
        K::Error: Into<Error>,
    {
        self.api_key = Some(key.try_into().map_err(Into::into));
        self
    }

    /// The region that the network lives in. Required, unless there is a [`base_url`](Self::base_url).
    pub fn region<R>(mut self, region: R) -> Self
    where
        R: TryInto<Region>,
        R::Error: Into<Error>,
    {
        self.base_url = Some(region.try_into().map(BaseUrl::from).map_err(Into::into));
        self
    }

    /// An address in place of a region's: https, or http on a loopback host, where no proxy is used.
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        self.base_url = Some(url.as_ref().parse());
        self
    }

    /// The name of the device, 1 to 150 characters (Unicode code points). Required. The same device stays
    /// the same user, so choose a name that is stable across restarts.
    pub fn device_id(mut self, id: impl Into<String>) -> Self {
        self.device_id = Some(device_id(id.into()));
        self
    }

    /// What kind of device it is. By default the service is told nothing.
    pub fn device_info(mut self, info: DeviceInfo) -> Self {
        self.device_info = Some(info);
        self
    }

    /// How long a registration may take, all tries and waits included: 30 s by default. A single try takes
    /// at most 10 s, connecting at most 5 s of them. A request to the rest of the API may take as long, its response's
    /// body included, unless it has a timeout of its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes of an answer are read at most: 1 MiB by default. A longer one makes no session. How many values
    /// are kept of what is read is limited besides; see [`Answer`](crate::Answer).
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Where the session is shared with other processes that have the same store, address, device and key. By
    /// default it is in the client's memory only.
    ///
    /// The store is read before a registration and written after one. While one process registers the others wait,
    /// so that a call for a session may take twice the [`timeout`](Self::timeout) and half a minute more if that
    /// process dies or the store hangs. A process notices a session of another when its own is due for cache, or
    /// refused.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store(mut self, store: impl SessionStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Seals what is stored, for stores that others can read. All who share a session need the same key; what is
    /// stored unsealed, or sealed with another key, is not used.
    #[cfg(feature = "sealing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealing")))]
    pub fn sealing_key<K>(mut self, key: K) -> Self
    where
        K: TryInto<SealingKey>,
        K::Error: Into<Error>,
    {
        self.sealing_key = Some(key.try_into().map_err(Into::into));
        self
    }

    /// Checks the settings and makes the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with the setting and the rule that it breaks.
    pub fn build(self) -> Result<BotClient, Error> {
        let api_key = required("api_key", "SOCIAL_PLUS_API_KEY", self.api_key)?;
        let base_url = required("region", "SOCIAL_PLUS_REGION", self.base_url)?;
        let device_id = required("device_id", "SOCIAL_PLUS_DEVICE_ID", self.device_id)?;
        if device_id.as_str() == api_key.expose_secret() {
            return Err(Error::config("device_id", "is the API key; give the device a name of its own"));
        }
        let device_info = self.device_info.map(TryInto::try_into).transpose()?;
        let timeout = self.timeout.unwrap_or(DEADLINE);
        if timeout.is_zero() {
            return Err(Error::config("timeout", "must be longer than zero"));
        }
        #[cfg(feature = "sealing")]
        let sealing_key = self.sealing_key.transpose()?;
        if !base_url.is_plain() && !cfg!(any(feature = "rustls", feature = "native-tls")) {
            return Err(Error::config(
                "base_url",
                "https needs the crate's feature `rustls` or `native-tls`",
            ));
        }

        #[cfg(feature = "store")]
        let handle = self.store.map(|store| StoreHandle {
            store,
            key: StoreKey::new(base_url.as_str(), &device_id, &api_key),
            #[cfg(feature = "sealing")]
            seal: sealing_key,
        });
        let connections = connections(&base_url, timeout)?;
        let body_limit = self.body_limit.unwrap_or(BODY_LIMIT);
        let address = base_url.as_str().to_owned();
        let transport = Transport::new(api_key, base_url, connections.clone(), body_limit);
        let api = Client::new_with_client(&address, connections, transport);
        let request = RegisterBotSession { device_id, device_info };
        let registrar = Arc::new(Registrar::new(api, request, timeout));
        #[cfg(feature = "store")]
        let source = Arc::new(SharedSource::new(Arc::clone(&registrar), handle, SystemClock));
        #[cfg(not(feature = "store"))]
        let source = Arc::clone(&registrar);
        let cache = SessionCache::new(Arc::clone(&source), SystemClock);
        Ok(BotClient(Arc::new(Inner {
            registrar,
            quota: Quota::default(),
            unexplained: Unexplained::default(),
            #[cfg(feature = "store")]
            source,
            cache,
        })))
    }
}

fn required<T>(setting: &str, variable: &str, value: Option<Result<T, Error>>) -> Result<T, Error> {
    value.unwrap_or_else(|| {
        Err(Error::config(setting, format!("not set; give it to the builder, or set {variable}")))
    })
}

fn variable(name: &str) -> Option<Result<String, Error>> {
    match env::var(name) {
        Ok(value) => Some(Ok(value)),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => Some(Err(Error::config(name, "is not valid Unicode"))),
    }
}

fn device_id(id: String) -> Result<DeviceId, Error> {
    if id.is_empty() {
        return Err(Error::config("device_id", "is empty"));
    }
    DeviceId::try_from(id).map_err(|rule| Error::config("device_id", rule))
}

fn connections(base_url: &BaseUrl, timeout: Duration) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        // For a request that has none of its own.
        .timeout(timeout)
        .https_only(!base_url.is_plain())
        // The key would travel along.
        .redirect(redirect::Policy::none())
        // Tries are counted in one place.
        .retry(reqwest::retry::never());
    if base_url.is_plain() {
        // A proxy would take the key off this machine in the clear.
        builder = builder.no_proxy();
        // Nor is there anything to verify, and reading the system's certificates takes its time. OpenSSL reads them
        // whatever it is told.
        #[cfg(feature = "rustls")]
        {
            builder = builder.tls_backend_rustls();
        }
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        {
            builder = builder.tls_certs_only([]);
        }
    }
    builder
        .build()
        .map_err(|error| Error::config("base_url", format!("no HTTP client can be made for it: {error}")))
}
