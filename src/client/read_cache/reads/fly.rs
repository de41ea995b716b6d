//! What the task of a flight does: it looks into the store, takes a read from the budget, sends it, and keeps what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::{Flight, Shared};
use crate::client::read_cache::entry::{Content, Entry};
use crate::client::read_cache::fetch::{Fetch, Response, Validators, is_failure, is_not_found};
use crate::client::read_cache::flights::Outcome;
use crate::client::read_cache::ledger::{Claim, Finish, Purpose};
use crate::error::{Error, ErrorCode, ErrorKind};
use crate::session::clock::{Clock, Moment};
use crate::store::{StoreKey, StoredRecord, operation};

/// The pauses between looks for a page that another process reads.
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_secs(1);

/// After so long, another process may read the same, even if the timeout is longer.
const LONGEST_READ: Duration = Duration::from_secs(60 * 60);

/// Without a token, no refresh begins for so long, in seconds.
const TOKEN_PAUSE: u64 = 5;

impl<F: Fetch, C: Clock + Clone> Shared<F, C> {
    /// Looks into the store, and reads if that is not enough.
    pub(super) async fn fly(&self, path: &str, flight: Flight) -> Outcome {
        self.ledger.report().await;
        let kept = self.memory.get(path);
        let is_enough = |entry: &Arc<Entry>| {
            let age = entry.age(self.clock.now());
            match flight {
                Flight::Look => false,
                Flight::Missing => age < entry.lifetime(&self.settings),
                Flight::Refresh(fresh_for) => age < fresh_for,
            }
        };
        let (mut raw, entry) = self.look(path).await;
        if let Some(entry) = entry.filter(is_enough) {
            return Outcome::Entry(entry);
        }
        let purpose = match flight {
            Flight::Look => return Outcome::NotRead,
            Flight::Missing => Purpose::Missing,
            Flight::Refresh(_) => Purpose::Refresh,
        };
        // A refresh that fails says so by what it leaves: the page stays stale.
        let failed = |error| match purpose {
            Purpose::Missing => Outcome::Failed(error),
            Purpose::Refresh => Outcome::NotRead,
        };
        // With a store, the pause may have been ended by another process; the claim knows.
        if self.store.is_none()
            && let Some((_, error)) = self.ledger.pause(self.clock.now())
        {
            return failed(error);
        }
        if let Err(error) = self.fetch.ready().await {
            let now = self.clock.now();
            if error.code() == Some(ErrorCode::DAILY_QUOTA_EXCEEDED) {
                self.ledger.pause_here(&error, now);
            } else {
                self.no_token_until.store(now.monotonic.as_secs() + TOKEN_PAUSE, Ordering::Relaxed);
            }
            return failed(error);
        }
        let key = self.key(path);
        let limit = self.fetch.max_duration().min(LONGEST_READ) + operation::LIMIT * 2;
        let deadline = Instant::now() + limit * 2;
        let mut poll = POLL_MIN;
        loop {
            match self.ledger.claim(&key, purpose, limit).await {
                Claim::Granted => break,
                Claim::Denied(error) => return failed(error),
                Claim::Busy if purpose == Purpose::Refresh => return Outcome::NotRead,
                Claim::Busy => {}
            }
            if Instant::now() >= deadline {
                return failed(Error::read_lost());
            }
            // Another process reads it.
            sleep(poll).await;
            poll = (poll * 2).min(POLL_MAX);
            let (found, entry) = self.look(path).await;
            raw = found;
            if let Some(entry) = entry.filter(is_enough) {
                return Outcome::Entry(entry);
            }
        }
        self.send(path, &key, kept, raw).await.map_or_else(failed, Outcome::Entry)
    }

    /// Sends a read that was granted, and keeps what it returns.
    pub(super) async fn send(
        &self,
        path: &str,
        key: &StoreKey,
        kept: Option<Arc<Entry>>,
        raw: Option<StoredRecord>,
    ) -> Result<Arc<Entry>, Error> {
        let validators = kept.as_ref().map(|entry| entry.validators.clone()).unwrap_or_default();
        let max_bytes = self.settings.max_body_bytes;
        let response = self.fetch.fetch(path, &validators, max_bytes, self.ledger.count()).await;
        let received = self.clock.now();
        let (entry, is_storable) = match response.and_then(|response| understood(response, kept, received)) {
            Ok(understood) => understood,
            Err(error) if is_not_found(&error) => {
                (Entry::new(Content::NotFound(error), Duration::ZERO, received), true)
            }
            Err(error) => {
                if let Some(kept) = self.memory.peek(path) {
                    kept.refresh_failed();
                }
                let is_failure = is_failure(&error);
                let finish = if is_failure { Finish::Failed(error.clone()) } else { Finish::Answered };
                if !is_failure && error.kind() == ErrorKind::Rejected {
                    // It may have become private.
                    self.drop_kept(path, raw).await;
                }
                self.ledger.finish(key, finish).await;
                let pause = self.ledger.pause(received).filter(|_| is_failure);
                return Err(match pause.and_then(|(_, pause)| pause.retry_after()) {
                    Some(wait) => error.retry_in(wait),
                    None => error,
                });
            }
        };
        let entry = Arc::new(entry);
        if is_storable {
            let keep = || self.memory.insert(path.into(), Arc::clone(&entry));
            if self.flights.keep(path, keep) {
                self.store_entry(path, raw, Some(&entry)).await;
            }
        } else {
            // An older one must not be returned in its place.
            self.drop_kept(path, raw).await;
        }
        self.ledger.finish(key, Finish::Answered).await;
        Ok(entry)
    }

    /// Drops what is kept for a path that the service refuses, or does not permit to keep.
    pub(super) async fn drop_kept(&self, path: &str, raw: Option<StoredRecord>) {
        self.flights.keep(path, || drop(self.memory.remove(path)));
        if raw.is_some() {
            self.store_entry(path, raw, None).await;
        }
    }
}

/// The entry of a response, and whether it may be kept.
fn understood(
    response: Response,
    kept: Option<Arc<Entry>>,
    received: Moment,
) -> Result<(Entry, bool), Error> {
    let Response { body, age, max_age, is_storable, validators } = response;
    match (body, kept) {
        (Some(body), _) => {
            let entry = Entry::new(Content::Body(body), age, received).with(max_age, validators);
            Ok((entry, is_storable))
        }
        (None, Some(kept)) if kept.validators != Validators::default() => {
            Ok((kept.confirmed(age, max_age, received), is_storable))
        }
        (None, _) => {
            Err(Error::invalid_response(StatusCode::NOT_MODIFIED, "nothing was kept that could be unchanged"))
        }
    }
}
