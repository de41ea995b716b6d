//! The cache against a service that the test holds in its hands, in time that stands still until somebody waits.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{advance, sleep};

use super::fetch::{Fetch, Response, Validators};
use super::reads::Reads;
use super::{Freshness, Page, ReadCache, StaleReason};
use crate::error::{Error, ErrorCode, ErrorKind, ServiceMessage};
use crate::store::in_memory::{Clocks, DAY, HOUR, Shared, sealed};

mod alone;
mod clocks;
mod forgotten;
mod pauses;
mod records;
mod shared;

const MINUTE: Duration = Duration::from_secs(60);

/// A service with one version of all pages, which answers as it was told or else with that.
#[derive(Default)]
pub(super) struct Service {
    version: AtomicUsize,
    reads: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<Error>>,
    /// What is answered to a path in any case.
    broken: Mutex<HashMap<String, Error>>,
    /// How long pages are fresh, by the service's word.
    max_age: Mutex<Duration>,
    /// How long a read takes.
    takes: Mutex<Duration>,
    cancelled: AtomicUsize,
}

impl Service {
    fn set_version(&self, version: usize) {
        self.version.store(version, Ordering::Relaxed);
    }

    fn will_fail(&self, errors: impl IntoIterator<Item = Error>) {
        self.answers.lock().unwrap().extend(errors);
    }

    fn always_fails(&self, path: &str, error: Error) {
        self.broken.lock().unwrap().insert(path.to_owned(), error);
    }

    fn takes(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// The paths that were read.
    fn reads(&self) -> Vec<String> {
        self.reads.lock().unwrap().clone()
    }
}

fn failed(status: u16, code: Option<ErrorCode>, retry_after: Option<Duration>) -> Error {
    Error::service(
        StatusCode::from_u16(status).unwrap(),
        ServiceMessage { code, ..ServiceMessage::default() },
        retry_after,
    )
}

/// Counts a read that is dropped before its end.
struct Running<'a>(Option<&'a Service>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(service) = self.0 {
            service.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) struct Connection(Arc<Service>);

impl Fetch for Connection {
    fn check(&self, path: &str) -> Result<(), Error> {
        if path.contains("token") { Err(Error::invalid_input("path", "has a secret")) } else { Ok(()) }
    }

    fn may_keep(&self, _: &[u8]) -> bool {
        true
    }

    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn fetch(
        &self,
        path: &str,
        _: &Validators,
        _: usize,
        _: impl Future<Output = ()> + Send,
    ) -> Result<Response, Error> {
        self.0.reads.lock().unwrap().push(path.to_owned());
        let body = Bytes::from(format!("{path} {}", self.0.version.load(Ordering::Relaxed)));
        let takes = *self.0.takes.lock().unwrap();
        let mut running = Running(Some(&self.0));
        sleep(takes).await;
        running.0 = None;
        if let Some(error) = self.0.answers.lock().unwrap().pop_front() {
            return Err(error);
        }
        if let Some(error) = self.0.broken.lock().unwrap().get(path) {
            return Err(error.clone());
        }
        let max_age = *self.0.max_age.lock().unwrap();
        Ok(Response {
            body: Some(body),
            age: Duration::ZERO,
            max_age,
            is_storable: true,
            validators: Validators::default(),
        })
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

type Process = Arc<Reads<Connection, Clocks>>;

/// A service, a store, and the processes that share it.
struct Fixture {
    service: Arc<Service>,
    store: Shared,
    clocks: Clocks,
}

impl Fixture {
    /// At noon, so that half of the day's refreshes may be made.
    async fn at_noon() -> Self {
        let fixture = Self { service: Arc::default(), store: Shared::default(), clocks: Clocks::start() };
        advance(DAY / 2).await;
        fixture
    }

    fn process(&self, settings: ReadCache) -> Process {
        self.process_with(settings, self.clocks, None)
    }

    fn process_with(&self, settings: ReadCache, clocks: Clocks, seal: Option<u8>) -> Process {
        let store = sealed(&self.store, seal).map(|handle| (handle, Arc::default()));
        Arc::new(Reads::new(settings, Connection(Arc::clone(&self.service)), clocks, store))
    }

    /// A process without a store.
    fn lonely(&self, settings: ReadCache) -> Process {
        Arc::new(Reads::new(settings, Connection(Arc::clone(&self.service)), self.clocks, None))
    }
}

async fn read(process: &Process, path: &str) -> Result<Page, Error> {
    process.read(path, None).await
}

/// The text of a page.
async fn text(process: &Process, path: &str) -> String {
    String::from_utf8(read(process, path).await.unwrap().bytes().to_vec()).unwrap()
}

/// Lets the tasks in the background end.
async fn settle() {
    sleep(Duration::from_secs(5)).await;
}
