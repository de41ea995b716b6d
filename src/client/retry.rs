//! Retries of a registration, within one deadline.
//!
//! The waits are exponential with full jitter, so that a fleet that failed together does not retry together.
//!
//! A request that was sent and failed without the service saying that it refused to work on it may still be carried out,
//! and each registration ends the one before. So after such a failure there is one more attempt, and not at once.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::{Error, ErrorKind, Limit};

/// The number of attempts in all.
const ATTEMPTS: u32 = 4;

/// The timeout of one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The upper limit of the first wait. It doubles with each further one.
const WAIT_START: Duration = Duration::from_millis(200);

/// The upper limit of all waits.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The shortest wait after a failure that leaves open whether the device is registered. Up to as much is added.
const WAIT_OPEN: Duration = Duration::from_secs(2);

/// The number of attempts that can end in such a failure.
const OPEN_ATTEMPTS: u32 = 2;

/// When an attempt ends, and why then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) limit: Limit,
}

/// Runs `attempt` until it succeeds, fails permanently, or `limit` has passed.
///
/// Dropping the future cancels it.
pub(crate) async fn run<T, A, F>(limit: Duration, mut attempt: A) -> Result<T, Error>
where
    A: FnMut(Deadline) -> F,
    F: Future<Output = Result<T, Error>>,
{
    let start = Instant::now();
    let (mut attempts, mut open_attempts) = (0, 0);
    let mut last: Option<(Error, Instant)> = None;
    loop {
        attempts += 1;
        let left = limit.saturating_sub(start.elapsed());
        let by = if left < ATTEMPT { Limit::Client(limit) } else { Limit::Attempt(ATTEMPT) };
        let deadline = Deadline { at: Instant::now() + left.min(ATTEMPT), limit: by };
        let mut error = match timeout_at(deadline.at, attempt(deadline)).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => Error::timeout(by),
        };
        if let Some((before, at)) = &last {
            error = error.repeated(before);
            if error.kind() == ErrorKind::Timeout {
                error = error.with_last_response(before, at.elapsed());
            }
        }
        let mut wait = wait(attempts);
        if error.may_have_been_carried_out() {
            open_attempts += 1;
            wait = WAIT_OPEN.mul_f64(1.0 + fastrand::f64());
        }
        let wait = wait.max(error.retry_after().unwrap_or_default());
        // If the deadline would end the wait, no attempt could follow: return the error now.
        let in_time = start.elapsed().checked_add(wait).is_some_and(|then| then < limit);
        let is_last = attempts == ATTEMPTS || open_attempts == OPEN_ATTEMPTS;
        if !error.is_transient() || is_last || !in_time {
            return Err(error.after(attempts, open_attempts > 0));
        }
        tracing::debug!(%error, attempts, ?wait, "registration failed, retrying");
        last = Some((error, Instant::now()));
        sleep(wait).await;
    }
}

/// A random wait after this many attempts.
fn wait(attempts: u32) -> Duration {
    max_wait(attempts).mul_f64(fastrand::f64())
}

