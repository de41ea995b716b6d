//! What is logged, and when.

use std::sync::Arc;
use std::sync::Mutex as Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::super::*;
use crate::session::cache::SessionCache;
use crate::session::source::{Need, Source};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[derive(Clone)]
struct Clocks(Arc<Cell<Moment>>);

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

type Cache = SessionCache<Service, Clocks>;

/// A source that fails while its second token is refused.
struct Service {
    cache: Arc<Cell<Option<Arc<Cache>>>>,
    registrations: AtomicUsize,
}

impl Source for Service {
    fn is_shared(&self) -> bool {
        false
    }

    async fn load(&self, _: &Need, gate: &Gate, clock: &impl Clock) -> Result<Option<Session>, Error> {
        let number = self.registrations.fetch_add(1, Ordering::SeqCst);
        if number == 2 {
            let cache = self.cache.lock().unwrap().clone().unwrap();
            cache.invalidate(&"token-1".to_owned().into());
            return Err(Error::store("it is down"));
        }
        let session = Session::of(&format!("token-{number}"), HOUR, clock.now());
        gate.register(clock, None, || async { Ok(session) }).await.map(Some)
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Uses the cache for each event, as a layer does that sends them somewhere.
struct Sends(Arc<Cell<Option<Arc<Cache>>>>);

impl Subscriber for Sends {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().starts_with("social_plus_bot")
            && let Some(cache) = &*self.0.lock().unwrap()
        {
            cache.invalidate(&"another".to_owned().into());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn an_event_can_be_sent_with_the_client_that_it_is_about() {
    let clocks = Clocks(Arc::new(Cell::new(Moment { monotonic: HOUR, wall: HOUR })));
    let own = Arc::new(Cell::new(None));
    let service = Service { cache: Arc::clone(&own), registrations: AtomicUsize::new(0) };
    let cache = Arc::new(Cache::new(Arc::new(service), "crawler-1", clocks));
    *own.lock().unwrap() = Some(Arc::clone(&cache));
    let _guard = tracing::subscriber::set_default(Sends(Arc::clone(&own)));
    cache.invalidate(&cache.access_token().await.unwrap());
    cache.access_token().await.unwrap();
    cache.refresh().await.unwrap_err();
    let error = cache.access_token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
}
