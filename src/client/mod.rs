//! What callers use: [`BotClient`], its builder, and requests with the token.
//!
//! Calls come in here. Sessions come from [`session`](crate::session) and [`store`](crate::store), registrations go out
//! through the generated client of [`api`](crate::api).

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod connections;
mod device_info;
mod exchange;
mod failure;
#[cfg(all(fuzzing, feature = "read-cache"))]
mod fuzzing;
#[cfg(feature = "tower")]
mod layer;
mod metrics;
#[cfg(feature = "middleware")]
mod middleware;
mod quota;
#[cfg(feature = "read-cache")]
mod read;
#[cfg(feature = "read-cache")]
pub(crate) mod read_cache;
mod registrar;
mod request_builder;
mod requests;
pub(crate) mod retry;
mod retry_policy;
mod token_provider;

pub use builder::BotClientBuilder;
pub use device_info::DeviceInfo;
#[cfg(all(fuzzing, feature = "read-cache"))]
pub use fuzzing::read_headers;
#[cfg(feature = "tower")]
pub use layer::BotService;
pub use metrics::Metrics;
pub use request_builder::RequestBuilder;
pub use retry_policy::RetryPolicy;
pub use token_provider::{TokenFuture, TokenProvider};

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use progenitor_client::ClientInfo;

use crate::client::metrics::ReadCounts;
use crate::client::quota::Quota;
use crate::client::registrar::Registrar;
use crate::client::requests::CodelessRefusals;
use crate::config::AccessToken;
use crate::error::Error;
use crate::session::Session;
use crate::session::cache::SessionCache;
use crate::session::clock::SystemClock;
#[cfg(feature = "store")]
use crate::session::runtime;
#[cfg(feature = "store")]
use crate::store::StoreFaults;
#[cfg(feature = "store")]
use crate::store::shared::SharedSource;

/// Registers bot sessions for one device with one network.
///
/// Clones are cheap, and share the session and the connections. Use the client within a Tokio runtime that has its
/// timer and I/O drivers enabled, as `#[tokio::main]` and `#[tokio::test]` have. Outside one, a cached session is still
/// returned, and everything else returns an error of kind [`Runtime`](crate::ErrorKind::Runtime). A missing driver is
/// detected by catching Tokio's panic, so the panic hook runs, and a program built with `panic = "abort"` ends.
///
/// ```no_run
/// # async fn run() -> Result<(), social_plus_bot::Error> {
/// use social_plus_bot::{BotClient, Region};
///
/// let bot = BotClient::builder().api_key("b0e8…").region(Region::Us).device_id("crawler-1").build()?;
/// let session = bot.register().await?;
/// println!("the token expires at {}", session.expires_at());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BotClient(
    pub(crate) Arc<Inner>,
    // Apart from the rest, since its tasks use the rest.
    #[cfg(feature = "read-cache")] pub(crate) Option<Arc<read::Reads>>,
);

/// Shared by the clones of a client.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) registrar: Arc<Registrar>,
    pub(crate) quota: Quota,
    pub(crate) codeless_refusals: CodelessRefusals,
    pub(crate) read_counts: ReadCounts,
    #[cfg(feature = "store")]
    pub(crate) source: Arc<Source>,
    pub(crate) cache: SessionCache<Source, SystemClock>,
}

/// Where the session cache gets new sessions from.
#[cfg(feature = "store")]
pub(crate) type Source = SharedSource<Registrar>;
#[cfg(not(feature = "store"))]
pub(crate) type Source = Registrar;

impl BotClient {
    /// Returns a builder. The API key, the device id, and the region or base URL are required.
    pub fn builder() -> BotClientBuilder {
        BotClientBuilder::default()
    }

