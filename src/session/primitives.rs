//! What [`flight`](super::single_flight) is made of.
//!
//! The model checker compiles that file with primitives of its own under the same names; see `tests/session/main.rs`.

use std::future::Future;

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use arc_swap::ArcSwapOption as Slot;
use tokio::runtime::Handle;
pub(crate) use tokio::sync::watch;
pub(crate) use tokio::task::AbortHandle;
pub(crate) use tokio::time::timeout;

/// Whether there is a runtime here.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Starts a task on the current runtime, if there is one.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
    Some(Handle::try_current().ok()?.spawn(task).abort_handle())
}
