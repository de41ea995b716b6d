//! A store in memory and clocks that go with Tokio's, for tests and simulations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::handle::StoreHandle;
use super::{Lease, Store, StoreFuture, StoreKey, StoredRecord};
use crate::config::ApiKey;
use crate::error::Error;
use crate::session::clock::{Clock, Moment};

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Both clocks go with Tokio's; the wall clock may be ahead.
#[derive(Clone, Copy)]
pub(crate) struct Clocks {
    start: Instant,
    ahead: Duration,
}

impl Clocks {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), ahead: Duration::ZERO }
    }

    pub(crate) fn ahead(self, ahead: Duration) -> Self {
        Self { ahead, ..self }
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        let passed = self.start.elapsed();
        Moment { monotonic: DAY + passed, wall: DAY * 20_000 + passed + self.ahead }
    }
}

/// A store in memory that can be made to fail, to hang, or to be slow.
#[derive(Debug, Default)]
pub(crate) struct InMemoryStore(Mutex<Content>);

#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) records: HashMap<String, StoredRecord>,
    /// Until when somebody has the lease, and its number.
    pub(crate) lease: Option<(Instant, u64)>,
    leases: u64,
    pub(crate) down: bool,
    pub(crate) hangs: bool,
    /// How long an operation takes.
    pub(crate) takes: Duration,
    pub(crate) operations: usize,
}

impl InMemoryStore {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Content) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    async fn operate<T>(&self, operation: impl FnOnce(&mut Content) -> T) -> Result<T, Error> {
        let (down, hangs, takes) = self.with(|content| {
            content.operations += 1;
            (content.down, content.hangs, content.takes)
        });
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if hangs {
            std::future::pending::<()>().await;
        }
        if down {
            return Err(Error::store("the store is down"));
        }
        Ok(self.with(operation))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(pub(crate) Arc<InMemoryStore>);

impl Store for Shared {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        Box::pin(self.0.operate(|content| content.records.get(key.fingerprint()).cloned()))
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        _: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.0.operate(move |content| {
            let is_unchanged = content.records.get(key.fingerprint()) == old.as_ref();
            if is_unchanged {
                content.records.insert(key.fingerprint().to_owned(), new);
            }
            is_unchanged
        }))
    }

    fn lease<'a>(&'a self, _: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        let store = self.clone();
        Box::pin(async move {
            let taken = store.0.operate(|content| {
                if content.lease.is_some_and(|(until, _)| until > Instant::now()) {
                    return None;
                }
                content.leases += 1;
                content.lease = Some((Instant::now() + limit, content.leases));
                Some(content.leases)
            });
            let taken = taken.await?;
            Ok(taken.map(|number| {
                Lease::new(async move {
                    let release = store.0.operate(|content| {
                        content.lease.take_if(|(_, holder)| *holder == number);
                    });
                    release.await
                })
            }))
        })
    }
}

pub(crate) fn key() -> StoreKey {
    StoreKey::new("https://a.example", "crawler-1", &ApiKey::try_from("b0e8a2c4d6f8").unwrap())
}

pub(crate) fn handle(store: &Shared) -> Option<StoreHandle> {
    sealed(store, None)
}

/// The same with a sealing key of this byte.
#[cfg_attr(not(feature = "sealing"), expect(unused_variables))]
pub(crate) fn sealed(store: &Shared, byte: Option<u8>) -> Option<StoreHandle> {
    Some(StoreHandle {
        store: Arc::new(store.clone()),
        key: key(),
        #[cfg(feature = "sealing")]
        seal: byte.map(|byte| super::SealingKey::try_from(&[byte; 32][..]).unwrap()),
    })
}
