//! [`BotClient`] and its builder: from settings to a client that registers.

use std::env::{self, VarError};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};
use reqwest::redirect;

use crate::api::types::{DeviceId, RegisterBotSession};
use crate::api::{Client, Transport};
use crate::clock::SystemClock;
use crate::quota::Quota;
use crate::region::BaseUrl;
use crate::renewal::{Register, Renewal};
#[cfg(feature = "store")]
use crate::sharing::{Sharing, Shelf};
#[cfg(feature = "sealing")]
use crate::store::SealingKey;
#[cfg(feature = "store")]
use crate::store::{SessionStore, StoreFaults, StoreKey};
use crate::{AccessToken, ApiKey, DeviceInfo, Error, Region, Session, failure, retry};

const CONNECT: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1 << 20;
const DEVIATIONS_LOGGED: usize = 10;

/// Registers bot sessions for one device with one network.
///
/// Cloning is cheap, and clones share their connections. Use it within a Tokio runtime that has its timer
/// and I/O drivers enabled, as `#[tokio::main]` and `#[tokio::test]` have.
///
/// ```no_run
/// # async fn run() -> Result<(), social_plus_bot::Error> {
/// use social_plus_bot::{BotClient, Region};
///
/// let bot = BotClient::builder().api_key("b0e8…").region(Region::Us).device_id("crawler-1").build()?;
/// let session = bot.register().await?;
/// println!("a bot until {}", session.expires_at());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BotClient(pub(crate) Arc<Inner>);

/// What the clones of a client share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) registrar: Arc<Registrar>,
    pub(crate) quota: Quota,
    #[cfg(feature = "store")]
    source: Arc<Source>,
    renewal: Renewal<Source, SystemClock>,
}

/// What registers for the living session.
#[cfg(feature = "store")]
type Source = Sharing<Registrar, SystemClock>;
#[cfg(not(feature = "store"))]
type Source = Registrar;

/// What a registration needs; the task of one outlives the call that started it.
#[derive(Debug)]
pub(crate) struct Registrar {
    pub(crate) api: Client,
    request: RegisterBotSession,
    pub(crate) timeout: Duration,
}

impl BotClient {
    /// A client is built from its settings; the API key, the device id, and the region or base URL are
    /// required.
    pub fn builder() -> BotClientBuilder {
        BotClientBuilder::default()
    }

    /// A client with the settings of the environment; see [`BotClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// As for [`BotClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        BotClientBuilder::from_env().build()
    }

    /// Registers the device and returns its session. Nothing is cached: each call is a registration.
    ///
    /// Faults that may pass are tried again, up to 4 tries in all, within the client's
    /// [`timeout`](BotClientBuilder::timeout). Dropping the future ends the registration; the service may
    /// have carried it out all the same, which does no harm: the same device stays the same user.
    ///
    /// With `tracing`, each further try is an event of level `DEBUG`, and an answer that departs from the
    /// contract one of level `WARN`.
    ///
    /// # Errors
    ///
    /// - [`Rejected`](crate::ErrorKind::Rejected) if the service refuses,
    /// - [`RateLimited`](crate::ErrorKind::RateLimited), [`Unavailable`](crate::ErrorKind::Unavailable) or
    ///   [`Timeout`](crate::ErrorKind::Timeout) if it could not answer, even after further tries,
    /// - [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if its answer holds no usable token,
    /// - [`Config`](crate::ErrorKind::Config) if there is no Tokio runtime.
    pub async fn register(&self) -> Result<Session, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::config("runtime", "a registration needs a Tokio runtime to run in"));
        }
        self.0.registrar.register().await
    }

    /// A session whose token works: the cached one, or that of a new registration.
    ///
    /// A client and its clones share one session. While it is fresh, this costs no more than reading it: no
    /// lock, no allocation, nothing sent. From 80 % of its lifetime on, less a random part of up to 5 %, a
    /// call starts a renewal in the background and returns the present session all the same. A renewal that
    /// fails is tried again by a call after 30 s, then after twice as long each time up to 15 min, sooner
    /// when the end is near.
    ///
    /// Without a working token, all callers wait for one registration, and share its session or its error.
    /// It goes on when its callers are dropped, and ends when the last clone of the client is.
    ///
    /// A token counts as expired 30 s before its end (a tenth of its lifetime where that is less), by the
    /// monotonic or the wall clock, whichever says so first: clocks step, and machines sleep.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register), and only when there is no working token any more.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        self.0.renewal.session().await
    }

    /// The token of [`session`](Self::session), at the same price.
    ///
    /// # Errors
    ///
    /// As for [`session`](Self::session).
    pub async fn access_token(&self) -> Result<AccessToken, Error> {
        self.0.renewal.access_token().await
    }

    /// Forgets the cached session if its token is `token`, as when the service refused it. The next call for
    /// a session registers again. A token that is not the cached one changes nothing, so that whoever comes
    /// late with an old token does not end a new session.
    pub fn invalidate(&self, token: &AccessToken) {
        #[cfg(feature = "store")]
        self.0.source.refuse(token);
        self.0.renewal.invalidate(token);
    }

    /// The name of the device.
    pub fn device_id(&self) -> &str {
        &self.0.registrar.request.device_id
    }

    /// The session that other processes left in the [store](BotClientBuilder::store), if it still works. Nothing
    /// is sent to the service, and nothing cached.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store) if the store can't be read, or [`Config`](crate::ErrorKind::Config) if
    /// it refuses this client.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub async fn stored_session(&self) -> Result<Option<Session>, Error> {
        self.0.source.stored().await
    }

    /// What went wrong with the store since the client was made. None of it kept a session from the callers.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store_faults(&self) -> StoreFaults {
        self.0.source.faults()
    }

    /// The generated client, with this client's key, connections and limits, for the bare operation.
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient) -> Result<(), Box<dyn std::error::Error>> {
    /// let answer = bot.api().register_bot_session().body_map(|body| body.device_id("crawler-1")).send().await?;
    /// println!("{:?}", answer.user_type);
    /// # Ok(())
    /// # }
    /// ```
    pub fn api(&self) -> &Client {
        &self.0.registrar.api
    }
}

