//! SharedSource through a store that the test holds in its hands, in time that stands still until somebody waits.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tokio::task::JoinSet;

use super::*;
use crate::config::{AccessToken, ApiKey};
use crate::error::{ErrorKind, ServiceMessage};
use crate::session::cache::SessionCache;
use crate::store::StoreFaults;
use crate::store::in_memory::{Clocks, DAY, HOUR, Shared, handle, key};

const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A service that takes its time, and answers as it was told or else with a session.
struct Service {
    answers: Mutex<VecDeque<Result<Session, Error>>>,
    takes: Duration,
    asked: AtomicUsize,
    ttl: Mutex<Duration>,
    clocks: Clocks,
    /// When each request came.
    came: Mutex<Vec<Instant>>,
}

impl Service {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn set_life(&self, ttl: Duration) {
        *self.ttl.lock().unwrap() = ttl;
    }

    /// When the request came that brought this token.
    fn issued(&self, token: &str) -> Instant {
        let number: usize = token.trim_start_matches("token-").parse().unwrap();
        self.came.lock().unwrap()[number - 1]
    }
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.came.lock().unwrap().push(Instant::now());
        let sent = self.clocks.now();
        sleep(self.takes).await;
        let told = self.answers.lock().unwrap().pop_front();
        let ttl = *self.ttl.lock().unwrap();
        told.unwrap_or_else(|| Ok(Session::of(&format!("token-{number}"), ttl, sent)))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

fn outage() -> Result<Session, Error> {
    Err(Error::service(StatusCode::SERVICE_UNAVAILABLE, ServiceMessage::default(), None))
}

/// One service and one store for any number of processes.
struct Fixture {
    service: Arc<Service>,
    store: Shared,
    clocks: Clocks,
}

/// A process as its cache uses the source, one call at a time.
struct Process {
    source: Arc<SharedSource<Service>>,
    gate: Gate,
    clocks: Clocks,
    present: Mutex<Option<Arc<Session>>>,
}

impl Process {
    async fn load(&self, need: Need) -> Result<Arc<Session>, Error> {
        let session = match self.source.load(&need, &self.gate, &self.clocks).await? {
            Some(session) => Arc::new(session),
            None => self.present.lock().unwrap().clone().unwrap(),
        };
        *self.present.lock().unwrap() = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Needs a session: a new one if it has one already.
    async fn register(&self) -> Result<Arc<Session>, Error> {
        let present = self.present.lock().unwrap().clone();
        let present = present.filter(|session| session.is_usable(self.clocks.now()));
        self.load(present.map_or(Need::Valid, Need::Refresh)).await
    }

    fn revoke(&self, token: &AccessToken) {
        let mut present = self.present.lock().unwrap();
        if let Some(refused) = present.take_if(|session| session.access_token() == token) {
            let now = self.clocks.now();
            self.gate.refuse(token, Refusal::of(&refused, true, now), now);
        }
    }

    fn faults(&self) -> StoreFaults {
        self.source.faults().get()
    }

    fn max_duration(&self) -> Duration {
        self.source.max_duration()
    }
}

impl Fixture {
    fn new() -> Self {
        let clocks = Clocks::start();
        let service = Service {
            clocks,
            answers: Mutex::default(),
            takes: Duration::from_millis(300),
            asked: AtomicUsize::new(0),
            ttl: Mutex::new(LIFE),
            came: Mutex::default(),
        };
        Self { service: Arc::new(service), store: Shared::default(), clocks }
    }

    fn process(&self) -> Process {
        self.process_with(self.clocks)
    }

    /// A process on a machine with other clocks.
    fn process_with(&self, clocks: Clocks) -> Process {
        self.process_of(handle(&self.store), clocks)
    }

    fn process_of(&self, handle: Option<StoreHandle>, clocks: Clocks) -> Process {
        let source = SharedSource::new(Arc::clone(&self.service), handle, StoreOutage::Register);
        Process { source: Arc::new(source), gate: Gate::new("crawler-1"), clocks, present: Mutex::default() }
    }

    fn cache(&self, process: &Process) -> SessionCache<SharedSource<Service>, Clocks> {
        SessionCache::new(Arc::clone(&process.source), "crawler-1", process.clocks)
    }

