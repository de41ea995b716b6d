//! The service, and processes that read from it.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use http::StatusCode;

use super::*;
use crate::client::{RetryPolicy, retry};
use crate::error::{ErrorKind, ServiceMessage};
use crate::session::cache::SessionCache;
use crate::session::clock::Moment;
use crate::store::in_memory::{Clocks, Shared};

/// What a registration does to the device's older tokens. The service's documentation can be read in both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Ends,
    Keeps,
}

pub(super) const BOTH: [Reading; 2] = [Reading::Ends, Reading::Keeps];

/// What is wrong with the service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    None,
    /// It answers with 503.
    Down,
    /// It answers registrations with 429 and asks to come back later.
    Busy(Duration),
    /// It registers, and refuses the tokens.
    RefusesTokens,
    /// It refuses the tokens and the registrations.
    RefusesAll,
    /// It registers, and the answers are lost.
    LosesAnswers,
}

pub(super) struct Service {
    reading: Reading,
    life: Duration,
    clocks: Clocks,
    start: Instant,
    state: Mutex<State>,
}

struct State {
    trouble: Trouble,
    /// When each token ends, by its number.
    ends: Vec<Instant>,
    /// So many tokens were revoked by an admin.
    revoked: usize,
    attempts: Vec<Attempt>,
    /// So many processes sleep after their registration, and for how long.
    naps: (usize, Duration),
}

/// A registration that came to the service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) at: Duration,
    pub(super) process: usize,
    /// Whether it issued a token.
    pub(super) registered: bool,
}

impl Service {
    pub(super) fn new(reading: Reading, life: Duration, clocks: Clocks) -> Self {
        let state = State {
            trouble: Trouble::None,
            ends: Vec::new(),
            revoked: 0,
            attempts: Vec::new(),
            naps: (0, Duration::ZERO),
        };
        Self { reading, life, clocks, start: Instant::now(), state: Mutex::new(state) }
    }

    pub(super) fn set(&self, trouble: Trouble) {
        lock(&self.state).trouble = trouble;
    }

    /// Lets the processes that register next sleep before they see the answer.
    pub(super) fn send_to_sleep(&self, processes: usize, nap: Duration) {
        lock(&self.state).naps = (processes, nap);
    }

    async fn nap(&self) {
        let nap = {
            let (processes, nap) = &mut lock(&self.state).naps;
            processes.checked_sub(1).map(|left| {
                *processes = left;
                *nap
            })
        };
        sleep(nap.unwrap_or_default()).await;
    }

    /// Ends all tokens there are.
    pub(super) fn revoke(&self) {
        let mut state = lock(&self.state);
        state.revoked = state.ends.len();
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.state).attempts.clone()
    }

    /// Half of the time passes on the way to the service and half of it on the way back.
    async fn travel(&self) {
        sleep(Duration::from_millis(fastrand::u64(20..150))).await;
    }

    async fn attempt(&self, process: usize) -> Result<Session, Error> {
        let sent = self.clocks.now();
        self.travel().await;
        let answer = self.answer(process, sent);
        if answer.is_none() {
            // The request's timeout ends this.
            std::future::pending::<()>().await;
        }
        self.travel().await;
        answer.unwrap_or_else(|| Err(Error::registration_lost()))
    }

    /// The answer to a registration, unless it is lost.
    fn answer(&self, process: usize, sent: Moment) -> Option<Result<Session, Error>> {
        let mut state = lock(&self.state);
        let (failed, is_lost) = match state.trouble {
            Trouble::Down => (Some(failed(503, None)), false),
            Trouble::Busy(wait) => (Some(failed(429, Some(wait))), false),
            Trouble::RefusesAll => (Some(failed(403, None)), false),
            Trouble::LosesAnswers => (None, true),
            Trouble::None | Trouble::RefusesTokens => (None, false),
        };
        let at = self.start.elapsed();
        state.attempts.push(Attempt { at, process, registered: failed.is_none() });
        if let Some(failed) = failed {
            return Some(Err(failed));
        }
        let number = state.ends.len();
        state.ends.push(Instant::now() + self.life);
        // Dates have milliseconds.
        let issued_at = i64::try_from(self.clocks.now().wall.as_millis()).unwrap();
        let issued_at = DateTime::<Utc>::from_timestamp_millis(issued_at).unwrap();
        (!is_lost).then(|| Ok(Session::issued(&format!("token-{number}"), issued_at, self.life, sent)))
    }

    /// Whether the service accepts the token of a read.
    async fn read(&self, token: &AccessToken) -> bool {
        self.travel().await;
        let accepted = self.accepts(token);
        self.travel().await;
        accepted
    }

    fn accepts(&self, token: &AccessToken) -> bool {
        let number: usize = token.expose_secret().trim_start_matches("token-").parse().unwrap();
        let state = lock(&self.state);
        let is_ended = match (number + 1).cmp(&state.ends.len()) {
            Ordering::Less => self.reading == Reading::Ends,
            Ordering::Equal | Ordering::Greater => false,
        };
        let is_banned = matches!(state.trouble, Trouble::RefusesTokens | Trouble::RefusesAll);
        !is_ended && !is_banned && number >= state.revoked && state.ends[number] > Instant::now()
    }
}

