//! Stores of which only some operations work.

use super::super::*;
use super::marks::{Cache, Fixture, token};
use crate::error::ErrorKind;
use crate::store::in_memory::{Shared, handle};
use crate::store::{Lease, Store, StoreFuture, StoreKey};
use std::sync::Mutex;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    Load,
    Replace,
    NeverReplaces,
    Lease,
    LeaseIsTaken,
    Release,
}

#[derive(Debug)]
struct Partial {
    store: Shared,
    broken: Arc<Mutex<Option<Broken>>>,
}

impl Broken {
    const ALL: [Self; 6] =
        [Self::Load, Self::Replace, Self::NeverReplaces, Self::Lease, Self::LeaseIsTaken, Self::Release];
}

impl Partial {
    fn is(&self, broken: Broken) -> bool {
        *self.broken.lock().unwrap() == Some(broken)
    }
}

fn failed<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { Err(Error::store("it is broken")) })
}

impl Store for Partial {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        if self.is(Broken::Load) { failed() } else { self.store.load(key) }
    }

    fn replace<'a>(
        &'a self,
        key: &'a StoreKey,
        old: Option<StoredRecord>,
        new: StoredRecord,
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        if self.is(Broken::Replace) {
            return failed();
        }
        if self.is(Broken::NeverReplaces) {
            return Box::pin(async { Ok(false) });
        }
        self.store.replace(key, old, new, ttl)
    }

    fn lease<'a>(&'a self, key: &'a StoreKey, limit: Duration) -> StoreFuture<'a, Option<Lease>> {
        if self.is(Broken::Lease) {
            return failed();
        }
        if self.is(Broken::LeaseIsTaken) {
            return Box::pin(async { Ok(None) });
        }
        if self.is(Broken::Release) {
            return Box::pin(async { Ok(Some(Lease::new(async { Err(Error::store("it is broken")) }))) });
        }
        self.store.lease(key, limit)
    }
}

impl Partial {
    /// Four processes, and the switch that breaks their store.
    fn processes(fixture: &Fixture, outage: StoreOutage) -> (Vec<Cache>, Arc<Mutex<Option<Broken>>>) {
        let broken = Arc::new(Mutex::new(None));
        let process = |_| {
            let mut handle = handle(&fixture.store)?;
            handle.store = Arc::new(Self { store: fixture.store.clone(), broken: Arc::clone(&broken) });
            let source = SharedSource::new(Arc::clone(&fixture.service), Some(handle), outage);
            Some(Cache::new(Arc::new(source), "crawler-1", fixture.clocks))
        };
        ((0..4).filter_map(process).collect(), broken)
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_registered_by_default_while_an_operation_of_the_store_fails() {
    for broken in [Broken::Load, Broken::Lease] {
        let fixture = Fixture::new();
        let (processes, switch) = Partial::processes(&fixture, StoreOutage::Fail);
        *switch.lock().unwrap() = Some(broken);
        for _ in 0..10 {
            for process in &processes {
                assert_eq!(token(process).await.unwrap_err().kind(), ErrorKind::Store, "{broken:?}");
            }
            sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(fixture.registrations(), 0, "{broken:?}");
        *switch.lock().unwrap() = None;
        for process in &processes {
            assert_eq!(token(process).await.unwrap(), "token-1", "{broken:?}");
        }
    }
}

/// Lets each process ask, and report a token that a later registration has ended.
async fn ask(fixture: &Fixture, processes: &[Cache]) {
    for process in processes {
        if let Ok(token) = token(process).await
            && token != format!("token-{}", fixture.registrations())
        {
            process.invalidate(&token.into());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_works_in_part_costs_no_more_than_none_and_then_all_share_a_session() {
    for outage in [StoreOutage::Fail, StoreOutage::Register] {
        for broken in Broken::ALL {
            let fixture = Fixture::new();
            let (processes, switch) = Partial::processes(&fixture, outage);
            *switch.lock().unwrap() = Some(broken);
            for _ in 0..360 {
                ask(&fixture, &processes).await;
                sleep(Duration::from_secs(10)).await;
            }
            let meanwhile = fixture.registrations();
            assert!(meanwhile <= 10 * processes.len(), "{outage:?} {broken:?}: {meanwhile}");
            *switch.lock().unwrap() = None;
            for _ in 0..30 {
                ask(&fixture, &processes).await;
                sleep(Duration::from_secs(61)).await;
            }
            assert!(fixture.registrations() <= meanwhile + 1, "{outage:?} {broken:?}");
            for process in &processes {
                let last = format!("token-{}", fixture.registrations());
                assert_eq!(token(process).await.unwrap(), last, "{outage:?} {broken:?}");
            }
        }
    }
}
