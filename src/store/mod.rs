//! Sessions shared by several processes.
//!
//! Without a store, each process registers for itself, and again after each restart. With a [`Store`], a process
//! first looks for a session there: processes on one machine share it through a file (`FileStore`), a fleet through
//! Redis (`RedisStore`), and anything else that stores bytes can be made a store with three operations.
//!
//! A client with a valid session goes on with it while its store is slow, full or unreachable, and
//! [records the fault](crate::BotClient::store_faults). What happens when it needs a new one is a setting, since
//! registering without the store could end the session of the others: see [`StoreOutage`]. A stored session that can't be
//! read is replaced. An operation that takes longer than 2 seconds, or panics, has failed.
//!
//! A stored session contains the access token, in the clear unless it is encrypted (feature `sealing`). The API key is
//! never stored, only a [fingerprint](StoreKey::fingerprint).

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretSlice};

use crate::error::Error;

pub(crate) mod faults;
#[cfg(feature = "file-store")]
mod file;
pub(crate) mod handle;
#[cfg(test)]
pub(crate) mod in_memory;
mod key;
pub(crate) mod operation;
pub(crate) mod record;
#[cfg(feature = "redis-store")]
mod redis;
#[cfg(feature = "sealing")]
mod seal;
pub(crate) mod shared;
#[cfg(all(test, target_os = "linux", feature = "file-store", feature = "read-cache"))]
mod tests;

pub use faults::StoreFaults;
#[cfg(feature = "file-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "file-store")))]
pub use file::FileStore;
pub use key::{RecordKind, StoreKey};
#[cfg(feature = "redis-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-store")))]
pub use redis::RedisStore;
#[cfg(feature = "sealing")]
#[cfg_attr(docsrs, doc(cfg(feature = "sealing")))]
pub use seal::SealingKey;

/// The longest lease. A longer one is garbage, or was written with a wrong clock.
#[cfg(any(feature = "file-store", feature = "redis-store"))]
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// The future of a store operation.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A place where processes share sessions.
///
/// A store keeps bytes under a key, and grants a lease: the right to register, held by one process at a time. Errors are
/// created with [`Error::store`]. An operation can be dropped at any time, and must then leave the old state or the new
/// one. A panic counts as a failed operation.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
///
/// use social_plus_bot::store::{Lease, Store, StoreFuture, StoreKey, StoredRecord};
///
/// /// Sessions that the clients of one process share.
/// #[derive(Debug, Default)]
/// struct InMemoryStore {
///     sessions: Mutex<HashMap<String, StoredRecord>>,
///     leases: Arc<Mutex<()>>,
/// }
///
/// impl Store for InMemoryStore {
///     fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
///         Box::pin(async { Ok(self.sessions.lock().unwrap().get(key.fingerprint()).cloned()) })
///     }
///
///     fn replace<'a>(
///         &'a self,
///         key: &'a StoreKey,
///         old: Option<StoredRecord>,
///         new: StoredRecord,
///         _: Duration,
///     ) -> StoreFuture<'a, bool> {
///         Box::pin(async move {
///             let mut sessions = self.sessions.lock().unwrap();
///             let is_unchanged = sessions.get(key.fingerprint()) == old.as_ref();
///             if is_unchanged {
///                 sessions.insert(key.fingerprint().to_owned(), new);
///             }
///             Ok(is_unchanged)
///         })
///     }
///
///     fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> StoreFuture<'a, Option<Lease>> {
///         // One process has no need of it: each client registers at most once at a time.
///         Box::pin(async { Ok(Some(Lease::new(async { Ok(()) }))) })
///     }
/// }
/// ```
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns what is stored under `key`.
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>>;

    /// Stores `new` under `key` for at most `ttl`, if `old` is what is stored there, and returns whether it is. Comparing
    /// and storing are one atomic step, so that a process that was asleep can't replace a newer session.
    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        ttl: Duration,
    ) -> StoreFuture<'a, bool>;

    /// Takes the lease of `key`, or returns `None` if another process holds it. A lease must end by itself after `limit`
    /// at the latest, if its holder dies. Its holder may have asked for another limit. A store that can be read but not
    /// written should fail here: a registration whose session can't be stored ends the session of the other processes.
    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>>;

    /// Returns an error if this store can't keep records of the kinds [`Budget`](RecordKind::Budget) and
    /// [`Read`](RecordKind::Read), and says what is missing. By default they are kept like sessions.
    ///
    /// It is called when a client with a cache of reads is built, so it must neither wait nor look at what is stored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), with which the build of the client fails.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    fn check_reads(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        (**self).load(key)
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        (**self).replace(key, old, new, ttl)
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        (**self).lease(key, limit)
    }

    #[cfg(feature = "read-cache")]
    fn check_reads(&self) -> Result<(), Error> {
        (**self).check_reads()
    }
}

/// The right to register for a key. If it is dropped without [`release`](Self::release), it ends by itself.
pub struct Lease(StoreFuture<'static, ()>);

impl Lease {
    /// Creates a lease that is given back by `release`.
    pub fn new(release: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        Self(Box::pin(release))
    }

    /// Gives the lease back, unless it has ended and another process holds it.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store) if the store fails; then the lease ends by itself.
    pub async fn release(self) -> Result<(), Error> {
        self.0.await
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

/// A session in the form in which it is stored: bytes that contain the token, wiped when dropped.
#[derive(Clone)]
pub struct StoredRecord {
    bytes: SecretSlice<u8>,
    ttl: Option<Duration>,
    reason: Option<Cow<'static, str>>,
}

impl StoredRecord {
    /// Returns the bytes to store. They contain the token.
    pub fn expose_secret(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    /// Sets the time after which the store itself would drop the session. A store that counts this time is more reliable
    /// than the clocks of the machines, and takes precedence over them. With other stores, a session that is dated more
    /// than 5 minutes in the future by this machine's wall clock is not used.
    pub fn expiring_in(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Something that is stored but must not be used, with the reason.
    #[cfg(feature = "file-store")]
    pub(crate) fn unusable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: Some(reason.into()), ..Vec::new().into() }
    }

    /// Why it must not be used.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The time left, if the store counts it.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}

impl From<Vec<u8>> for StoredRecord {
    fn from(mut bytes: Vec<u8>) -> Self {
        // Converting it would shorten its memory, which can leave a copy behind.
        if bytes.capacity() > bytes.len() {
            let exact = bytes.clone();
            bytes.zeroize();
            bytes = exact;
        }
        Self { bytes: bytes.into(), ttl: None, reason: None }
    }
}

/// Compares the bytes.
impl PartialEq for StoredRecord {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl Eq for StoredRecord {}

impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredRecord([redacted])")
    }
}

/// What a client does when it needs a session and its store has failed.
///
/// It concerns clients that start during the outage, and those whose token is refused, or has lived for 95 % of its
/// lifetime. All others go on with the session that they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOutage {
    /// Return the store's error until the store works again. The sessions of the other processes stay valid.
    #[default]
    Fail,
    /// Register without the store. According to the service's documentation this ends the session of the other processes,
    /// so use it where a single process uses the device id, and the store is there for its restarts.
    Register,
}