impl Register for Registrar {
    async fn register(&self) -> Result<Session, Error> {
        let session = retry::run(self.timeout, || self.try_once()).await?;
        let deviations = session.deviations();
        if !deviations.is_empty() {
            let first =
                deviations.iter().take(DEVIATIONS_LOGGED).map(ToString::to_string).collect::<Vec<_>>();
            let first = first.join("; ");
            tracing::warn!(count = deviations.len(), first, "the answer departs from the contract");
        }
        Ok(session)
    }

    fn longest(&self) -> Duration {
        self.timeout
    }
}

impl Registrar {
    async fn try_once(&self) -> Result<Session, Error> {
        let sent = self.api.register_bot_session().body(self.request.clone()).send().await;
        let answer = sent.map_err(failure::understand)?;
        let now = service_time(answer.headers()).unwrap_or_else(Utc::now);
        Session::new(answer.into_inner(), now).map_err(|reason| Error::invalid_response(200, reason))
    }
}

/// What time it was for the service when it answered: that clock, and not this machine's, issued the token.
fn service_time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(httpdate::parse_http_date(date).ok()?.into())
}

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
    /// at most 10 s, connecting at most 5 s of them.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes of an answer are read at most: 1 MiB by default. A longer one makes no session.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Where the session is shared with other processes that have the same store, address, device and key. By
    /// default it is in the client's memory only.
    ///
    /// The store is read before a registration and written after one. While one process registers the others wait,
    /// so that a call for a session may take twice the [`timeout`](Self::timeout) and half a minute more if that
    /// process dies or the store hangs. A process notices a session of another when its own is due for renewal, or
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
        let shelf = self.store.map(|store| Shelf {
            store,
            key: StoreKey::new(base_url.as_str(), &device_id, &api_key),
            #[cfg(feature = "sealing")]
            seal: sealing_key,
        });
        let transport = Transport::new(api_key, self.body_limit.unwrap_or(BODY_LIMIT));
        let api = Client::new_with_client(base_url.as_str(), connections(&base_url)?, transport);
        let request = RegisterBotSession { device_id, device_info };
        let registrar = Arc::new(Registrar { api, request, timeout });
        #[cfg(feature = "store")]
        let source = Arc::new(Sharing::new(Arc::clone(&registrar), shelf, SystemClock));
        #[cfg(not(feature = "store"))]
        let source = Arc::clone(&registrar);
        let renewal = Renewal::new(Arc::clone(&source), SystemClock);
        Ok(BotClient(Arc::new(Inner {
            registrar,
            quota: Quota::default(),
            #[cfg(feature = "store")]
            source,
            renewal,
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

fn connections(base_url: &BaseUrl) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
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
