//! File operations that take a moment, or else for ever.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::exit::Failure;

/// Whoever waits longer for a file system waits in vain.
const LIMIT: Duration = Duration::from_secs(10);

/// Does `work`, which is about `thing`, unless that takes too long. Its thread ends with the process.
pub fn run<T: Send + 'static>(
    thing: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, done) = channel();
    thread::Builder::new().spawn(move || {
        // If nobody waits any more, the process is about to end.
        sender.send(work()).ok();
    })?;
    done.recv_timeout(LIMIT).unwrap_or_else(|error| {
        Err(Failure::Usage(match error {
            RecvTimeoutError::Timeout => {
                format!("{thing} can't be reached: no answer from the file system within {LIMIT:.0?}")
            }
            RecvTimeoutError::Disconnected => format!("{thing} can't be reached: a thread panicked"),
        }))
    })
}
