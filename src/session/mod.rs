//! Sessions: a usable token with its lifetime and user, and the cache that keeps one valid.
//!
//! [`cache`] returns the session and decides when to refresh it, [`single_flight`] lets callers share one load,
//! [`clock`] tells the time by two clocks, and [`runtime`] turns a missing Tokio runtime into an error. Registrations
//! come from above, through [`source::Source`].

pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod gate;
mod primitives;
pub(crate) mod runtime;
mod single_flight;
pub(crate) mod source;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use crate::api::types::{BotSession, User, UserType};
use crate::api::{Lenient, Open, SchemaMismatch};
use crate::config::AccessToken;
use crate::session::clock::{Clock, Moment, SystemClock};

/// A bot session.
///
/// The token can be sent, and had not expired when the session was received. Everything but the token and its dates is
/// as the service sent it, and may be absent: see [`schema_mismatches`](Self::schema_mismatches).
///
/// It serializes as the response, with all documented fields and the token as plain text.
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
    /// The session of a response, if its token is usable by one of the clocks; otherwise the reason. The request was sent
    /// at `sent`.
    pub(crate) fn new(response: Lenient<BotSession>, clocks: Clocks, sent: Moment) -> Result<Self, String> {
        let (body, mismatches) = response.into_parts();
        let whole = usable(&body)?;
        let life = clocks.left(&body).ok_or_else(|| {
            let expired = body.expires_at;
            match clocks.service {
                Some(_) => {
                    format!("the token expired at {expired}, by the service's clock and this machine's")
                }
                None => format!("the token expired at {expired}; is this machine's clock right?"),
            }
        })?;
        // The time left is at most the lifetime, which limits what a wrong clock can do. It counts from before the
        // request was sent, since it is not known when the token was issued in the meantime.
        let (life, order) = (life.min(whole), body.issued_at);
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
    pub fn lifetime(&self) -> Duration {
        (self.body.expires_at - self.body.issued_at).to_std().unwrap_or_default()
    }

    /// How long the token still works, by the clocks of this machine. Zero if it has expired.
    ///
    /// It counts from when the session was received, and not from [`expires_at`](Self::expires_at), which is a time of the
    /// service's clock.
    pub fn expires_in(&self) -> Duration {
        self.left(SystemClock.now())
    }

    /// Whether the token has expired, by the clocks of this machine.
    pub fn is_expired(&self) -> bool {
        self.expires_in().is_zero()
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
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.life.saturating_sub(self.age(now))
    }

    /// The id of the bot user.
    pub fn user_id(&self) -> Option<&str> {
        self.user()?.user_id.as_deref()
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

    /// The whole response.
    #[cfg(feature = "unstable-api")]
    #[cfg_attr(docsrs, doc(cfg(feature = "unstable-api")))]
    pub fn body(&self) -> &BotSession {
        &self.body
    }

    /// Where the response does not match the contract; at most the first 100 places. A session from a store has none,
    /// since only documented fields are stored.
    pub fn schema_mismatches(&self) -> &[SchemaMismatch] {
        &self.mismatches
    }
}

/// Writes the whole response, with the documented names, and so the token as plain text.
impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

/// The lifetime of the token, or the reason why it can't be used.
fn usable(body: &BotSession) -> Result<Duration, String> {
    if let Some(fault) = body.access_token.fault() {
        return Err(format!("/accessToken {fault}"));
    }
    let (issued_at, expires_at) = (body.issued_at, body.expires_at);
    match (expires_at - issued_at).to_std() {
        Ok(life) if !life.is_zero() => Ok(life),
        Ok(_) => Err(format!("the token has no lifetime: it was issued and expires at {issued_at}")),
        Err(_) => Err(format!("the token expires ({expires_at}) before it was issued ({issued_at})")),
    }
}

/// What two clocks say when a response arrives. Either can be wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) local: DateTime<Utc>,
    /// The service's, if the response states it.
    pub(crate) service: Option<DateTime<Utc>>,
}

/// A clock that is further behind a token's date of issue is wrong.
const BEHIND: TimeDelta = TimeDelta::hours(1);

impl Clocks {
    /// How long the token lives, or `None` if it has expired.
    ///
    /// A clock that says that the token is yet to be issued is wrong, and is ignored if the other one does not say so. If
    /// one says that the token has expired, it may be wrong, and the other one counts. Otherwise the shorter time counts,
    /// since a response that comes from a cache has an old date.
    fn left(&self, body: &BotSession) -> Option<Duration> {
        let is_plausible = |clock: &DateTime<Utc>| body.issued_at - *clock <= BEHIND;
        let clocks = || [Some(self.local), self.service].into_iter().flatten();
        let any_plausible = clocks().any(|clock| is_plausible(&clock));
        let clocks = clocks().filter(|clock| !any_plausible || is_plausible(clock));
        clocks
            .filter_map(|clock| (body.expires_at - clock).to_std().ok())
            .filter(|left| !left.is_zero())
            .min()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The days that a token lives which is issued on day 0 and expires on day 30, by clocks that show these days.
    fn left(local: i64, service: Option<i64>) -> Option<u64> {
        let day = |day| DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day);
        let body = BotSession {
            access_token: "abc".to_owned().into(),
            issued_at: day(0),
            expires_at: day(30),
            files: None,
            last_cache_purge: None,
            roles: None,
            user_type: None,
            users: None,
        };
        let clocks = Clocks { local: day(local), service: service.map(day) };
        let session = Session::new(Lenient::matching(body), clocks, Moment::default());
        session.ok().map(|session| session.ttl().as_secs() / (24 * 60 * 60))
    }

    #[test]
    fn one_wrong_clock_loses_no_session() {
        for wrong in [-20_000, -365, 31, 365] {
            assert_eq!(left(0, Some(wrong)), Some(30), "the service's clock is {wrong} days off");
            assert_eq!(left(wrong, Some(0)), Some(30), "this machine's clock is {wrong} days off");
        }
        assert_eq!((left(0, None), left(10, None), left(31, None)), (Some(30), Some(20), None));
    }

    #[test]
    fn a_token_that_both_clocks_call_expired_is_not_accepted() {
        for (local, service) in [(30, 30), (31, 31), (31, 365), (365, 31)] {
            assert_eq!(left(local, Some(service)), None);
        }
        // A clock that is before the date of issue says nothing.
        assert_eq!((left(-365, Some(31)), left(31, Some(-365))), (None, None));
    }

    #[test]
    fn a_response_from_a_cache_does_not_extend_a_token() {
        assert_eq!(left(20, Some(0)), Some(10));
        assert_eq!(left(0, Some(20)), Some(10));
    }
}
