//! Tokio's runtime, which the caller brings.
//!
//! Where it is missing, or was built without its timer or its I/O driver, that is an error and no
//! reason to panic. A missing runtime can be asked for. A missing driver can't: Tokio panics where it is first
//! needed, so that panic is caught and becomes the error. The panic hook still sees it, and a program built with
//! `panic = "abort"` ends there.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Poll;

use tokio::runtime::Handle;

use crate::error::Error;

/// Fails if there is no runtime.
pub(crate) fn check() -> Result<(), Error> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::runtime("the call needs a Tokio runtime to run in")),
    }
}

/// Runs `call` if there is a runtime; see [`with_drivers`].
pub(crate) fn within<T>(call: impl Future<Output = T>) -> impl Future<Output = Result<T, Error>> {
    let call = with_drivers(call);
    async {
        check()?;
        call.await
    }
}

/// Runs `call`, and fails if the runtime lacks a driver that it needs.
pub(crate) fn with_drivers<T>(call: impl Future<Output = T>) -> impl Future<Output = Result<T, Error>> {
    let call = caught(call);
    async { call.await.map_err(|panic| no_driver(&*panic).unwrap_or_else(|| resume_unwind(panic))) }
}

/// The same for a call in a task of its own, where a panic of any kind would otherwise end in nothing.
pub(crate) fn in_task<T>(call: impl Future<Output = T>) -> impl Future<Output = Result<T, Error>> {
    let call = caught(call);
    async { call.await.map_err(|panic| no_driver(&*panic).unwrap_or_else(Error::registration_lost)) }
}

/// Boxes `call`, since an async function that takes a future and awaits it is at least twice as large. So these are no
/// async functions.
fn caught<T>(call: impl Future<Output = T>) -> impl Future<Output = Result<T, Box<dyn Any + Send>>> {
    let mut call = Box::pin(call);
    // After a panic the call is not polled again, so nobody sees what it left half done.
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
}

/// What it means if Tokio panicked because a driver is missing.
pub(crate) fn no_driver(panic: &(dyn Any + Send)) -> Option<Error> {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    let missing = said.contains("timers are disabled") || said.contains("IO is disabled");
    missing.then(|| {
        Error::runtime("the Tokio runtime has no timer or no I/O driver; build it with `enable_all`")
    })
}
