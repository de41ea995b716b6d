//! A registered session: a usable token, how long it lives, and whose it is.

pub(crate) mod cache;
pub(crate) mod clock;
mod primitives;
pub(crate) mod runtime;
mod single_flight;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::api::types::{BotSession, User, UserType};
use crate::api::{Answer, Deviation, Open};
use crate::config::AccessToken;
use crate::session::clock::Moment;

/// A bot session, as the service granted it.
///
/// Whoever has one has a token that can be sent and was not expired when it came. Everything beyond the
/// token and its dates is as the service gave it, and may be absent: see [`deviations`](Self::deviations).
#[derive(Clone, Debug)]
pub struct Session {
    body: BotSession,
    deviations: Vec<Deviation>,
    /// How long the token had to live when it was asked for.
    life: Duration,
    /// How long ago that was at the moment `as_of`.
    age: Duration,
    as_of: Moment,
}

impl Session {
    /// Takes an answer to a request that was sent at `sent` for a session if its token is usable at `now`, which is
    /// best told by the clock that issued it.
    ///
    /// Otherwise says why it is not.
    pub(crate) fn new(answer: Answer<BotSession>, now: DateTime<Utc>, sent: Moment) -> Result<Self, String> {
        let (body, deviations) = answer.into_parts();
        let whole = usable(&body)?;
        if body.expires_at <= now {
            return Err(format!("the token expired at {}; is this machine's clock right?", body.expires_at));
        }
        // What is left of a token is never more than its whole life: that bounds what a wrong clock can do. It counts
        // from before the request was sent, since nobody knows when on its way back the answer was made.
        let left = (body.expires_at - now).to_std().map_err(|error| error.to_string())?;
        Ok(Self { body, deviations, life: left.min(whole), age: Duration::ZERO, as_of: sent })
    }

    /// Takes a body that a store kept for a session that had `life` to live when it was asked for, `age` before
    /// `as_of`. It may be over. If it never was one, says why.
    #[cfg(feature = "store")]
    pub(crate) fn kept(
        body: BotSession,
        life: Duration,
        age: Duration,
        as_of: Moment,
    ) -> Result<Self, String> {
        let life = life.min(usable(&body)?);
        Ok(Self { body, deviations: Vec::new(), life, age, as_of })
    }

    /// The token to send as `Authorization: Bearer <token>`.
    pub fn access_token(&self) -> &AccessToken {
        &self.body.access_token
    }

    /// When the token was issued, by the service's clock.
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.body.issued_at
    }

    /// When the token stops working, by the service's clock.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.body.expires_at
    }

    /// How long the token lives from its issue: 30 days by default, never zero or less.
    pub fn lifetime(&self) -> TimeDelta {
        self.body.expires_at - self.body.issued_at
    }

    /// When the token is at the latest renewed, by the service's clock: when 80 % of its lifetime are over.
    pub fn renewal_due(&self) -> DateTime<Utc> {
        self.issued_at() + self.lifetime() * 4 / 5
    }

    /// How long the token had to live when it was asked for.
    pub(crate) fn ttl(&self) -> Duration {
        self.life
    }

    /// How long ago that was at `now`.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        self.age.saturating_add(now.since(self.as_of))
    }

    /// How much of its life is left at `now`.
    #[cfg(feature = "store")]
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.life.saturating_sub(self.age(now))
    }

    /// The bot user: the first of [`users`](Self::users).
    pub fn user(&self) -> Option<&User> {
        self.users().first()
    }

    /// The users that came with the session; for a bot, one.
    pub fn users(&self) -> &[User] {
        self.body.users.as_deref().unwrap_or_default()
    }

    /// The kind of user, if the service said so.
    pub fn user_type(&self) -> Option<&Open<UserType>> {
        self.body.user_type.as_ref()
    }

    /// Everything the service answered, with the documented names. Serializing it writes the token in the
    /// clear.
    pub fn body(&self) -> &BotSession {
        &self.body
    }

    /// Where the answer departed from the contract; the first 100 such places. A session from a store has none,
    /// since only what the contract knows is stored.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }
}

/// How long the token lives from its issue, or why it can't be used.
fn usable(body: &BotSession) -> Result<Duration, String> {
    if let Some(fault) = body.access_token.fault() {
        return Err(format!("/accessToken {fault}"));
    }
    let life = (body.expires_at - body.issued_at).to_std().ok().filter(|life| !life.is_zero());
    life.ok_or_else(|| {
        format!("the token expires ({}) before it was issued ({})", body.expires_at, body.issued_at)
    })
}

#[cfg(test)]
impl Session {
    /// A session as it would have come just now for a request that was sent at `sent`.
    pub(crate) fn of(token: &str, life: Duration, sent: Moment) -> Self {
        let issued_at = Utc::now();
        let body = BotSession {
            access_token: token.to_owned().into(),
            issued_at,
            expires_at: issued_at + life,
            files: None,
            last_cache_purge: None,
            roles: None,
            user_type: None,
            users: None,
        };
        Self { body, deviations: Vec::new(), life, age: Duration::ZERO, as_of: sent }
    }
}