fn failed(status: u16, retry_after: Option<Duration>) -> Error {
    Error::service(StatusCode::from_u16(status).unwrap(), ServiceMessage::default(), retry_after)
}

/// The client's timeout of a registration.
const LIMIT: Duration = Duration::from_secs(30);

/// A process's way to the service.
pub(super) struct Registrar {
    pub(super) service: Arc<Service>,
    pub(super) process: usize,
}

impl Register for Registrar {
    async fn register(&self) -> Result<Session, Error> {
        let outcome =
            retry::run(&RetryPolicy::default(), LIMIT, |_| self.service.attempt(self.process)).await;
        self.service.nap().await;
        outcome
    }

    fn max_duration(&self) -> Duration {
        LIMIT
    }
}

/// What came of a read.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// With this token, after so many that were refused.
    Read {
        token: AccessToken,
        refused: usize,
    },
    /// The service refused the tokens of both attempts, and it is not known why.
    Refused,
    Failed(Error),
}

impl Outcome {
    pub(super) fn succeeded(&self) -> bool {
        matches!(self, Self::Read { .. })
    }

    pub(super) fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Read { .. } => None,
            Self::Refused => Some(ErrorKind::Rejected),
            Self::Failed(error) => Some(error.kind()),
        }
    }
}

/// A process that has a client.
pub(super) struct Process {
    cache: SessionCache<SharedSource<Registrar>, Clocks>,
    registrar: Arc<Registrar>,
    /// The tokens that were refused.
    refused: Mutex<Vec<AccessToken>>,
}

/// What a process is started with.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    pub(super) store: Option<Shared>,
    /// The first byte of the sealing key.
    pub(super) seal: Option<u8>,
    pub(super) outage: StoreOutage,
}

impl Process {
    pub(super) fn start(service: &Arc<Service>, process: usize, setup: &Setup) -> Self {
        let registrar = Arc::new(Registrar { service: Arc::clone(service), process });
        let handle = setup.store.as_ref().and_then(|store| in_memory::sealed(store, setup.seal));
        let source = SharedSource::new(Arc::clone(&registrar), handle, setup.outage);
        let cache = SessionCache::new(Arc::new(source), "crawler-1", service.clocks);
        Self { cache, registrar, refused: Mutex::default() }
    }

    /// Reads once, as the client's `send` does.
    pub(super) async fn read(&self) -> Outcome {
        for refused in 0..2 {
            let token = match self.cache.access_token().await {
                Ok(token) => token,
                Err(error) => return Outcome::Failed(error),
            };
            assert!(
                !lock(&self.refused).contains(&token),
                "{} came back after it was refused",
                token.expose_secret()
            );
            if self.registrar.service.read(&token).await {
                self.cache.accepted(&token);
                return Outcome::Read { token, refused };
            }
            self.cache.invalidate(&token);
            lock(&self.refused).push(token);
        }
        self.cache.refused_again(true).map_or(Outcome::Refused, Outcome::Failed)
    }
}