fn max_wait(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    WAIT_START.saturating_mul(doubled).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::ServiceMessage;

    /// Runs attempts that each take `each` and end with the next of `ends`. Returns the result, and the start times of
    /// the attempts.
    async fn tried(
        limit: Duration,
        each: Duration,
        ends: &[Result<(), Error>],
    ) -> (Result<(), Error>, Vec<Duration>) {
        let start = Instant::now();
        let began = RefCell::new(Vec::new());
        let result = run(limit, |_| {
            let end = ends.get(began.borrow().len()).cloned().unwrap_or(Ok(()));
            began.borrow_mut().push(start.elapsed());
            async move {
                sleep(each).await;
                end
            }
        })
        .await;
        (result, began.into_inner())
    }

    fn failed(status: u16, retry_after: Option<u64>) -> Result<(), Error> {
        Err(Error::service(status, ServiceMessage::default(), retry_after.map(Duration::from_secs)))
    }

    const AMPLE: Duration = Duration::from_secs(30);
    const QUICK: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn transient_failures_are_retried() {
        for status in [408, 429, 500, 502, 503, 504] {
            let (result, began) = tried(AMPLE, QUICK, &[failed(status, None)]).await;
            assert!(result.is_ok(), "{status}");
            assert_eq!(began.len(), 2, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_failures_are_not_retried() {
        for status in [400, 401, 403, 404, 409, 422, 501, 505] {
            let (result, began) = tried(AMPLE, QUICK, &[failed(status, None)]).await;
            assert_eq!(result.unwrap_err().status(), Some(status));
            assert_eq!(began.len(), 1, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_after_four_attempts_says_so() {
        let (result, began) = tried(
            AMPLE,
            QUICK,
            &[failed(503, None), failed(429, None), failed(503, None), failed(500, None)],
        )
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.status(), Some(500));
        assert!(error.to_string().ends_with("; after 4 attempts"), "{error}");
        assert_eq!(began.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_service_is_asked_twice_for_ten_seconds_each() {
        let start = Instant::now();
        let (result, began) = tried(AMPLE, Duration::from_secs(3600), &[]).await;
        assert_eq!(result.unwrap_err().kind(), crate::error::ErrorKind::Timeout);
        assert!((22..=24).contains(&start.elapsed().as_secs()), "{began:?}");
        assert_eq!(began.len(), 2, "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_registration_that_may_have_succeeded_is_repeated_once_and_not_at_once() {
        for status in [500, 502, 504] {
            let (result, began) = tried(AMPLE, QUICK, &[failed(status, None), failed(status, None)]).await;
            assert_eq!(result.unwrap_err().status(), Some(status));
            assert_eq!(began.len(), 2, "{status}");
            assert!(began[1] - began[0] >= WAIT_OPEN, "{status}: {began:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_attempt_does_not_settle_what_became_of_the_one_before() {
        for last in [503, 429, 403] {
            let ends = [failed(504, None), failed(last, None), failed(last, None), failed(last, None)];
            let error = tried(AMPLE, QUICK, &ends).await.0.unwrap_err();
            assert_eq!(error.status(), Some(last));
            assert!(error.may_have_been_carried_out(), "{last}");
        }
        let error = tried(AMPLE, QUICK, &[failed(503, None), failed(403, None)]).await.0.unwrap_err();
        assert!(!error.may_have_been_carried_out());
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_at_the_deadline_has_the_last_response() {
        let message = ServiceMessage { text: Some("busy".to_owned()), ..ServiceMessage::default() };
        let busy = Err(Error::service(503, message, Some(Duration::from_secs(1))));
        let limit = Duration::from_secs(20);
        let (result, began) = tried(limit, Duration::from_secs(7), &[busy.clone(), busy]).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.status(), began.len()), (ErrorKind::Timeout, Some(503), 3));
        assert_eq!((error.message(), error.retry_after()), (Some("busy"), Some(Duration::ZERO)));
        let text = "no response from the service within 20.0s (the client's timeout); the response before it (HTTP 503)";
        assert!(error.to_string().starts_with(text), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_deadline_ends_the_first_attempt() {
        let start = Instant::now();
        let (result, began) = tried(Duration::from_millis(300), Duration::from_secs(1), &[]).await;
        assert_eq!(result.unwrap_err().kind(), crate::error::ErrorKind::Timeout);
        assert_eq!((start.elapsed().as_millis(), began.len()), (300, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_longer_retry_after_replaces_the_backoff() {
        let (result, began) = tried(AMPLE, QUICK, &[failed(429, Some(7))]).await;
        assert!(result.is_ok());
        assert!(began[1] >= Duration::from_secs(7) && began[1] < Duration::from_secs(8), "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_skipped() {
        let start = Instant::now();
        let (result, began) = tried(AMPLE, QUICK, &[failed(429, Some(120))]).await;
        let error = result.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
        assert!(error.is_transient());
        assert_eq!((start.elapsed().as_secs(), began.len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_leaves_no_time_for_an_attempt_is_skipped() {
        let start = Instant::now();
        let limit = Duration::from_secs(7);
        let (result, began) = tried(limit, Duration::ZERO, &[failed(429, Some(7))]).await;
        assert_eq!(result.unwrap_err().status(), Some(429));
        assert_eq!((start.elapsed().as_secs(), began.len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_wait_is_skipped() {
        let (result, began) = tried(AMPLE, QUICK, &[failed(503, Some(u64::MAX))]).await;
        assert!(result.is_err());
        assert_eq!(began.len(), 1);
    }

    #[test]
    fn waits_are_random_below_a_doubling_limit() {
        let limits: Vec<_> = (1..=7).map(|attempts| max_wait(attempts).as_millis()).collect();
        assert_eq!(limits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(max_wait(u32::MAX), WAIT_MAX);
        let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        fastrand::seed(seed);
        let drawn: Vec<_> = (0..1000).map(|_| wait(2)).collect();
        assert!(drawn.iter().all(|wait| *wait < max_wait(2)), "TEST_SEED={seed}");
        let middle = max_wait(2) / 2;
        assert!(
            drawn.iter().any(|wait| *wait < middle) && drawn.iter().any(|wait| *wait > middle),
            "TEST_SEED={seed}"
        );
    }
}
