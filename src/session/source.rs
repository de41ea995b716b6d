//! Where the cache gets its sessions from, and what it needs them for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::session::Session;
use crate::session::clock::{Clock, Moment};
use crate::session::gate::Gate;

/// Registers at the service.
pub(crate) trait Register: Send + Sync + 'static {
    /// Registers once, retries included.
    fn register(&self) -> impl Future<Output = Result<Session, Error>> + Send;

    /// The longest that [`register`](Self::register) can take.
    fn max_duration(&self) -> Duration;
}

/// What a session is needed for.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// There is no valid session.
    Valid,
    /// The session is valid; another process may have a newer one. Nothing is registered for this.
    Newer(Arc<Session>),
    /// The session is valid and due for a refresh.
    Refresh(Arc<Session>),
    /// A session that is registered now.
    Registered,
}

impl Need {
    /// The valid session.
    pub(crate) fn present(&self) -> Option<&Session> {
        match self {
            Self::Newer(session) | Self::Refresh(session) => Some(session),
            Self::Valid | Self::Registered => None,
        }
    }

    /// How long there is a valid session.
    pub(crate) fn left(&self, now: Moment) -> Option<Duration> {
        self.present().map(|session| session.remaining(now)).filter(|left| !left.is_zero())
    }
}

/// A source of sessions: the service, or a store and the service.
pub(crate) trait Source: Send + Sync + 'static {
    /// Whether other processes can replace the session.
    fn is_shared(&self) -> bool;

    /// A session for `need`, or `None` if the present one is the newest. Registrations pass the gate.
    fn load(
        &self,
        need: &Need,
        gate: &Gate,
        clock: &impl Clock,
    ) -> impl Future<Output = Result<Option<Session>, Error>> + Send;

    /// The longest that [`load`](Self::load) can take.
    fn max_duration(&self) -> Duration;
}

impl<R: Register> Source for R {
    fn is_shared(&self) -> bool {
        false
    }

    async fn load(&self, need: &Need, gate: &Gate, clock: &impl Clock) -> Result<Option<Session>, Error> {
        let left = need.left(clock.now());
        gate.register(clock, left, || self.register()).await.map(Some)
    }

    fn max_duration(&self) -> Duration {
        Register::max_duration(self)
    }
}
