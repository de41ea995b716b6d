//! SharedSource through a store of somebody's own that panics.

use super::*;
use crate::store::{Lease, Store, StoreFuture, StoreKey};

/// Where a store panics.
#[derive(Clone, Copy, Debug)]
enum Panics {
    Called,
    Polled,
    Dropped,
}

#[derive(Debug)]
struct Panicking(Panics);

impl Panicking {
    fn operate<T: Send + 'static>(&self) -> StoreFuture<'static, T> {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        match self.0 {
            Panics::Called => panic!("called"),
            Panics::Polled => Box::pin(async { panic!("polled") }),
            Panics::Dropped => {
                let bomb = Bomb;
                Box::pin(async move {
                    let _bomb = bomb;
                    std::future::pending().await
                })
            }
        }
    }
}

impl Store for Panicking {
    fn load<'a>(&'a self, _: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
        self.operate()
    }

    fn replace<'a>(
        &'a self,
        _: &'a StoreKey,
        _: Option<StoredRecord>,
        _: StoredRecord,
        _: Duration,
    ) -> StoreFuture<'a, bool> {
        self.operate()
    }

    fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> StoreFuture<'a, Option<Lease>> {
        self.operate()
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_is_a_store_fault() {
    for panics in [Panics::Called, Panics::Polled, Panics::Dropped] {
        let fixture = Fixture::new();
        let mut handle = handle(&fixture.store).unwrap();
        handle.store = Arc::new(Panicking(panics));
        let process = fixture.process_of(Some(handle), fixture.clocks);
        let cache = fixture.cache(&process);
        let token = cache.access_token().await.map(|token| token.expose_secret().to_owned());
        assert_eq!(token.map_err(|error| error.to_string()), Ok("token-1".to_owned()), "{panics:?}");
        assert_eq!(process.faults().count, 2, "{panics:?}");
        // A refresh in the background takes place near the end, and is not begun with every call.
        sleep(LIFE.mul_f64(0.81)).await;
        cache.access_token().await.unwrap();
        sleep(LIFE.mul_f64(0.15)).await;
        assert_eq!(fixture.service.asked(), 1, "{panics:?}");
        for _ in 0..10 {
            cache.access_token().await.unwrap();
            sleep(operation::LIMIT * 4).await;
        }
        assert_eq!(fixture.service.asked(), 2, "{panics:?}");
        assert!(process.source.stored(&fixture.clocks).await.is_err(), "{panics:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_lease_is_a_store_fault() {
    #[derive(Debug)]
    struct Leasing(Shared);

    impl Store for Leasing {
        fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<StoredRecord>> {
            self.0.load(key)
        }

        fn replace<'a>(
            &'a self,
            key: &'a StoreKey,
            old: Option<StoredRecord>,
            new: StoredRecord,
            ttl: Duration,
        ) -> StoreFuture<'a, bool> {
            self.0.replace(key, old, new, ttl)
        }

        fn lease<'a>(&'a self, _: &'a StoreKey, _: Duration) -> StoreFuture<'a, Option<Lease>> {
            Box::pin(async { Ok(Some(Lease::new(async { panic!("released") }))) })
        }
    }

    let fixture = Fixture::new();
    let mut handle = handle(&fixture.store).unwrap();
    handle.store = Arc::new(Leasing(fixture.store.clone()));
    let process = fixture.process_of(Some(handle), fixture.clocks);
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert_eq!(process.faults().count, 1);
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
}