    fn will(&self, answers: impl IntoIterator<Item = Result<Session, Error>>) {
        self.service.answers.lock().unwrap().extend(answers);
    }
}

async fn token(process: &Process) -> Result<String, Error> {
    Ok(process.register().await?.access_token().expose_secret().to_owned())
}

mod failure_marks;
mod failures;
mod marks;
mod panics;
mod partial_outages;
mod records;

#[tokio::test(start_paused = true)]
async fn processes_that_start_together_register_once() {
    let fixture = Fixture::new();
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let process = fixture.process();
        all.spawn(async move { token(&process).await.unwrap() });
    }
    assert!(all.join_all().await.iter().all(|token| token == "token-1"));
    assert_eq!(fixture.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_later_finds_the_session_with_its_age() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    sleep(DAY).await;
    let session = fixture.process().register().await.unwrap();
    assert_eq!(session.access_token().expose_secret(), "token-1");
    assert_eq!(session.ttl(), LIFE);
    assert_eq!(session.age(fixture.clocks.now()), DAY + fixture.service.takes);
    assert_eq!(fixture.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_is_refreshed_by_one_process_for_all() {
    let fixture = Fixture::new();
    let processes = [(); 5].map(|()| fixture.process());
    for process in &processes {
        assert_eq!(token(process).await.unwrap(), "token-1");
    }
    sleep(LIFE.mul_f64(0.76)).await;
    for process in &processes {
        assert_eq!(token(process).await.unwrap(), "token-2");
    }
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_is_used_while_another_process_refreshes_it() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    sleep(LIFE.mul_f64(0.9)).await;
    let renews = tokio::spawn({
        let process = fixture.process();
        async move { token(&process).await }
    });
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(renews.await.unwrap().unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_an_error() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    sleep(LIFE - Duration::from_secs(29)).await;
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-2");
    let process = fixture.process();
    assert!(process.faults().last.is_none(), "{:?}", process.faults());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_leaves_the_store_and_is_not_taken_again() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    token(&one).await.unwrap();
    token(&other).await.unwrap();
    one.revoke(&"token-1".to_owned().into());
    assert_eq!(token(&one).await.unwrap(), "token-2");
    // The other one learns of it later, and finds what the first one left.
    other.revoke(&"token-1".to_owned().into());
    assert_eq!(token(&other).await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_older_token_that_is_refused_late_does_not_bring_back_the_last_one() {
    let fixture = Fixture::new();
    let process = fixture.process();
    for number in 1..=3 {
        assert_eq!(token(&process).await.unwrap(), format!("token-{number}"));
        sleep(HOUR).await;
        process.revoke(&format!("token-{number}").into());
        process.revoke(&format!("token-{}", number - 1).into());
        sleep(HOUR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cached_session_is_replaced_by_one_that_another_process_refreshed() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.cache(&fixture.process()), fixture.cache(&fixture.process()));
    for cache in [&one, &other] {
        assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-1");
    }
    sleep(LIFE.mul_f64(0.81)).await;
    for cache in [&one, &other] {
        // The present one goes on while the new one is fetched in the background.
        assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-1");
        sleep(HOUR).await;
        assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-2");
    }
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_of_another_process_is_checked_again_soon() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    sleep(LIFE.mul_f64(0.9)).await;
    fixture.will([outage()]);
    let cache = fixture.cache(&fixture.process());
    assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-1");
    sleep(Duration::from_secs(31)).await;
    assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-1");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cache.access_token().await.unwrap().expose_secret(), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_does_not_lengthen_a_token_s_life() {
    const SHORT: Duration = Duration::from_secs(10);
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.takes = Duration::from_millis(1_900));
    fixture.service.set_life(SHORT);
    let start = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..2 {
        let (cache, service) = (fixture.cache(&fixture.process()), Arc::clone(&fixture.service));
        all.spawn(async move {
            let mut given = 0;
            while start.elapsed() < SHORT * 10 {
                let token = cache.access_token().await.unwrap().expose_secret().to_owned();
                // The service counts from when the request came.
                let age = service.issued(&token).elapsed();
                assert!(age < SHORT, "{token} was given out when it was {age:?} old");
                given += 1;
                sleep(Duration::from_millis(50)).await;
            }
            given
        });
    }
    assert!(all.join_all().await.into_iter().sum::<usize>() > 500);
}
