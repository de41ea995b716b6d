//! The settings of a client, all of which are checked when it is built.

use std::env::{self, VarError};
use std::sync::Arc;
use std::time::Duration;

use crate::api::types::{DeviceId, RegisterBotSession};
use crate::api::{Client, Transport};
use crate::client::BotClient;
use crate::client::DeviceInfo;
use crate::client::Inner;
use crate::client::RetryPolicy;
use crate::client::connections::{HttpSettings, connections};
use crate::client::metrics::ReadCounts;
use crate::client::quota::Quota;
#[cfg(feature = "read-cache")]
use crate::client::read;
#[cfg(feature = "read-cache")]
use crate::client::read_cache::ReadCache;
use crate::client::registrar::Registrar;
use crate::client::requests::CodelessRefusals;
use crate::config::region::BaseUrl;
use crate::config::{ApiKey, IntoSetting, Region};
use crate::error::Error;
use crate::session::cache::SessionCache;
use crate::session::clock::SystemClock;
#[cfg(feature = "sealing")]
use crate::store::SealingKey;
#[cfg(feature = "store")]
use crate::store::handle::StoreHandle;
#[cfg(feature = "store")]
use crate::store::shared::SharedSource;
#[cfg(feature = "store")]
use crate::store::{Store, StoreKey, StoreOutage};

const DEADLINE: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1 << 20;

/// The settings of a [`BotClient`].
///
/// [`build`](Self::build) checks all settings, and its error names the first invalid one. If a setting is given twice,
/// the last value counts.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct BotClientBuilder {
    api_key: Option<Result<ApiKey, Error>>,
    base_url: Option<Result<BaseUrl, Error>>,
    device_id: Option<Result<DeviceId, Error>>,
    device_info: Option<DeviceInfo>,
    timeout: Option<Duration>,
    retry_policy: RetryPolicy,
    http: Option<HttpSettings>,
    body_limit: Option<usize>,
    #[cfg(feature = "store")]
    store: Option<Arc<dyn Store>>,
    #[cfg(feature = "store")]
    store_outage: StoreOutage,
    #[cfg(feature = "sealing")]
    sealing_key: Option<Result<SealingKey, Error>>,
    #[cfg(feature = "read-cache")]
    read_cache: Option<ReadCache>,
}

impl BotClientBuilder {
    /// Reads the settings from `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` or `SOCIAL_PLUS_BASE_URL`, and
    /// `SOCIAL_PLUS_DEVICE_ID`, as far as they are set. Settings given to the builder replace them.
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
    pub fn api_key(mut self, key: impl IntoSetting<ApiKey>) -> Self {
        self.api_key = Some(key.into_setting());
        self
    }

    /// The region of the network. Required unless a [`base_url`](Self::base_url) is given.
    pub fn region(mut self, region: impl IntoSetting<Region>) -> Self {
        self.base_url = Some(region.into_setting().map(BaseUrl::from));
        self
    }

