//! Registrations that are dropped before they end, as with the runtime that they run on.

use std::sync::Arc;
use std::sync::Mutex as Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Builder;

use super::super::*;
use crate::session::cache::SessionCache;
use crate::session::source::Register;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone)]
struct Clocks(Arc<Cell<Moment>>);

impl Clocks {
    fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(time);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// A service that responds to the first registration only.
struct Service {
    clocks: Clocks,
    registrations: AtomicUsize,
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        if self.registrations.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(Session::of("token", DAY, self.clocks.now()))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

#[test]
fn refreshes_that_end_with_their_runtimes_are_paced() {
    let clocks = Clocks(Arc::new(Cell::new(Moment { monotonic: DAY, wall: DAY })));
    let service = Arc::new(Service { clocks: clocks.clone(), registrations: AtomicUsize::new(0) });
    let cache = SessionCache::new(Arc::clone(&service), "crawler-1", clocks.clone());
    let call = || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            cache.access_token().await.unwrap();
            // Lets the refresh send its request.
            tokio::task::yield_now().await;
        });
    };
    call();
    clocks.pass(DAY.mul_f64(0.81));
    for _ in 0..60 {
        call();
        clocks.pass(Duration::from_secs(1));
    }
    // Of the first one, and of refreshes with pauses of 5, 10 and 20 s and more between them.
    let registrations = service.registrations.load(Ordering::SeqCst);
    assert!((2..=6).contains(&registrations), "{registrations}");
}
