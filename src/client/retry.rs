//! Retries of a registration, within one deadline.
//!
//! The waits are exponential with full jitter, so that a fleet that failed together does not retry together.
//!
//! A request that was sent and failed without the service saying that it refused to work on it may still be carried out,
//! and each registration ends the one before. So after such a failure there is one more attempt, and not at once.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::client::RetryPolicy;
use crate::error::{Error, ErrorKind, Limit};

/// The shortest wait after a failure that leaves open whether the device is registered. Up to as much is added.
const WAIT_OPEN: Duration = Duration::from_secs(2);

/// The number of attempts that can end in such a failure.
const OPEN_ATTEMPTS: u32 = 2;

/// No limit: an instant can't be as far away as a duration can be long.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When an attempt ends, and why then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) limit: Limit,
}

/// Runs `attempt` until it succeeds, fails permanently, or `limit` has passed.
///
/// Dropping the future cancels it.
pub(crate) async fn run<T, A, F>(policy: &RetryPolicy, limit: Duration, mut attempt: A) -> Result<T, Error>
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
        let longest = policy.attempt_timeout;
        let by = if left < longest { Limit::Client(limit) } else { Limit::Attempt(longest) };
        let deadline = Deadline { at: Instant::now() + left.min(longest).min(FAR), limit: by };
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
        let mut wait = policy.backoff(attempts);
        if error.may_have_been_carried_out() {
            open_attempts += 1;
            wait = WAIT_OPEN.mul_f64(1.0 + fastrand::f64());
        }
        let wait = wait.max(error.retry_after().unwrap_or_default());
        // If the deadline would end the wait, no attempt could follow: return the error now.
        let in_time = start.elapsed().checked_add(wait).is_some_and(|then| then < limit);
        let is_last = attempts >= policy.max_attempts || open_attempts == OPEN_ATTEMPTS;
        if !error.is_transient() || is_last || !in_time {
            return Err(error.after(attempts, open_attempts > 0));
        }
        tracing::debug!(%error, attempts, ?wait, "registration failed, retrying");
        last = Some((error, Instant::now()));
        sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use http::StatusCode;

    use super::*;
    use crate::error::ServiceMessage;

    /// Runs attempts that each take `each` and end with the next of `ends`. Returns the result, and the start times of
    /// the attempts.
    async fn tried(
        limit: Duration,
        each: Duration,
        ends: &[Result<(), Error>],
    ) -> (Result<(), Error>, Vec<Duration>) {
        tried_with(&RetryPolicy::default(), limit, each, ends).await
    }

    async fn tried_with(
        policy: &RetryPolicy,
        limit: Duration,
        each: Duration,
        ends: &[Result<(), Error>],
    ) -> (Result<(), Error>, Vec<Duration>) {
        let start = Instant::now();
        let began = RefCell::new(Vec::new());
        let result = run(policy, limit, |_| {
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
        Err(Error::service(
            StatusCode::from_u16(status).unwrap(),
            ServiceMessage::default(),
            retry_after.map(Duration::from_secs),
        ))
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
            assert_eq!(result.unwrap_err().status().map(u16::from), Some(status));
            assert_eq!(began.len(), 1, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_timeouts_do_not_overflow() {
        for policy in [RetryPolicy::none(), RetryPolicy::new().attempt_timeout(Duration::MAX)] {
            let (result, began) = tried_with(&policy, Duration::MAX, QUICK, &[]).await;
            assert!(result.is_ok() && began.len() == 1, "{result:?}");
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
        assert_eq!(error.status().map(u16::from), Some(500));
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
            assert_eq!(result.unwrap_err().status().map(u16::from), Some(status));
            assert_eq!(began.len(), 2, "{status}");
            assert!(began[1] - began[0] >= WAIT_OPEN, "{status}: {began:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_attempt_does_not_settle_what_became_of_the_one_before() {
        for last in [503, 429, 403] {
            let ends = [failed(504, None), failed(last, None), failed(last, None), failed(last, None)];
            let error = tried(AMPLE, QUICK, &ends).await.0.unwrap_err();
            assert_eq!(error.status().map(u16::from), Some(last));
            assert!(error.may_have_been_carried_out(), "{last}");
        }
        let error = tried(AMPLE, QUICK, &[failed(503, None), failed(403, None)]).await.0.unwrap_err();
        assert!(!error.may_have_been_carried_out());
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_at_the_deadline_has_the_last_response() {
        let message = ServiceMessage { text: Some("busy".to_owned()), ..ServiceMessage::default() };
        let busy =
            Err(Error::service(StatusCode::SERVICE_UNAVAILABLE, message, Some(Duration::from_secs(1))));
        let limit = Duration::from_secs(20);
        let (result, began) = tried(limit, Duration::from_secs(7), &[busy.clone(), busy]).await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.status().map(u16::from), began.len()),
            (ErrorKind::Timeout, Some(503), 3)
        );
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
        assert_eq!(result.unwrap_err().status().map(u16::from), Some(429));
        assert_eq!((start.elapsed().as_secs(), began.len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_wait_is_skipped() {
        let (result, began) = tried(AMPLE, QUICK, &[failed(503, Some(u64::MAX))]).await;
        assert!(result.is_err());
        assert_eq!(began.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_policy_limits_attempts_and_their_time() {
        let busy = vec![failed(503, None); 10];
        for attempts in [1, 2, 7] {
            let policy = RetryPolicy::new().max_attempts(attempts);
            let (result, began) = tried_with(&policy, AMPLE, QUICK, &busy).await;
            assert_eq!(
                (result.unwrap_err().status().map(u16::from), began.len()),
                (Some(503), attempts as usize)
            );
        }
        let start = Instant::now();
        let policy = RetryPolicy::new().attempt_timeout(Duration::from_secs(1));
        let (result, began) = tried_with(&policy, AMPLE, Duration::from_secs(3600), &[]).await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains("within 1.0s (the limit of one attempt)"), "{text}");
        // However many attempts there may be, a silent service may have carried out both.
        assert_eq!((began.len(), start.elapsed().as_secs() < 7), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_registration_that_may_have_succeeded_is_repeated_once_whatever_the_policy_says() {
        let policy = RetryPolicy::new().max_attempts(100).initial_backoff(Duration::from_millis(1));
        let (result, began) = tried_with(&policy, AMPLE, QUICK, &vec![failed(504, None); 100]).await;
        assert_eq!(
            (result.unwrap_err().status().map(u16::from), began.len()),
            (Some(504), OPEN_ATTEMPTS as usize)
        );
        assert!(began[1] - began[0] >= WAIT_OPEN, "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_attempt_can_take_the_whole_timeout() {
        let start = Instant::now();
        let (result, began) = tried_with(&RetryPolicy::none(), AMPLE, Duration::from_secs(3600), &[]).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!((start.elapsed().as_secs(), began.len()), (30, 1));
    }
}
