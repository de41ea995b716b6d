//! Runs one operation of a store, with a timeout.
//!
//! The client must work whatever its store does. A panic is an error, whether the operation panics when it is called,
//! polled or dropped.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use super::StoreFuture;
use crate::error::Error;

/// The timeout of an operation.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// Runs an operation within the timeout.
pub(crate) async fn run<'a, T>(operation: impl FnOnce() -> StoreFuture<'a, T>) -> Result<T, Error> {
    // Nothing here is used again after a panic but the store, which is shared and so has to hold by itself.
    let operation = Operation(Some(catch_unwind(AssertUnwindSafe(operation)).map_err(|_| panicked())?));
    timeout(LIMIT, operation).await.unwrap_or_else(|_| {
        Err(Error::store(format!("no response from the session store within {LIMIT:.0?}")))
    })
}

/// Empty once it has ended.
struct Operation<'a, T>(Option<StoreFuture<'a, T>>);

impl<T> Operation<'_, T> {
    fn end(&mut self) {
        // It has ended or was given up: what its drop says of it comes too late to matter.
        catch_unwind(AssertUnwindSafe(|| drop(self.0.take()))).ok();
    }
}

impl<T> Future for Operation<'_, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(operation) = &mut self.0 else { return Poll::Pending };
        let poll = catch_unwind(AssertUnwindSafe(|| operation.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked())));
        if poll.is_ready() {
            self.end();
        }
        poll
    }
}

impl<T> Drop for Operation<'_, T> {
    fn drop(&mut self) {
        self.end();
    }
}

/// What it said goes to the panic hook; it may hold what is stored.
fn panicked() -> Error {
    Error::store("the session store panicked")
}
