//! A registration: its attempts, and what is logged about its response.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::StatusCode;
use progenitor_client::ClientInfo;

use crate::api::types::RegisterBotSession;
use crate::api::{Client, SchemaMismatch};
use crate::client::RetryPolicy;
use crate::client::failure;
use crate::client::metrics::count;
use crate::client::retry::{self, Deadline};
use crate::error::Error;
use crate::session::clock::{Clock, SystemClock};
use crate::session::source::Register;
use crate::session::{Clocks, Session};

/// At most this many mismatches are written to one line of the log.
const LOGGED_AT_ONCE: usize = 10;

/// At most this many mismatches are remembered. Field names come from the service, so their number is not limited.
const REMEMBERED: usize = 1_000;

/// What a registration needs. The task of a registration can outlive the call that started it.
#[derive(Debug)]
pub(crate) struct Registrar {
    api: Client,
    request: RegisterBotSession,
    timeout: Duration,
    policy: RetryPolicy,
    /// The registrations that were sent, and the retries among them.
    sent: AtomicU64,
    retries: AtomicU64,
    /// Mismatches that were logged as warnings.
    logged: Mutex<HashSet<String>>,
}

impl Registrar {
    pub(crate) fn new(
        api: Client,
        request: RegisterBotSession,
        timeout: Duration,
        policy: RetryPolicy,
    ) -> Self {
        let (sent, retries, logged) = Default::default();
        Self { api, request, timeout, policy, sent, retries, logged }
    }

    pub(crate) fn api(&self) -> &Client {
        &self.api
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn device_id(&self) -> &str {
        &self.request.device_id
    }

    /// The registrations that were sent, and the retries among them.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed))
    }

    async fn attempt(&self, deadline: Deadline) -> Result<Session, Error> {
        let before = SystemClock.now();
        let api = self.api.until(deadline.at);
        let sent = api.register_bot_session().body(self.request.clone()).send().await;
        let response =
            sent.map_err(|error| failure::classify(error, deadline.limit, &api.inner().secrets(&[])))?;
        let service = failure::service_time(response.headers()).map(DateTime::from);
        let clocks = Clocks { local: Utc::now(), service };
        Session::new(response.into_inner(), clocks, before)
            .map_err(|reason| Error::invalid_response(StatusCode::OK, reason))
    }

    /// Logs where a response does not match the contract: at `WARN` if a mismatch is new, at `DEBUG` otherwise.
    fn log(&self, mismatches: &[SchemaMismatch]) {
        if mismatches.is_empty() {
            return;
        }
        let shown: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
        let new: Vec<_> = {
            let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
            let mut is_new = |line: &&String| logged.len() < REMEMBERED && logged.insert((*line).clone());
            shown.iter().filter(|line| is_new(line)).map(String::as_str).collect()
        };
        let join = |lines: &[&str]| lines.iter().take(LOGGED_AT_ONCE).copied().collect::<Vec<_>>().join("; ");
        if !new.is_empty() {
            tracing::warn!(count = new.len(), first = join(&new), "the response does not match the contract");
        } else {
            tracing::debug!(count = shown.len(), "the response does not match the contract, as before");
        }
    }
}

impl Register for Registrar {
    async fn register(&self) -> Result<Session, Error> {
        let mut is_retry = false;
        let attempt = |deadline| {
            count(&self.sent);
            if std::mem::replace(&mut is_retry, true) {
                count(&self.retries);
            }
            self.attempt(deadline)
        };
        let session = retry::run(&self.policy, self.timeout, attempt).await?;
        self.log(session.schema_mismatches());
        Ok(session)
    }

    fn max_duration(&self) -> Duration {
        self.timeout
    }
}
