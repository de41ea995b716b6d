//! SharedSource through a store that the test holds in its hands, in time that stands still until somebody waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::in_memory::{Clocks, DAY, HOUR, Shared, handle, key};
use super::*;
use crate::config::{AccessToken, ApiKey};
use crate::error::{ErrorKind, ServiceMessage};
use crate::session::cache::SessionCache;

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
    Err(Error::service(503, ServiceMessage::default(), None))
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
        self.source.faults()
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

mod panics;

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
async fn a_new_process_uses_a_stale_session_during_an_outage() {
    let fixture = Fixture::new();
    let first = fixture.process();
    token(&first).await.unwrap();
    sleep(LIFE.mul_f64(0.9)).await;
    fixture.will([outage(), outage()]);
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
    // Who has it already has to know that the renewal failed.
    assert_eq!(token(&first).await.unwrap_err().status(), Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_expires_during_a_failed_registration_is_not_used() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    // So short before its end that the registration outlasts it.
    sleep(LIFE - Duration::from_secs(30) - fixture.service.takes - fixture.service.takes / 2).await;
    fixture.will([outage()]);
    assert_eq!(token(&fixture.process()).await.unwrap_err().status(), Some(503));
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
async fn a_failed_registration_serves_all_processes_until_its_pause_is_over() {
    let fixture = Fixture::new();
    fixture.will([outage()]);
    let processes: Vec<_> = (0..10).map(|_| Arc::new(fixture.process())).collect();
    let mut all = JoinSet::new();
    for process in &processes {
        let process = Arc::clone(process);
        all.spawn(async move { token(&process).await });
    }
    for outcome in all.join_all().await {
        assert_eq!(outcome.unwrap_err().status(), Some(503));
    }
    let late = token(&fixture.process()).await.unwrap_err();
    assert_eq!((late.status(), late.is_transient()), (Some(503), true));
    assert_eq!(fixture.service.asked(), 1);
    sleep(late.retry_after().unwrap() + Duration::from_millis(10)).await;
    for process in &processes {
        assert_eq!(token(process).await.unwrap(), "token-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_after_the_pause_of_a_failure_continues_the_back_off() {
    let fixture = Fixture::new();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        fixture.will([outage()]);
        let pause = token(&fixture.process()).await.unwrap_err().retry_after();
        // The service's error has none, and the next process learns of the pause.
        let pause = match pause {
            Some(pause) => pause,
            None => token(&fixture.process()).await.unwrap_err().retry_after().unwrap(),
        };
        pauses.push(pause.as_secs());
        sleep(pause + Duration::from_millis(10)).await;
    }
    assert_eq!(fixture.service.asked(), 8);
    assert!((60..=75).contains(&pauses[7]), "{pauses:?}");
    // A success ends it.
    token(&fixture.process()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_does_not_wait_for_the_pause_of_another_process_s_failed_refresh() {
    for (requested, registers) in [(None, true), (Some(Duration::from_secs(20)), false)] {
        let fixture = Fixture::new();
        let (one, other) = (fixture.process(), fixture.process());
        token(&one).await.unwrap();
        token(&other).await.unwrap();
        sleep(LIFE.mul_f64(0.81)).await;
        fixture.will([Err(Error::service(503, ServiceMessage::default(), requested))]);
        token(&one).await.unwrap_err();
        let wait = token(&other).await.unwrap_err().retry_after().unwrap();
        assert!(wait > Duration::from_secs(29), "{wait:?}");
        other.revoke(&"token-1".to_owned().into());
        sleep(Duration::from_secs(2)).await;
        let outcome = token(&other).await;
        assert_eq!(outcome.is_ok(), registers, "Retry-After {requested:?}: {outcome:?}");
        sleep(Duration::from_secs(20)).await;
        assert_eq!(token(&other).await.unwrap(), "token-3");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_lease_of_a_dead_process() {
    let fixture = Fixture::new();
    let dead = Arc::new(fixture.process());
    let dies = tokio::spawn({
        let process = Arc::clone(&dead);
        async move { token(&process).await }
    });
    tokio::task::yield_now().await;
    dies.abort();
    let before = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..10 {
        let process = fixture.process();
        all.spawn(async move { token(&process).await.unwrap() });
    }
    assert!(all.join_all().await.iter().all(|token| token == "token-2"));
    assert!(
        before.elapsed() < dead.source.lease_limit() + POLL_MAX * 2 + fixture.service.takes,
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_never_ends_keeps_nobody_from_registering() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.lease = Some((Instant::now() + DAY * 365, 0)));
    let process = fixture.process();
    let before = Instant::now();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert!(before.elapsed() < process.max_duration(), "{:?}", before.elapsed());
    assert_eq!(process.faults().count, 1);
    let fault = process.faults().last.unwrap();
    assert_eq!(fault.kind(), ErrorKind::Store);
    assert!(fault.to_string().contains("another process has had the lease"), "{fault}");
    // And what it got is there for the others.
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_process_registers_for_itself_and_shares_again_afterwards() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.down = true);
    let process = fixture.process();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert_eq!(process.faults().count, 2);
    fixture.store.0.with(|content| content.down = false);
    assert_eq!(token(&process).await.unwrap(), "token-2");
    assert_eq!(process.faults().count, 2);
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_two_seconds_an_operation() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.hangs = true);
    let process = fixture.process();
    let before = Instant::now();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert_eq!(before.elapsed(), operation::LIMIT * 2 + fixture.service.takes);
    assert!(process.faults().last.unwrap().to_string().contains("within 2s"));
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
async fn an_unusable_stored_session_is_ignored_and_reported() {
    for (stored, reason) in [
        (&b""[..], "it is damaged"),
        (b"{\"version\":2}", "it is damaged"),
        (b"\xff\x00rubbish", "it is damaged"),
        (b"{\"version\":1,\"anything\":\"else\"}", "it has format 1"),
        (b"social-plus-bot sealed 1\n1234", "it is sealed"),
    ] {
        let fixture = Fixture::new();
        let stored = StoredSession::from(stored.to_vec());
        fixture.store.0.with(|content| content.sessions.insert(key().fingerprint().to_owned(), stored));
        let process = fixture.process();
        assert_eq!(token(&process).await.unwrap(), "token-1");
        let fault = process.faults().last.unwrap().to_string();
        assert!(fault.contains(reason), "{fault}");
        assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
        assert_eq!(fixture.service.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_another_device_is_not_taken() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    let other = StoreKey::new("https://a.example", "crawler-2", &ApiKey::try_from("b0e8a2c4d6f8").unwrap());
    fixture.store.0.with(|content| {
        let stored = content.sessions[key().fingerprint()].clone();
        content.sessions.insert(other.fingerprint().to_owned(), stored);
    });
    let mut handle = handle(&fixture.store).unwrap();
    handle.key = other;
    let process = fixture.process_of(Some(handle), fixture.clocks);
    assert_eq!(token(&process).await.unwrap(), "token-2");
    assert!(process.faults().last.unwrap().to_string().contains("for another address, device or key"));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_says_is_left_counts() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    fixture.store.0.with(|content| {
        let stored = content.sessions.get_mut(key().fingerprint()).unwrap();
        *stored = stored.clone().expiring_in(LIFE - DAY * 3);
    });
    sleep(DAY).await;
    let session = fixture.process().register().await.unwrap();
    assert_eq!(session.age(fixture.clocks.now()), DAY * 3);
}

#[tokio::test(start_paused = true)]
async fn a_cached_session_is_replaced_by_one_that_another_process_refreshed() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.cache(&fixture.process()), fixture.cache(&fixture.process()));
    for living in [&one, &other] {
        assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-1");
    }
    sleep(LIFE.mul_f64(0.81)).await;
    for living in [&one, &other] {
        // The present one goes on while the new one is fetched in the background.
        assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-1");
        sleep(HOUR).await;
        assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-2");
    }
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_of_another_process_is_checked_again_soon() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    sleep(LIFE.mul_f64(0.9)).await;
    fixture.will([outage()]);
    let living = fixture.cache(&fixture.process());
    assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-1");
    sleep(Duration::from_secs(31)).await;
    assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-1");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(living.access_token().await.unwrap().expose_secret(), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_session_from_the_future_is_not_used() {
    for (ahead, used) in [(Duration::from_secs(60), true), (HOUR, false), (DAY * 40, false)] {
        let fixture = Fixture::new();
        token(&fixture.process()).await.unwrap();
        // As another machine's clock would have had it.
        fixture.store.0.with(|content| {
            let stored = content.sessions.get_mut(key().fingerprint()).unwrap();
            let mut record: serde_json::Value = serde_json::from_slice(stored.expose_secret()).unwrap();
            let received = record["newest"]["received_ms"].as_u64().unwrap() + ahead.as_millis() as u64;
            record["newest"]["received_ms"] = received.into();
            *stored = record.to_string().into_bytes().into();
        });
        let process = fixture.process();
        let expected = if used { "token-1" } else { "token-2" };
        assert_eq!(token(&process).await.unwrap(), expected, "{ahead:?}");
        if !used {
            let fault = process.faults().last.unwrap().to_string();
            assert!(fault.contains("in the future; check this machine's clock"), "{fault}");
        }
        // Once replaced, it is shared again.
        assert_eq!(token(&fixture.process()).await.unwrap(), expected, "{ahead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_counts_the_time_overrules_a_wrong_clock() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    fixture.store.0.with(|content| {
        let stored = content.sessions.get_mut(key().fingerprint()).unwrap();
        *stored = stored.clone().expiring_in(LIFE);
    });
    let process = fixture.process_with(fixture.clocks.ahead(DAY * 25));
    let session = process.register().await.unwrap();
    assert_eq!(session.access_token().expose_secret(), "token-1");
    assert_eq!(fixture.service.asked(), 1);
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
        let (living, service) = (fixture.cache(&fixture.process()), Arc::clone(&fixture.service));
        all.spawn(async move {
            let mut given = 0;
            while start.elapsed() < SHORT * 10 {
                let token = living.access_token().await.unwrap().expose_secret().to_owned();
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
