//! When to try again, and how long to wait before.
//!
//! Registering a device again is safe: the same device stays the same user. So whatever may pass is tried
//! again, within one deadline for everything together. The waits are drawn from the whole range below a
//! doubling limit ("full jitter"), which keeps a fleet that failed together from coming back together.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::Error;

/// How many tries there are in all.
const TRIES: u32 = 4;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// The longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait, however many tries there were.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs `attempt` until it succeeds, fails for good, or `limit` is used up.
///
/// Dropping the future ends it at once, with nothing left behind.
pub(crate) async fn run<T, A, F>(limit: Duration, mut attempt: A) -> Result<T, Error>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, Error>>,
{
    let start = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let allowed = limit.saturating_sub(start.elapsed()).min(TRY);
        let error = match timeout(allowed, attempt()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => Error::timeout(allowed),
        };
        let wait = wait(tries).max(error.retry_after().unwrap_or_default());
        // A wait that the deadline would cut short ends in nothing: better to say now what happened.
        let in_time = start.elapsed().checked_add(wait).is_some_and(|then| then < limit);
        if !error.is_transient() || tries == TRIES || !in_time {
            return Err(error.after(tries));
        }
        tracing::debug!(%error, tries, ?wait, "registration failed; trying again");
        sleep(wait).await;
    }
}

/// A random wait before the next try, after so many.
fn wait(tries: u32) -> Duration {
    longest_wait(tries).mul_f64(fastrand::f64())
}

fn longest_wait(tries: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::ServiceMessage;

    /// Runs against attempts that each take `each` and end with the next of `ends`; returns the result and
    /// when, since the start, each attempt began.
    async fn tried(
        limit: Duration,
        each: Duration,
        ends: &[Result<(), Error>],
    ) -> (Result<(), Error>, Vec<Duration>) {
        let start = Instant::now();
        let began = RefCell::new(Vec::new());
        let result = run(limit, || {
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
    async fn what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503, 504] {
            let (result, began) = tried(AMPLE, QUICK, &[failed(status, None)]).await;
            assert!(result.is_ok(), "{status}");
            assert_eq!(began.len(), 2, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_pass_is_tried_once() {
        for status in [400, 401, 403, 404, 409, 422, 501, 505] {
            let (result, began) = tried(AMPLE, QUICK, &[failed(status, None)]).await;
            assert_eq!(result.unwrap_err().status(), Some(status));
            assert_eq!(began.len(), 1, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_four_tries_and_the_error_says_so() {
        let (result, began) = tried(
            AMPLE,
            QUICK,
            &[failed(503, None), failed(503, None), failed(503, None), failed(500, None)],
        )
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.status(), Some(500));
        assert!(error.to_string().ends_with("; tried 4 times"), "{error}");
        assert_eq!(began.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_service_costs_ten_seconds_a_try_and_thirty_in_all() {
        let start = Instant::now();
        let (result, began) = tried(AMPLE, Duration::from_secs(3600), &[]).await;
        assert_eq!(result.unwrap_err().kind(), crate::error::ErrorKind::Timeout);
        assert_eq!(start.elapsed().as_secs(), 30);
        assert!(began.len() == 3, "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_deadline_cuts_the_first_try() {
        let start = Instant::now();
        let (result, began) = tried(Duration::from_millis(300), Duration::from_secs(1), &[]).await;
        assert_eq!(result.unwrap_err().kind(), crate::error::ErrorKind::Timeout);
        assert_eq!((start.elapsed().as_millis(), began.len()), (300, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_the_service_asks_for_wins_when_longer() {
        let (result, began) = tried(AMPLE, QUICK, &[failed(429, Some(7))]).await;
        assert!(result.is_ok());
        assert!(began[1] >= Duration::from_secs(7) && began[1] < Duration::from_secs(8), "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_not_waited() {
        let start = Instant::now();
        let (result, began) = tried(AMPLE, QUICK, &[failed(429, Some(120))]).await;
        let error = result.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
        assert!(error.is_transient());
        assert_eq!((start.elapsed().as_secs(), began.len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_leaves_no_time_for_a_try_is_not_waited() {
        let start = Instant::now();
        let limit = Duration::from_secs(7);
        let (result, began) = tried(limit, Duration::ZERO, &[failed(429, Some(7))]).await;
        assert_eq!(result.unwrap_err().status(), Some(429));
        assert_eq!((start.elapsed().as_secs(), began.len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_wait_is_not_waited() {
        let (result, began) = tried(AMPLE, QUICK, &[failed(503, Some(u64::MAX))]).await;
        assert!(result.is_err());
        assert_eq!(began.len(), 1);
    }

    #[test]
    fn waits_are_drawn_from_below_a_doubling_limit() {
        let limits: Vec<_> = (1..=7).map(|tries| longest_wait(tries).as_millis()).collect();
        assert_eq!(limits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(longest_wait(u32::MAX), LONGEST_WAIT);
        let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        fastrand::seed(seed);
        let drawn: Vec<_> = (0..1000).map(|_| wait(2)).collect();
        assert!(drawn.iter().all(|wait| *wait < longest_wait(2)), "TEST_SEED={seed}");
        let middle = longest_wait(2) / 2;
        assert!(
            drawn.iter().any(|wait| *wait < middle) && drawn.iter().any(|wait| *wait > middle),
            "TEST_SEED={seed}"
        );
    }
}
