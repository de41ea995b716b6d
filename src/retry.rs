//! When to try again, and how long to wait before.
//!
//! Registering a device again is safe: the same device stays the same user. So whatever may pass is tried
//! again, within one deadline for everything together. The waits are drawn from the whole range below a
//! doubling limit ("full jitter"), which keeps a fleet that failed together from coming back together.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::Error;

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
