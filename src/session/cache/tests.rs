//! The cache session against a service and a clock that the test holds in its hands.
//!
//! Tokio's own time stands still except where a test lets it run; the clocks of the session are set by hand.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;
use crate::error::ErrorKind;
use crate::error::ServiceMessage;
use crate::session::single_flight::lock;
use crate::session::source::Register;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Clocks that stand still until they are set.
#[derive(Clone)]
struct Clocks(Arc<Mutex<Moment>>);

impl Clocks {
    fn pass(&self, time: Duration) {
        let mut now = lock(&self.0);
        *now = now.after(time);
    }

    fn set_wall(&self, change: impl FnOnce(Duration) -> Duration) {
        let mut now = lock(&self.0);
        now.wall = change(now.wall);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *lock(&self.0)
    }
}

/// A service that answers as it was told, or else with a session of 30 days, and only while its gate is open.
struct Service {
    clocks: Clocks,
    answers: Mutex<VecDeque<Result<Session, Error>>>,
    gate: Semaphore,
    asked: AtomicUsize,
    given_up: AtomicUsize,
}

impl Service {
    fn will(&self, answers: impl IntoIterator<Item = Result<Session, Error>>) {
        lock(&self.answers).extend(answers);
    }

    fn shut(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Counts registrations that were dropped before they ended.
struct Unfinished<'a>(&'a AtomicUsize);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let sent = self.clocks.now();
        let unfinished = Unfinished(&self.given_up);
        let _permit = self.gate.acquire().await;
        std::mem::forget(unfinished);
        let told = lock(&self.answers).pop_front();
        told.unwrap_or_else(|| Ok(Session::of(&format!("token-{number}"), LIFE, sent)))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

fn failure(status: u16) -> Result<Session, Error> {
    Err(Error::service(StatusCode::from_u16(status).unwrap(), ServiceMessage::default(), None))
}

struct Fixture {
    cache: Arc<SessionCache<Service, Clocks>>,
    service: Arc<Service>,
    clocks: Clocks,
}

fn fixture() -> Fixture {
    let start = Moment { monotonic: DAY, wall: DAY * 20_000 };
    let clocks = Clocks(Arc::new(Mutex::new(start)));
    let service = Arc::new(Service {
        clocks: clocks.clone(),
        answers: Mutex::default(),
        gate: Semaphore::new(1_000_000),
        asked: AtomicUsize::new(0),
        given_up: AtomicUsize::new(0),
    });
    let cache = Arc::new(SessionCache::new(Arc::clone(&service), "crawler-1", clocks.clone()));
    Fixture { cache, service, clocks }
}

impl Fixture {
    async fn token(&self) -> Result<String, Error> {
        self.cache.access_token().await.map(|token| token.expose_secret().to_owned())
    }

    /// Lets the registration under way end.
    async fn settle(&self) {
        self.cache.0.wait_idle().await;
    }

    /// Starts `count` callers, and returns once all of them wait.
    async fn herd(&self, count: usize) -> JoinSet<LoadResult> {
        let mut herd = JoinSet::new();
        for _ in 0..count {
            let cache = Arc::clone(&self.cache);
            herd.spawn(async move { cache.session().await });
        }
        // Each turn of the one thread lets every caller run until it waits.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        herd
    }
}

mod schedule;
mod tasks;

#[tokio::test(start_paused = true)]
async fn miss_registers_and_hit_does_not() {
    let fixture = fixture();
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    let first = fixture.cache.session().await.unwrap();
    assert!(Arc::ptr_eq(&first, &fixture.cache.session().await.unwrap()));
    assert_eq!(fixture.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_registration() {
    let fixture = fixture();
    fixture.service.shut();
    let herd = fixture.herd(10_000).await;
    fixture.service.open();
    let sessions = herd.join_all().await;
    assert!(
        sessions.iter().all(|session| session.as_ref().unwrap().access_token().expose_secret() == "token-1")
    );
    assert_eq!(fixture.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_a_failure_and_a_later_caller_retries() {
    let fixture = fixture();
    fixture.service.shut();
    fixture.service.will([failure(403)]);
    let herd = fixture.herd(100).await;
    fixture.service.open();
    let errors = herd.join_all().await;
    assert!(errors.iter().all(|outcome| outcome.as_ref().unwrap_err().status().map(u16::from) == Some(403)));
    assert_eq!(fixture.token().await.unwrap_err().status().map(u16::from), Some(403));
    assert_eq!(fixture.service.asked(), 1);
    fixture.clocks.pass(Duration::from_secs(160));
    assert_eq!(fixture.token().await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_waiter_does_not_affect_the_others() {
    let fixture = fixture();
    fixture.service.shut();
    let herd = fixture.herd(2).await;
    drop(fixture.herd(10).await);
    fixture.service.open();
    assert!(herd.join_all().await.iter().all(Result::is_ok));
    assert_eq!(fixture.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn cancelling_the_first_caller_does_not_cancel_the_registration() {
    let fixture = fixture();
    fixture.service.shut();
    drop(fixture.herd(1).await);
    fixture.service.open();
    fixture.settle().await;
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    assert_eq!((fixture.service.asked(), fixture.service.given_up.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn recovers_after_failure() {
    let fixture = fixture();
    fixture.service.will([failure(500)]);
    assert_eq!(fixture.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    fixture.clocks.pass(Duration::from_secs(2));
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    assert_eq!(fixture.token().await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn invalidate_drops_the_cached_token_and_no_other() {
    let fixture = fixture();
    let first = fixture.cache.access_token().await.unwrap();
    fixture.cache.invalidate(&AccessToken::from("another".to_owned()));
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    fixture.cache.invalidate(&first);
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    fixture.cache.invalidate(&first);
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}