    /// Creates a client with the settings of the environment; see [`BotClientBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// As for [`BotClientBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        BotClientBuilder::from_env().build()
    }

    /// Registers the device now, although the cached session may still be valid, and caches and stores the new session.
    /// Most programs need [`session`](Self::session) instead: according to the service's documentation, a new session
    /// ends the device's older access token.
    ///
    /// Concurrent calls share one registration. Transient failures are retried within the client's
    /// [`timeout`](BotClientBuilder::timeout), with up to 4 attempts by default if the request was not carried out (no
    /// connection, or status 425, 429 or 503), and 2 otherwise, since a registration whose response was lost may have
    /// succeeded; see [`RetryPolicy`]. The registration continues when its callers are dropped.
    ///
    /// With `tracing`, each retry is logged at level `DEBUG`. A response that does not match the contract is logged at
    /// level `WARN` the first time, and at level `DEBUG` afterwards.
    ///
    /// # Errors
    ///
    /// - [`Rejected`](crate::ErrorKind::Rejected) if the service refuses the registration,
    /// - [`RateLimited`](crate::ErrorKind::RateLimited), [`Unavailable`](crate::ErrorKind::Unavailable) or
    ///   [`Timeout`](crate::ErrorKind::Timeout) if no attempt succeeds,
    /// - [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if the response has no usable token,
    /// - [`DeviceInUse`](crate::ErrorKind::DeviceInUse) if new tokens were refused again and again,
    #[cfg_attr(
        feature = "store",
        doc = " - [`Store`](crate::ErrorKind::Store) if the store fails; see [`StoreOutage`](crate::store::StoreOutage),"
    )]
    /// - [`Runtime`](crate::ErrorKind::Runtime) without a Tokio runtime, or with one that lacks its timer or I/O driver.
    ///
    /// After an error, this and all other calls that need a new session return it without sending anything, until it is
    /// time for the next attempt: then [`retry_after`](Error::retry_after) says how long. The pause is the service's
    /// `Retry-After`, up to a day, or else it begins with 1 s and doubles up to a minute. If the service refuses the
    /// registration, it is 2 min and then 20 min; after a response without a usable token, it begins with 2 s and grows
    /// up to 20 min.
    pub async fn register(&self) -> Result<Arc<Session>, Error> {
        self.0.cache.refresh().await
    }

    /// Returns the cached session, or registers if there is none.
    ///
    /// A client and its clones share one session. Reading a fresh session takes no lock, allocates nothing and sends
    /// nothing. Once 75 to 80 % of its lifetime is over (the point is random), a call starts a refresh in the
    /// background and still returns the cached session. After a failed refresh, calls start the next one after 30 s
    /// (5 s if it may have been carried out, which ends the cached token), doubled each time up to 15 min, and sooner
    /// when the expiry is near.
    ///
    /// Without a valid session, all callers wait for one registration and share its result. The registration continues
    /// when its callers are dropped, and is cancelled when the last clone of the client is dropped.
    ///
    /// With a store, a call looks about once a minute, in the background, whether another process has a newer session.
    ///
    /// A token counts as expired 30 s before its end, or a tenth of its lifetime before if that is less. Both the
    /// monotonic and the wall clock are consulted, and the earlier expiry counts.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register), but only without a valid session.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        self.0.cache.session().await
    }

    /// Returns the token of [`session`](Self::session), at the same cost.
    ///
    /// # Errors
    ///
    /// As for [`session`](Self::session).
    pub async fn access_token(&self) -> Result<AccessToken, Error> {
        self.0.cache.access_token().await
    }

    /// Returns the headers that authorize a request: `Authorization` with the token of [`session`](Self::session), for
    /// callers that send requests themselves.
    ///
    /// It is a map, as the `headers` of `google-cloud-auth` returns, so it can be passed on as it is. The value is marked as
    /// sensitive, formatted once for each token and wiped with it. A caller that also handles refused tokens needs
    /// [`access_token`](Self::access_token) and [`AccessToken::header`].
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient, http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let url = format!("{}/api/v4/posts?targetType=community", bot.base_url());
    /// let posts = http.get(url).headers(bot.auth_headers().await?).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`session`](Self::session).
    pub async fn auth_headers(&self) -> Result<HeaderMap, Error> {
        let header = self.access_token().await?.header()?;
        Ok(HeaderMap::from_iter([(AUTHORIZATION, header)]))
    }

    /// Returns the token to use after the service refused this one (401), for callers that send requests themselves.
    ///
    /// The refused token is [invalidated](Self::invalidate). If another task or process has replaced it already, that
    /// token is returned, and otherwise the call registers or waits for the registration in progress.
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient, http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let url = "https://apix.us.amity.co/api/v4/posts?targetType=community";
    /// let mut token = bot.access_token().await?;
    /// let mut response = http.get(url).header("authorization", token.header()?).send().await?;
    /// if response.status() == 401 {
    ///     token = bot.access_token_after(&token).await?;
    ///     response = http.get(url).header("authorization", token.header()?).send().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register).
    pub async fn access_token_after(&self, refused: &AccessToken) -> Result<AccessToken, Error> {
        self.invalidate(refused);
        let token = self.access_token().await?;
        if token != *refused {
            return Ok(token);
        }
        // It was not cached, but is stored.
        self.invalidate(refused);
        self.access_token().await
    }

    /// Removes the cached session if it has this token, because the service refused it. The next call that needs a session
    /// looks into the store and then registers. Any other token is ignored, so reporting an old token late does not remove
    /// a new session.
    ///
    /// A refused token is replaced at once. If the new one is refused too, another client probably registers the same
    /// device, and each registration would end the other's token. So there is a shortest interval between registrations:
    /// 2 s, four times as long each time, up to 20 min; or 2 min and then 20 min if the new token never worked in
    /// [`send`](Self::send). For each 20 min that a token lives, one replacement is forgotten, and all of them after half
    /// of its lifetime. In between, calls fail with kind [`DeviceInUse`](crate::ErrorKind::DeviceInUse).
    pub fn invalidate(&self, token: &AccessToken) {
        self.0.cache.invalidate(token);
    }

    /// The device id.
    pub fn device_id(&self) -> &str {
        self.0.registrar.device_id()
    }

    /// The address of the service, without a trailing slash: that of the region, or the base URL.
    pub fn base_url(&self) -> &str {
        self.0.registrar.api().baseurl()
    }

    /// Returns the session in the [store](BotClientBuilder::store), if there is a valid one. Sends nothing to the
    /// service and caches nothing.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store) if the store can't be read, or [`Config`](crate::ErrorKind::Config) if
    /// it refuses this client.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub async fn stored_session(&self) -> Result<Option<Session>, Error> {
        runtime::within(self.0.source.stored(&SystemClock)).await?
    }

    /// The faults of the store since the client was built. A client with a valid session goes on without its store.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store_faults(&self) -> StoreFaults {
        self.0.source.faults().get()
    }

    /// The HTTP client with the connections of this client, for programs that send requests themselves, and for layers
    /// around them such as those of `reqwest-middleware`. [`base_url`](Self::base_url) is the address of the service.
    ///
    /// It has the settings of [`configure_http`](BotClientBuilder::configure_http). It follows no redirects and retries
    /// nothing, gives up connecting after 5 s and requests after the client's [`timeout`](BotClientBuilder::timeout). It
    /// sends requests over https only; if the base URL is one with http, which is a loopback host, it sends requests over
    /// http as well, and uses no proxy.
    ///
    /// A request that is sent with it directly carries no token, and none of the checks of [`send`](Self::send) are made:
    /// it can be for any address, does not count as a read, and a refused token is not replaced. Of the response, an error
    /// status is no error.
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient) -> Result<(), Box<dyn std::error::Error>> {
    /// let url = format!("{}/api/v4/posts?targetType=community", bot.base_url());
    /// let request = bot.http_client().get(url).headers(bot.auth_headers().await?);
    /// println!("{}", request.send().await?.status());
    /// # Ok(())
    /// # }
    /// ```
    pub fn http_client(&self) -> &reqwest::Client {
        self.0.registrar.api().client()
    }

    /// The generated client, for direct calls of the operation, with this client's key, connections and limits.
    ///
    /// ```no_run
    /// # async fn run(bot: social_plus_bot::BotClient) -> Result<(), Box<dyn std::error::Error>> {
    /// let response = bot.api().register_bot_session().body_map(|body| body.device_id("crawler-1")).send().await?;
    /// println!("{:?}", response.user_type);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "unstable-api")]
    #[cfg_attr(docsrs, doc(cfg(feature = "unstable-api")))]
    pub fn api(&self) -> &crate::api::Client {
        self.0.registrar.api()
    }
}
