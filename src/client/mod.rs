//! [`BotClient`]: what a caller holds, and the registration that everything else starts from.

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod device_info;
mod failure;
#[cfg(feature = "middleware")]
mod middleware;
mod quota;
mod registrar;
mod requests;
mod retry;

pub use builder::BotClientBuilder;
pub use device_info::DeviceInfo;

use std::sync::Arc;

use crate::api::Client;
use crate::client::quota::Quota;
use crate::client::registrar::Registrar;
use crate::client::requests::Unexplained;
use crate::config::AccessToken;
use crate::error::Error;
use crate::session::cache::{Register, SessionCache};
use crate::session::clock::SystemClock;
use crate::session::{Session, runtime};
#[cfg(feature = "store")]
use crate::store::StoreFaults;
#[cfg(feature = "store")]
use crate::store::shared::SharedSource;

/// Registers bot sessions for one device with one network.
///
/// Cloning is cheap, and clones share their connections. Use it within a Tokio runtime that has its timer
/// and I/O drivers enabled, as `#[tokio::main]` and `#[tokio::test]` have. Elsewhere a cached session is still given
/// out, and whatever needs more returns an error of kind [`Config`](crate::ErrorKind::Config). (A missing driver
/// can only be noticed by Tokio's panic, which is caught: the panic hook sees it, and `panic = "abort"` lets it end
/// the program.)
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
    pub(crate) unexplained: Unexplained,
    #[cfg(feature = "store")]
    pub(crate) source: Arc<Source>,
    pub(crate) cache: SessionCache<Source, SystemClock>,
}

/// What registers for the living session.
#[cfg(feature = "store")]
pub(crate) type Source = SharedSource<Registrar, SystemClock>;
#[cfg(not(feature = "store"))]
pub(crate) type Source = Registrar;

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
    /// - [`Config`](crate::ErrorKind::Config) if there is no Tokio runtime, or one without its timer or I/O driver.
    pub async fn register(&self) -> Result<Session, Error> {
        runtime::within(self.0.registrar.register()).await?
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
        self.0.cache.session().await
    }

    /// The token of [`session`](Self::session), at the same price.
    ///
    /// # Errors
    ///
    /// As for [`session`](Self::session).
    pub async fn access_token(&self) -> Result<AccessToken, Error> {
        self.0.cache.access_token().await
    }

    /// Forgets the cached session if its token is `token`, as when the service refused it. The next call for
    /// a session registers again. A token that is not the cached one changes nothing, so that whoever comes
    /// late with an old token does not end a new session.
    pub fn invalidate(&self, token: &AccessToken) {
        #[cfg(feature = "store")]
        self.0.source.revoke(token);
        self.0.cache.invalidate(token);
    }

    /// The name of the device.
    pub fn device_id(&self) -> &str {
        self.0.registrar.device_id()
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
        runtime::within(self.0.source.stored()).await?
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
        self.0.registrar.api()
    }
}
