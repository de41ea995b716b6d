//! How often a registration is attempted, and how long.

use std::time::Duration;

use crate::error::Error;

/// The shortest limit of the first wait. The number of attempts has no limit but the client's timeout.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(100);

/// How a registration that fails is retried, within the client's [`timeout`](crate::BotClientBuilder::timeout).
///
/// Only failures that may pass are retried: no connection, timeouts, and the statuses 408, 425, 429, 500, 502 to 504 and
/// 520 to 530. Other requests are not retried.
///
/// Two rules hold whatever the policy says, since each registration ends the device's older token:
///
/// - At most 2 attempts of a registration may have been carried out: those whose response was lost, or that failed in a way
///   that leaves it open. The second one follows after 2 to 4 s.
/// - A `Retry-After` of the service that is longer than the backoff replaces it. No attempt is made if it would begin
///   after the timeout.
///
/// ```
/// use std::time::Duration;
///
/// use social_plus_bot::{BotClient, RetryPolicy};
///
/// let policy = RetryPolicy::new().max_attempts(3).attempt_timeout(Duration::from_secs(4));
/// let builder = BotClient::builder().retry_policy(policy);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) attempt_timeout: Duration,
    initial_backoff: Duration,
    max_backoff: Duration,
}

/// As [`new`](RetryPolicy::new).
impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryPolicy {
    /// The default policy: 4 attempts of at most 10 s each, with backoffs from 200 ms to 5 s.
    pub fn new() -> Self {
        Self {
            max_attempts: 4,
            attempt_timeout: Duration::from_secs(10),
            initial_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
        }
    }

    /// No retries: one attempt, which can take as long as the client's timeout.
    pub fn none() -> Self {
        Self { max_attempts: 1, attempt_timeout: Duration::MAX, ..Self::new() }
    }

    /// The number of attempts in all, the first one included: at least 1, and 4 by default.
    pub fn max_attempts(self, attempts: u32) -> Self {
        Self { max_attempts: attempts, ..self }
    }

    /// The timeout of one attempt: longer than zero, and 10 s by default. The client's timeout ends an attempt sooner.
    pub fn attempt_timeout(self, timeout: Duration) -> Self {
        Self { attempt_timeout: timeout, ..self }
    }

    /// The longest wait after the first attempt: at least 100 ms, so that a service in trouble is not flooded, and 200 ms by
    /// default. It doubles with each further attempt. The wait is random between zero and this limit (full jitter).
    pub fn initial_backoff(self, backoff: Duration) -> Self {
        Self { initial_backoff: backoff, ..self }
    }

    /// The longest wait between two attempts: at least [`initial_backoff`](Self::initial_backoff), and 5 s by default.
    pub fn max_backoff(self, backoff: Duration) -> Self {
        Self { max_backoff: backoff, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let rule = if self.max_attempts == 0 {
            "max_attempts must be at least 1"
        } else if self.attempt_timeout.is_zero() {
            "attempt_timeout must be longer than zero"
        } else if self.initial_backoff < SHORTEST_BACKOFF {
            "initial_backoff must be at least 100 ms"
        } else if self.max_backoff < self.initial_backoff {
            "max_backoff must be at least initial_backoff"
        } else {
            return Ok(());
        };
        Err(Error::config("retry_policy", rule))
    }

    /// A random wait after this many attempts.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        self.backoff_limit(attempts).mul_f64(fastrand::f64())
    }

    fn backoff_limit(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.initial_backoff.saturating_mul(doubled).min(self.max_backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoffs_are_random_below_a_doubling_limit() {
        let policy = RetryPolicy::default();
        let limits: Vec<_> = (1..=7).map(|attempts| policy.backoff_limit(attempts).as_millis()).collect();
        assert_eq!(limits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(policy.backoff_limit(u32::MAX), Duration::from_secs(5));
        let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        fastrand::seed(seed);
        let drawn: Vec<_> = (0..1000).map(|_| policy.backoff(2)).collect();
        let limit = policy.backoff_limit(2);
        assert!(drawn.iter().all(|wait| *wait < limit), "TEST_SEED={seed}");
        assert!(
            drawn.iter().any(|wait| *wait < limit / 2) && drawn.iter().any(|wait| *wait > limit / 2),
            "TEST_SEED={seed}"
        );
    }

    #[test]
    fn the_longest_backoff_does_not_overflow() {
        let policy = RetryPolicy::new().initial_backoff(Duration::MAX).max_backoff(Duration::MAX);
        assert!(policy.backoff(u32::MAX) <= Duration::MAX);
    }

    #[test]
    fn an_invalid_policy_names_the_rule() {
        for (policy, rule) in [
            (RetryPolicy::new().max_attempts(0), "max_attempts"),
            (RetryPolicy::new().attempt_timeout(Duration::ZERO), "attempt_timeout"),
            (RetryPolicy::new().initial_backoff(Duration::ZERO), "initial_backoff"),
            (RetryPolicy::new().initial_backoff(Duration::from_micros(99_999)), "initial_backoff"),
            (RetryPolicy::new().initial_backoff(Duration::from_secs(6)), "max_backoff"),
        ] {
            let error = policy.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("retry_policy: {rule} must be ")), "{error}");
        }
        RetryPolicy::none().check().unwrap();
        RetryPolicy::new().initial_backoff(Duration::from_millis(100)).check().unwrap();
    }
}
