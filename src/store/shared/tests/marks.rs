//! What is stored of refused tokens and failed registrations, and what processes make of it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;

use super::super::*;
use crate::error::ServiceMessage;
use crate::session::cache::SessionCache;
use crate::store::in_memory::{Clocks, HOUR, Shared, handle, key};

const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A service that answers as it was told, or else with a session.
pub(super) struct Service {
    clocks: Clocks,
    pub(super) answers: Mutex<VecDeque<Error>>,
    registrations: AtomicUsize,
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let number = self.registrations.fetch_add(1, Ordering::SeqCst) + 1;
        let sent = self.clocks.now();
        sleep(Duration::from_millis(300)).await;
        let told = self.answers.lock().unwrap().pop_front();
        told.map_or_else(|| Ok(Session::of(&format!("token-{number}"), LIFE, sent)), Err)
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

pub(super) type Cache = SessionCache<SharedSource<Service>, Clocks>;

pub(super) struct Fixture {
    pub(super) service: Arc<Service>,
    pub(super) store: Shared,
    pub(super) clocks: Clocks,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let clocks = Clocks::start();
        let service = Service { clocks, answers: Mutex::default(), registrations: AtomicUsize::new(0) };
        Self { service: Arc::new(service), store: Shared::default(), clocks }
    }

    pub(super) fn process(&self) -> Cache {
        self.process_with(StoreOutage::Fail)
    }

    fn process_with(&self, outage: StoreOutage) -> Cache {
        let source = SharedSource::new(Arc::clone(&self.service), handle(&self.store), outage);
        SessionCache::new(Arc::new(source), "crawler-1", self.clocks)
    }

    pub(super) fn registrations(&self) -> usize {
        self.service.registrations.load(Ordering::SeqCst)
    }

    pub(super) fn will(&self, error: Error) {
        self.service.answers.lock().unwrap().push_back(error);
    }

    /// Changes what is stored.
    pub(super) fn alter(&self, change: impl FnOnce(&mut serde_json::Value)) {
        self.store.0.with(|content| {
            let stored = content.records.get_mut(key().fingerprint()).unwrap();
            let mut record = serde_json::from_slice(stored.expose_secret()).unwrap();
            change(&mut record);
            *stored = record.to_string().into_bytes().into();
        });
    }
}

pub(super) async fn token(process: &Cache) -> Result<String, Error> {
    process.access_token().await.map(|token| token.expose_secret().to_owned())
}

pub(super) fn unavailable(retry_after: Option<Duration>) -> Error {
    Error::service(StatusCode::SERVICE_UNAVAILABLE, ServiceMessage::default(), retry_after)
}

#[tokio::test(start_paused = true)]
async fn a_stored_refusal_with_a_date_far_ahead_does_not_refuse_what_is_registered_after_it() {
    for date in ["9999-12-31T23:59:59.999999999Z", "+262142-12-31T23:59:59.999999999Z"] {
        let fixture = Fixture::new();
        token(&fixture.process()).await.unwrap();
        fixture.alter(|record| {
            record["newest"]["order"] = date.into();
            record["session"] = serde_json::Value::Null;
        });
        let (one, other) = (fixture.process(), fixture.process());
        for process in [&one, &other] {
            assert_eq!(token(process).await.unwrap(), "token-2", "{date}");
        }
        assert_eq!(fixture.registrations(), 2, "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_holds_a_token_learns_that_another_saw_it_refused() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    for process in [&one, &other] {
        assert_eq!(token(process).await.unwrap(), "token-1");
    }
    sleep(HOUR).await;
    one.invalidate(&"token-1".to_owned().into());
    fixture.will(unavailable(Some(HOUR)));
    assert!(token(&one).await.is_err());
    // Until there is another one it goes on with what it has.
    for _ in 0..50 {
        assert_eq!(token(&other).await.unwrap(), "token-1");
        sleep(Duration::from_secs(61)).await;
    }
    sleep(HOUR).await;
    token(&other).await.unwrap();
    sleep(Duration::from_secs(61)).await;
    assert_eq!(token(&other).await.unwrap(), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_stored_refusal_of_an_older_token_does_not_pace_a_process_with_a_newer_one() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    let old = fixture.store.0.with(|content| content.records[key().fingerprint()].clone());
    let process = fixture.process();
    process.refresh().await.unwrap();
    assert_eq!(token(&process).await.unwrap(), "token-2");
    // Its session was not stored, and the older one was refused after some others.
    fixture.store.0.with(|content| content.records.insert(key().fingerprint().to_owned(), old));
    fixture.alter(|record| {
        record["newest"]["replaced"] = u32::MAX.into();
        record["session"] = serde_json::Value::Null;
    });
    sleep(Duration::from_secs(61)).await;
    assert_eq!(token(&process).await.unwrap(), "token-2");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(process.refresh().await.unwrap().replaced(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_token_was_refused_elsewhere_finds_the_next_one_while_registrations_are_paused() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    for process in [&one, &other] {
        assert_eq!(token(process).await.unwrap(), "token-1");
    }
    fixture.will(unavailable(Some(HOUR)));
    one.invalidate(&"token-1".to_owned().into());
    token(&one).await.unwrap_err();
    sleep(Duration::from_secs(61)).await;
    assert_eq!(token(&other).await.unwrap(), "token-1");
    sleep(Duration::from_secs(1)).await;
    // A process that did not know of the pause.
    fixture.store.0.with(|content| content.records.clear());
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-3");
    sleep(Duration::from_secs(61)).await;
    token(&other).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(token(&other).await.unwrap(), "token-3");
}
