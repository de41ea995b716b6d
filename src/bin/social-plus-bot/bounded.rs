//! File operations with a timeout, because a file system can hang.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::exit::Failure;

/// The timeout.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs `work` on `thing` in a thread that ends with the process.
pub fn run<T: Send + 'static>(
    thing: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, done) = channel();
    thread::Builder::new().spawn(move || {
        // If the receiver is gone, the process is about to end.
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
