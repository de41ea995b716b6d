//! Sessions that several processes share.
//!
//! A process that registers for itself makes another registration, and after a restart it starts cold. With a
//! [`SessionStore`] it looks there first: processes on one machine share a session through a file
//! (`FileStore`), a fleet shares one through Redis (`RedisStore`), and anything else that keeps bytes can be
//! made a store with four operations.
//!
//! A store only helps. Whatever it does — slow, full, gone, answering garbage — the client registers directly
//! and [says so](crate::BotClient::store_faults); an operation that takes longer than 2 seconds is given up,
//! and one that panics has failed.
//!
//! What is stored holds the access token. It is as secret as the store keeps it, unless it is sealed (feature
//! `sealing`). The API key is never stored, only a [fingerprint](StoreKey::fingerprint) of it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretSlice};

use crate::error::Error;

#[cfg(feature = "file-store")]
mod file;
mod key;
pub(crate) mod operation;
pub(crate) mod record;
#[cfg(feature = "redis-store")]
mod redis;
#[cfg(feature = "sealing")]
mod seal;
pub(crate) mod shared;

#[cfg(feature = "file-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "file-store")))]
pub use file::FileStore;
pub use key::StoreKey;
#[cfg(feature = "redis-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-store")))]
pub use redis::RedisStore;
#[cfg(feature = "sealing")]
#[cfg_attr(docsrs, doc(cfg(feature = "sealing")))]
pub use seal::SealingKey;

/// No lease lasts longer. One that says so is garbage, or was written by a clock that was wrong.
#[cfg(any(feature = "file-store", feature = "redis-store"))]
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// What an operation of a store returns: a future that can be sent between threads.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A place where processes leave sessions for each other.
///
/// It keeps bytes under a key, and grants a lease: the right to register, which one process has at a time. All
/// errors are to be made by [`Error::store`]. An operation may be dropped before it ends, and must then leave
/// either the old state or the new one. One that panics counts as failed.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// use social_plus_bot::store::{Lease, SessionStore, StoreFuture, StoreKey, StoredSession};
///
/// /// Sessions that the clients of one process share.
/// #[derive(Debug, Default)]
/// struct InMemoryStore {
///     sessions: Mutex<HashMap<String, StoredSession>>,
///     leases: Arc<Mutex<()>>,
/// }
///
/// impl SessionStore for InMemoryStore {
///     fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredSession>> {
///         Box::pin(async { Ok(self.sessions.lock().unwrap().get(key.fingerprint()).cloned()) })
///     }
///
///     fn save<'a>(&'a self, key: &'a StoreKey, session: StoredSession, _: Duration) -> StoreFuture<'a, ()> {
///         Box::pin(async {
///             self.sessions.lock().unwrap().insert(key.fingerprint().to_owned(), session);
///             Ok(())
///         })
///     }
///
///     fn remove<'a>(&'a self, key: &'a StoreKey, session: StoredSession) -> StoreFuture<'a, ()> {
///         Box::pin(async move {
///             let mut sessions = self.sessions.lock().unwrap();
///             if sessions.get(key.fingerprint()) == Some(&session) {
///                 sessions.remove(key.fingerprint());
///             }
///             Ok(())
///         })
///     }
///
///     fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> StoreFuture<'a, Option<Lease>> {
///         // One process has no need of it: each client registers at most once at a time.
///         Box::pin(async { Ok(Some(Lease::new(async { Ok(()) }))) })
///     }
/// }
/// ```
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// What is kept under `key`, whatever it is.
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredSession>>;

    /// Keeps `session` under `key` in place of what was there, and no longer than for `life`.
    fn save<'a>(&'a self, key: &'a StoreKey, session: StoredSession, ttl: Duration) -> StoreFuture<'a, ()>;

    /// Removes what is kept under `key` if it is `session`, in one step.
    fn remove<'a>(&'a self, key: &'a StoreKey, session: StoredSession) -> StoreFuture<'a, ()>;

    /// Takes the lease of `key`, or returns nothing if another process has it. It must end by itself when its
    /// holder dies, at the latest after `limit`. The process that has it may have asked for another limit.
    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>>;
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredSession>> {
        (**self).load(key)
    }

    fn save<'a>(&'a self, key: &'a StoreKey, session: StoredSession, ttl: Duration) -> StoreFuture<'a, ()> {
        (**self).save(key, session, ttl)
    }

    fn remove<'a>(&'a self, key: &'a StoreKey, session: StoredSession) -> StoreFuture<'a, ()> {
        (**self).remove(key, session)
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        (**self).lease(key, limit)
    }
}

/// The right to register for a key. Who drops it without [`release`](Self::release) leaves it to end by itself.
pub struct Lease(StoreFuture<'static, ()>);

impl Lease {
    /// A lease that `release` gives back.
    pub fn new(release: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        Self(Box::pin(release))
    }

    /// Gives the lease back, unless it has ended and another process has it.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store) if the store can't be told; then the lease ends by itself.
    pub async fn release(self) -> Result<(), Error> {
        self.0.await
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

/// A session as it is kept in a store: bytes that a token can be read from, wiped when dropped.
#[derive(Clone)]
pub struct StoredSession {
    bytes: SecretSlice<u8>,
    ttl: Option<Duration>,
    reason: Option<Cow<'static, str>>,
}

impl StoredSession {
    /// The bytes to keep. Take care where they go.
    pub fn expose_secret(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    /// Tells how long the store itself would keep it. Clocks of machines differ; a store that counts the time
    /// that is left knows better, and is believed. Of other stores a session counts as none if it came more than 5
    /// minutes in the future by this machine's wall clock.
    pub fn expiring_in(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Something that is kept but not to be used, and why.
    #[cfg(feature = "file-store")]
    pub(crate) fn unusable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: Some(reason.into()), ..Vec::new().into() }
    }

    /// Why it is not to be used.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How long the store would keep it, if the store said so.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}

impl From<Vec<u8>> for StoredSession {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), ttl: None, reason: None }
    }
}

/// Whether the bytes are the same.
impl PartialEq for StoredSession {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl Eq for StoredSession {}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSession([redacted])")
    }
}

/// What went wrong with a store since the client was made; see [`BotClient::store_faults`](crate::BotClient::store_faults).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreFaults {
    /// How many operations failed, and how many stored sessions could not be used.
    pub count: u64,
    /// The last of them.
    pub last: Option<Error>,
}