    /// The address of the service, instead of a region: https, or http to a loopback host, for which no proxy is used.
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        self.base_url = Some(url.as_ref().parse());
        self
    }

    /// The device id, 1 to 150 characters (Unicode code points). Required. The same id is always the same user, so use
    /// one that is stable across restarts, and use it in one client at a time or share a store.
    pub fn device_id(mut self, id: impl Into<String>) -> Self {
        self.device_id = Some(device_id(id.into()));
        self
    }

    /// A description of the device. None is sent by default.
    pub fn device_info(mut self, info: DeviceInfo) -> Self {
        self.device_info = Some(info);
        self
    }

    /// The timeout of a registration, including all attempts and the waits between them: 30 s by default. By default each
    /// attempt takes at most 10 s, and connecting takes at most 5 s. It is also the timeout of other requests, including the response
    /// body, unless a request has its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often a registration is attempted within the [`timeout`](Self::timeout): 4 times by default. See
    /// [`RetryPolicy`] for what it can't change.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = policy;
        self
    }

    /// Changes how connections are made: through a proxy, with further root certificates or a client certificate, from a
    /// local address, with other names resolved, or with TLS settings of your own.
    ///
    /// `configure` is called when the client is built. What keeps the API key and the token at the service is set
    /// afterwards, and replaces what `configure` sets:
    ///
    /// - no redirects are followed, and nothing is retried,
    /// - only https is used for an https address; for http to a loopback host no proxy is used, `localhost` is this
    ///   machine however names are resolved, and no certificates are loaded,
    /// - certificates and host names are verified; to trust a certificate, add it with
    ///   [`tls_certs_merge`](reqwest::ClientBuilder::tls_certs_merge),
    /// - connecting takes at most 5 s, and requests have the client's [`timeout`](Self::timeout) and no
    ///   [`read_timeout`](reqwest::ClientBuilder::read_timeout),
    /// - the bytes of connections are not logged ([`connection_verbose`](reqwest::ClientBuilder::connection_verbose)).
    ///
    /// Everything else is yours. Default headers are sent with each request to the service. TLS settings that are passed as
    /// a finished configuration, or layers around the connector, are used as they are, so they must verify certificates
    /// themselves.
    ///
    /// A finished [`reqwest::Client`] can't be passed: it does not tell whether it follows redirects or where it connects to,
    /// and neither can be changed any more.
    ///
    /// ```
    /// use social_plus_bot::BotClient;
    ///
    /// let proxy = reqwest::Proxy::https("http://proxy.example:3128")?;
    /// let builder = BotClient::builder().configure_http(move |http| http.proxy(proxy.clone()));
    /// # Ok::<(), reqwest::Error>(())
    /// ```
    pub fn configure_http<F>(mut self, configure: F) -> Self
    where
        F: Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    {
        self.http = Some(HttpSettings::new(configure));
        self
    }

    /// The maximum size of a registration's response: 1 MiB by default. A longer one is an error. The number of values
    /// that are kept is limited as well: to 5,000 of a field and 10,000 in all.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Shares the session with other processes that use the same store, address, device id and key. By default the
    /// session is kept in memory only.
    ///
    /// The store is read before a registration and written after it. While one process registers, the others wait, so a
    /// call that needs a session can take twice the [`timeout`](Self::timeout) and 50 s more if that process dies or the
    /// store hangs. A process notices another's new session within about a minute, or when its own is refused.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// What to do when a session is needed and the store has failed: by default, return its error.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn on_store_outage(mut self, outage: StoreOutage) -> Self {
        self.store_outage = outage;
        self
    }

    /// Encrypts stored sessions, for stores that others can read. All processes that share a session need the same key.
    /// Sessions that are not encrypted, or with another key, are not used.
    #[cfg(feature = "sealing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sealing")))]
    pub fn sealing_key(mut self, key: impl IntoSetting<SealingKey>) -> Self {
        self.sealing_key = Some(key.into_setting());
        self
    }

    /// Keeps what [`BotClient::read`] reads. By default nothing is kept, and `read` returns an error.
    ///
    /// With a [`store`](Self::store), pages and the count of the day's reads are kept there as well, and survive restarts.
    /// All processes that share a session share them, and should have the same settings. With a
    /// [`sealing_key`](Self::sealing_key) they are encrypted.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    pub fn read_cache(mut self, cache: ReadCache) -> Self {
        self.read_cache = Some(cache);
        self
    }

    /// Checks the settings and creates the client. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a setting is invalid, with its name and the rule.
    pub fn build(self) -> Result<BotClient, Error> {
        let api_key = required("api_key", "", "SOCIAL_PLUS_API_KEY", self.api_key)?;
        let base_url = required("region", " or a base_url", "SOCIAL_PLUS_REGION", self.base_url)?;
        let device_id = required("device_id", "", "SOCIAL_PLUS_DEVICE_ID", self.device_id)?;
        if device_id.as_str() == api_key.expose_secret() {
            return Err(Error::config("device_id", "must not be the API key"));
        }
        let device_info = self.device_info.map(TryInto::try_into).transpose()?;
        let timeout = self.timeout.unwrap_or(DEADLINE);
        if timeout.is_zero() {
            return Err(Error::config("timeout", "must be longer than zero"));
        }
        self.retry_policy.check()?;
        #[cfg(feature = "sealing")]
        let sealing_key = self.sealing_key.transpose()?;
        #[cfg(feature = "sealing")]
        if sealing_key.is_some() && self.store.is_none() {
            return Err(Error::config(
                "sealing_key",
                "seals stored sessions, and there is no store; set one",
            ));
        }
        if !base_url.is_plain() && !cfg!(any(feature = "rustls", feature = "native-tls")) {
            return Err(Error::config("https", "needs the crate's feature `rustls` or `native-tls`"));
        }

        #[cfg(feature = "read-cache")]
        if let Some(cache) = &self.read_cache {
            cache.check()?;
            if let Some(store) = &self.store {
                store.check_reads()?;
            }
        }
        #[cfg(feature = "store")]
        let handle = self.store.map(|store| StoreHandle {
            store,
            key: StoreKey::new(base_url.as_str(), &device_id, &api_key),
            #[cfg(feature = "sealing")]
            seal: sealing_key,
        });
        let device = device_id.to_string();
        let connections = connections(self.http.as_ref(), &base_url, timeout)?;
        let body_limit = self.body_limit.unwrap_or(BODY_LIMIT);
        let address = base_url.as_str().to_owned();
        let transport = Transport::new(api_key, base_url, connections.clone(), body_limit);
        let api = Client::new_with_client(&address, connections, transport);
        let request = RegisterBotSession { device_id, device_info };
        let registrar = Arc::new(Registrar::new(api, request, timeout, self.retry_policy));
        #[cfg(feature = "read-cache")]
        let pages = handle.clone();
        #[cfg(feature = "store")]
        let source = Arc::new(SharedSource::new(Arc::clone(&registrar), handle, self.store_outage));
        #[cfg(not(feature = "store"))]
        let source = Arc::clone(&registrar);
        let cache = SessionCache::new(Arc::clone(&source), &device, SystemClock);
        let inner = Arc::new(Inner {
            registrar,
            quota: Quota::default(),
            codeless_refusals: CodelessRefusals::default(),
            read_counts: ReadCounts::default(),
            #[cfg(feature = "store")]
            source,
            cache,
        });
        Ok(BotClient(
            Arc::clone(&inner),
            #[cfg(feature = "read-cache")]
            self.read_cache.map(|settings| read::reads(settings, inner, pages)),
        ))
    }
}

fn required<T>(
    setting: &str,
    other: &str,
    variable: &str,
    value: Option<Result<T, Error>>,
) -> Result<T, Error> {
    value.unwrap_or_else(|| {
        let rule = format!("not set: pass it{other} to the builder, or use `from_env` and set {variable}");
        Err(Error::config(setting, rule))
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
        return Err(Error::config("device_id", "must not be empty"));
    }
    DeviceId::try_from(id).map_err(|rule| Error::config("device_id", rule))
}
