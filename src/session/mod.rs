//! Sessions: a usable token with its lifetime and user, and the cache that keeps one valid.
//!
//! [`cache`] returns the session and decides when to refresh it, [`single_flight`] lets callers share one load,
//! [`clock`] tells the time by two clocks, and [`runtime`] turns a missing Tokio runtime into an error. Registrations
//! come from above, through [`cache::Register`].

pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod gate;
mod primitives;
pub(crate) mod runtime;
mod single_flight;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::api::types::{BotSession, User, UserType};
use crate::api::{Lenient, Open, SchemaMismatch};
use crate::config::AccessToken;
use crate::session::clock::Moment;

/// A bot session.
///
/// The token can be sent, and had not expired when the session was received. Everything but the token and its dates is
/// as the service sent it, and may be absent: see [`schema_mismatches`](Self::schema_mismatches).
#[derive(Clone, Debug)]
pub struct Session {
    body: BotSession,
    mismatches: Vec<SchemaMismatch>,
    /// The time to live of the token when its request was sent.
    life: Duration,
    /// How long ago that was at `as_of`.
    age: Duration,
    as_of: Moment,
    /// How many times in a row the session replaced one whose token was refused early.
    replaced: u32,
    /// The later of two sessions is the one with the later date here. It is the date of issue, unless that is not after the
    /// date of the session before: the service's clock can be set back, and need not be the same for all responses.
    order: DateTime<Utc>,
}

impl Session {
    /// The session of a response, if its token is usable at `now` by the service's clock; otherwise the reason. The
    /// request was sent at `sent`.
    pub(crate) fn new(
        response: Lenient<BotSession>,
        now: DateTime<Utc>,
        sent: Moment,
    ) -> Result<Self, String> {
        let (body, mismatches) = response.into_parts();
        let whole = usable(&body)?;
        if body.expires_at <= now {
            return Err(format!("the token expired at {}; is this machine's clock right?", body.expires_at));
        }
        // The time left is at most the lifetime, which limits what a wrong clock can do. It counts from before the
        // request was sent, since it is not known when the token was issued in the meantime.
        let left = (body.expires_at - now).to_std().map_err(|error| error.to_string())?;
        let (life, order) = (left.min(whole), body.issued_at);
        Ok(Self { body, mismatches, life, age: Duration::ZERO, as_of: sent, replaced: 0, order })
    }

    /// The session of a stored body, which may have expired, or the reason why it is not one. Its token had `life` to
    /// live when its request was sent, `age` before `as_of`.
    #[cfg(feature = "store")]
    pub(crate) fn kept(
        body: BotSession,
        life: Duration,
        age: Duration,
        as_of: Moment,
    ) -> Result<Self, String> {
        let life = life.min(usable(&body)?);
        let order = body.issued_at;
        Ok(Self { body, mismatches: Vec::new(), life, age, as_of, replaced: 0, order })
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

    /// The lifetime of the token: 30 days by default, and always positive.
    pub fn lifetime(&self) -> TimeDelta {
        self.body.expires_at - self.body.issued_at
    }

    /// The time to live of the token when its request was sent.
    pub(crate) fn ttl(&self) -> Duration {
        self.life
    }

    /// How long ago that was at `now`.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        self.age.saturating_add(now.since(self.as_of))
    }

    /// How many times in a row the session replaced one whose token was refused early.
    pub(crate) fn replaced(&self) -> u32 {
        self.replaced
    }

    pub(crate) fn replacing(self, replaced: u32) -> Self {
        Self { replaced, ..self }
    }

    /// The date by which sessions are compared.
    pub(crate) fn order(&self) -> DateTime<Utc> {
        self.order
    }

    pub(crate) fn ordered(self, order: DateTime<Utc>) -> Self {
        Self { order, ..self }
    }

    /// Whether the session takes the place of `other`.
    #[cfg(feature = "store")]
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        self.order >= other.order && self.access_token() != other.access_token()
    }

    /// How much of the time to live is left at `now`.
    #[cfg(feature = "store")]
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.life.saturating_sub(self.age(now))
    }

    /// The bot user: the first of [`users`](Self::users).
    pub fn user(&self) -> Option<&User> {
        self.users().first()
    }

    /// The users of the session; a bot has one.
    pub fn users(&self) -> &[User] {
        self.body.users.as_deref().unwrap_or_default()
    }

    /// The kind of user, if the service said so.
    pub fn user_type(&self) -> Option<&Open<UserType>> {
        self.body.user_type.as_ref()
    }

    /// The whole response, with the documented names. Serializing it writes the token in the clear.
    pub fn body(&self) -> &BotSession {
        &self.body
    }

    /// Where the response does not match the contract; at most the first 100 places. A session from a store has none,
    /// since only documented fields are stored.
    pub fn schema_mismatches(&self) -> &[SchemaMismatch] {
        &self.mismatches
    }
}

/// The lifetime of the token, or the reason why it can't be used.
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
    /// A session that was just received for a request sent at `sent`.
    pub(crate) fn of(token: &str, life: Duration, sent: Moment) -> Self {
        Self::issued(token, Utc::now(), life, sent)
    }

    /// The same, with the date of issue.
    pub(crate) fn issued(token: &str, issued_at: DateTime<Utc>, life: Duration, sent: Moment) -> Self {
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
        Self {
            body,
            mismatches: Vec::new(),
            life,
            age: Duration::ZERO,
            as_of: sent,
            replaced: 0,
            order: issued_at,
        }
    }
}
