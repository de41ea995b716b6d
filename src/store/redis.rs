//! A store in Redis or Valkey, for fleets.
//!
//! A session has two keys, `social-plus-bot:<fingerprint>:session` and `…:lease`. The session's key expires with the
//! session, and its time to live is read along with it, so the clocks of the machines don't matter. The value of the
//! lease is random, so that only its holder can release it, and it expires by itself. Clients with different timeouts
//! take leases of different lengths. A lease that no client would take (without expiry, or of more than an hour) is
//! garbage and counts as free.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, FromRedisValue, RedisError, cmd};
use tokio::spawn;
use tokio::sync::Mutex;

use super::{LONGEST_LEASE, Lease, Store, StoreFuture, StoreKey, StoredRecord};
use crate::api::redact;
use crate::error::Error;
use crate::session::runtime;

/// The timeout of a response, and of connecting.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The permissions that an ACL user needs.
const PERMISSIONS: &str = "~social-plus-bot:* +eval +get +set +del +pttl";

/// Returns a value with its time to live. A value of another type is returned as an empty one, which is no session.
const LOAD: &str = "local value = redis.pcall('get', KEYS[1])
if type(value) == 'table' and value.err then
  if not string.find(value.err, 'WRONGTYPE') then return value end
  value = ''
end
return {value, redis.call('pttl', KEYS[1])}";

/// Sets a key with an expiry if it has the old value, or has it already: a command can be sent twice. An empty value
/// stands for none.
const REPLACE: &str = "local present = redis.pcall('get', KEYS[1]) or ''
if type(present) == 'table' and present.err then
  if not string.find(present.err, 'WRONGTYPE') then return present end
  present = ''
end
if present == ARGV[1] then return 1 end
if present ~= ARGV[3] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// Deletes a key if it has this value.
const REMOVE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// Sets a key with an expiry, unless it has another value and expires within the longest lease.
const LEASE: &str = "local left = redis.call('pttl', KEYS[1])
local ours = redis.pcall('get', KEYS[1]) == ARGV[1]
if ours or left < 0 or left > tonumber(ARGV[3]) then
  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0";

/// Sessions shared by a fleet through Redis 6 or later, or Valkey: one server, or one primary with its replicas. Redis
/// Cluster is not supported.
///
/// An ACL user needs `~social-plus-bot:* +eval +get +set +del +pttl`, and `+select` for a database other than 0.
///
/// The connection is opened when it is first needed, and reopened when it is lost. TLS (`rediss://`) needs the feature
/// `rustls`, and uses the system's certificates. A program that builds several crypto providers of rustls must install
/// one as the default.
///
/// ```
/// # use social_plus_bot::{BotClient, Region, store::RedisStore};
/// let bot = BotClient::builder()
///     .api_key("b0e8a2c4d6f8")
///     .region(Region::Us)
///     .device_id("crawler-1")
///     .store(RedisStore::new("redis://cache.internal:6379/0")?)
///     .build()?;
/// # Ok::<(), social_plus_bot::Error>(())
/// ```
///
/// If the connection failed, the [source](std::error::Error::source) of the error is a `redis::RedisError`, of the version
/// of `redis` that this crate is built with. That version is no part of the stable interface. What the server itself said
/// is in the text only, since it can quote a session.
#[derive(Clone)]
pub struct RedisStore(Arc<Server>);

struct Server {
    client: Client,
    /// Host and port, without the password.
    address: String,
    connection: Mutex<Connection>,
}

/// The current connection, if there is one, and the number of connections so far.
#[derive(Default)]
struct Connection {
    number: u64,
    manager: Option<ConnectionManager>,
}

impl RedisStore {
    /// Creates a store in the server at `url`: `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    /// Sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the address is invalid. The error does not contain it, since it
    /// can have a password.
    pub fn new(url: impl AsRef<str>) -> Result<Self, Error> {
        let client = Client::open(url.as_ref()).map_err(|error| {
            let form = "redis://[user:password@]host[:port][/database], or rediss:// for TLS";
            let error = error.to_string();
            // The rest of the text quotes the address.
            let rule = error.split(" - ").next().unwrap_or_default();
            Error::config("store", format!("not an address of a Redis server ({rule}); write {form}"))
        })?;
        let address = client.get_connection_info().addr().to_string();
        Ok(Self(Arc::new(Server { client, address, connection: Mutex::default() })))
    }

    /// Host and port, without user and password.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The current connection and its number; opens one if there is none.
    async fn connection(&self) -> Result<(u64, ConnectionManager), Error> {
        let mut present = self.0.connection.lock().await;
        if let Some(manager) = &present.manager {
            return Ok((present.number, manager.clone()));
        }
        let manager = self.connect().await?;
        present.number = present.number.wrapping_add(1);
        present.manager = Some(manager.clone());
        Ok((present.number, manager))
    }

    /// Replaces the connection with this number.
    async fn reconnect(&self, number: u64) -> Result<ConnectionManager, Error> {
        let mut present = self.0.connection.lock().await;
        if present.number == number {
            present.manager = None;
        }
        drop(present);
        Ok(self.connection().await?.1)
    }

