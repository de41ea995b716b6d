//! The service with its pages, by the clock of the simulation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::sleep;

use super::{DAY, Fetch, HOUR, Response, Validators};
use crate::error::{Error, ErrorCode, ServiceMessage};
use crate::session::clock::Clock;
use crate::store::in_memory::Clocks;

/// The number of pages in a list.
pub(super) const LIST: usize = 100;

pub(super) struct Service {
    clocks: Clocks,
    start: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_down: bool,
    reads: BTreeMap<u64, u32>,
}

impl Service {
    pub(super) fn new(clocks: Clocks) -> Arc<Self> {
        Arc::new(Self { clocks, start: clocks.now().wall.as_secs(), state: Mutex::default() })
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    /// The seconds since the start.
    pub(super) fn now(&self) -> u64 {
        self.clocks.now().wall.as_secs() - self.start
    }

    /// The reads that came, by UTC day.
    pub(super) fn reads(&self) -> Vec<u32> {
        self.state.lock().unwrap().reads.values().copied().collect()
    }

    /// How often a page has changed: each one changes once in 6 hours to 3 days.
    pub(super) fn version(&self, page: usize, at: u64) -> u64 {
        let mixed = (page as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let period = 6 * HOUR + mixed % (66 * HOUR);
        (at + mixed % period) / period
    }

    pub(super) fn body(&self, page: usize) -> String {
        format!("{{\"page\":{page},\"version\":{}}}", self.version(page, self.now()))
    }

    fn read(&self, path: &str) -> Result<String, Error> {
        let mut state = self.state.lock().unwrap();
        let reads = state.reads.entry(self.clocks.now().wall.as_secs() / DAY).or_default();
        *reads += 1;
        if *reads > 100 {
            let message =
                ServiceMessage { code: Some(ErrorCode::DAILY_QUOTA_EXCEEDED), ..Default::default() };
            return Err(Error::service(
                StatusCode::TOO_MANY_REQUESTS,
                message,
                Some(Duration::from_secs(300)),
            ));
        }
        if state.is_down {
            return Err(Error::service(StatusCode::SERVICE_UNAVAILABLE, ServiceMessage::default(), None));
        }
        drop(state);
        let number = |prefix| path.strip_prefix(prefix).map(|number: &str| number.parse::<usize>().unwrap());
        match (number("/list/"), number("/page/")) {
            (Some(list), _) => {
                Ok((list * LIST..(list + 1) * LIST).map(|page| self.body(page) + "\n").collect())
            }
            (_, Some(page)) => Ok(self.body(page)),
            _ => Err(Error::service(StatusCode::NOT_FOUND, ServiceMessage::default(), None)),
        }
    }
}

pub(super) struct Connection(pub(super) Arc<Service>);

impl Fetch for Connection {
    fn check(&self, _: &str) -> Result<(), Error> {
        Ok(())
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
        let read = self.0.read(path);
        sleep(Duration::from_millis(fastrand::u64(20..300))).await;
        Ok(Response {
            body: Some(Bytes::from(read?)),
            age: Duration::ZERO,
            max_age: Duration::ZERO,
            is_storable: true,
            validators: Validators::default(),
        })
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}
