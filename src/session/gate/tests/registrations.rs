//! Registrations whose session is not dated after what was refused.

use std::sync::Arc;
use std::sync::Mutex as Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::*;
use crate::session::cache::SessionCache;
use crate::session::source::Register;

const HOUR: Duration = Duration::from_secs(60 * 60);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Clone)]
struct Clocks(Arc<Cell<Moment>>);

impl Clocks {
    fn start() -> Self {
        Self(Arc::new(Cell::new(Moment { monotonic: HOUR, wall: HOUR })))
    }

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

/// A service whose sessions have these tokens and dates, the last one again and again.
struct Service {
    clocks: Clocks,
    sessions: Vec<(&'static str, TimeDelta)>,
    registrations: AtomicUsize,
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let number = self.registrations.fetch_add(1, Ordering::SeqCst);
        let (token, ahead) = self.sessions[number.min(self.sessions.len() - 1)];
        let issued_at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + ahead;
        Ok(Session::issued(token, issued_at, LIFE, self.clocks.now()))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

fn service(sessions: &[(&'static str, TimeDelta)]) -> (Arc<Service>, SessionCache<Service, Clocks>, Clocks) {
    let clocks = Clocks::start();
    let service = Arc::new(Service {
        clocks: clocks.clone(),
        sessions: sessions.to_vec(),
        registrations: AtomicUsize::new(0),
    });
    let cache = SessionCache::new(Arc::clone(&service), "crawler-1", clocks.clone());
    (service, cache, clocks)
}

#[tokio::test(start_paused = true)]
async fn a_new_session_counts_although_the_refused_one_has_a_later_date() {
    let (service, cache, _) = service(&[("first", TimeDelta::seconds(5)), ("second", TimeDelta::zero())]);
    let first = cache.access_token().await.unwrap();
    cache.invalidate(&first);
    let second = cache.access_token().await;
    assert_eq!(second.unwrap().expose_secret(), "second");
    assert_eq!(service.registrations.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_the_service_issues_again_is_used_and_paced() {
    let (service, cache, clocks) = service(&[("only", TimeDelta::zero())]);
    for _ in 0..3600 {
        match cache.access_token().await {
            Ok(token) => cache.invalidate(&token),
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    ErrorKind::DeviceInUse,
                    "{error} after {} registrations",
                    service.registrations.load(Ordering::SeqCst)
                );
            }
        }
        clocks.pass(Duration::from_secs(1));
    }
    assert!(service.registrations.load(Ordering::SeqCst) <= 5);
}