    async fn connect(&self) -> Result<ConnectionManager, Error> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            // The next operation reconnects.
            .set_number_of_retries(0);
        let manager = ConnectionManager::new_lazy_with_config(self.0.client.clone(), config)
            .map_err(|error| self.failed(error))?;
        // rustls panics if it finds no crypto provider; in a task of its own that is an error. The command is one that
        // every user of this store is permitted.
        let mut first = manager.clone();
        match spawn(async move { cmd("EVAL").arg("return 0").arg(0).query_async::<()>(&mut first).await })
            .await
        {
            Ok(Ok(())) => Ok(manager),
            Ok(Err(error)) => Err(self.failed(error)),
            Err(ended) => Err(ended
                .try_into_panic()
                .ok()
                .and_then(|panic| runtime::no_driver(&*panic))
                .unwrap_or_else(|| self.no_tls())),
        }
    }

    fn no_tls(&self) -> Error {
        let address = &self.0.address;
        let advice = "install a default crypto provider of rustls";
        Error::config("store", format!("no TLS to the Redis server at {address}; {advice}"))
    }

    /// Runs `script` with one key.
    async fn run<T: FromRedisValue>(
        self,
        script: &'static str,
        key: String,
        arguments: &[&[u8]],
    ) -> Result<T, Error> {
        let (number, connection) = self.connection().await?;
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(key);
        for argument in arguments {
            command.arg(*argument);
        }
        let ask = |mut connection: ConnectionManager| {
            let command = &command;
            async move { command.query_async(&mut connection).await }
        };
        // A connection that was idle for days may be dead, which shows only when it is used. All scripts are idempotent.
        let answer = match ask(connection.clone()).await {
            Err(error) if error.is_connection_dropped() => ask(connection).await,
            // The connection may have been dropped silently in between, or the runtime that drives it has ended or is
            // blocked. It would never respond again.
            Err(error) if error.is_timeout() => ask(self.reconnect(number).await?).await,
            answer => answer,
        };
        answer.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: RedisError) -> Error {
        let address = &self.0.address;
        let refused = matches!(error.code(), Some("NOAUTH" | "WRONGPASS"));
        // Some servers quote the command in their errors, and with it a session.
        let said = redact::text(error.detail().unwrap_or_default(), &[]);
        // In a script, a missing permission has no error code of its own.
        if error.code() == Some("NOPERM")
            || said.contains("can't run this command")
            || said.contains("No permissions")
        {
            return Error::config(
                "store",
                format!(
                    "the Redis server at {address} rejects a command, because its ACL user lacks a permission ({said}); \
                     it needs {PERMISSIONS}"
                ),
            );
        }
        if matches!(error.code(), Some("MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT")) {
            return Error::config(
                "store",
                format!(
                    "{address} is a node of a Redis Cluster, which is not supported; use a server outside the cluster"
                ),
            );
        }
        match error.kind() {
            kind if refused || kind == ErrorKind::AuthenticationFailed => Error::config(
                "store",
                format!(
                    "the Redis server at {address} rejects the user or password; correct them in its address"
                ),
            ),
            ErrorKind::InvalidClientConfig => {
                Error::config("store", format!("cannot use the Redis server at {address}: {error}"))
            }
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Error::store(format!(
                "the Redis server at {address} sent an unexpected response ({:?})",
                error.kind()
            )),
            kind => {
                let failed = Error::store(format!(
                    "the Redis server at {address} failed: {}",
                    redact::text(&error.to_string(), &[])
                ));
                match kind {
                    ErrorKind::Io => failed.with_source(error),
                    // What the server said can't be redacted in the error of `redis`.
                    _ => failed,
                }
            }
        }
    }
}

fn name(key: &StoreKey, thing: &str) -> String {
    format!("social-plus-bot:{}:{thing}", key.fingerprint())
}

fn record(key: &StoreKey) -> String {
    name(key, key.kind().as_str())
}

impl Store for RedisStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(async move {
            let (value, left): (Option<Vec<u8>>, i64) = self.clone().run(LOAD, record(key), &[]).await?;
            let session = value.map(StoredRecord::from);
            Ok(match u64::try_from(left) {
                Ok(left) => session.map(|session| session.expiring_in(Duration::from_millis(left))),
                // It has no expiry, so another program set it. Its content decides.
                Err(_) => session,
            })
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let ttl = ttl.as_millis().max(1).to_string();
            let old = old.as_ref().map(StoredRecord::expose_secret).unwrap_or_default();
            let arguments = [new.expose_secret(), ttl.as_bytes(), old];
            self.clone().run(REPLACE, record(key), &arguments).await
        })
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        Box::pin(async move {
            let mut owner = [0; 16];
            getrandom::fill(&mut owner)
                .map_err(|error| Error::store(format!("no random numbers to own a lease with: {error}")))?;
            let limit = limit.min(LONGEST_LEASE).as_millis().max(1).to_string();
            let longest = LONGEST_LEASE.as_millis().to_string();
            let name = name(key, "lease");
            let arguments = [&owner[..], limit.as_bytes(), longest.as_bytes()];
            let taken: bool = self.clone().run(LEASE, name.clone(), &arguments).await?;
            let store = self.clone();
            Ok(taken.then(|| {
                Lease::new(async move { store.run(REMOVE, name, &[&owner]).await.map(|_: i64| ()) })
            }))
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("address", &self.0.address).finish_non_exhaustive()
    }
}
