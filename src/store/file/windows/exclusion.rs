//! Waiting for other programs that have a file open in a way that excludes others. Virus scanners and backups do so for a moment,
//! and a file that is just being replaced is refused as well.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait, which is less than a caller waits for a store.
const PATIENCE: Duration = Duration::from_millis(500);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Attempts `operation` until no other program excludes it, for a limited time.
pub(super) fn patiently<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let since = Instant::now();
    loop {
        match operation() {
            Err(error) if is_open_elsewhere(&error) && since.elapsed() < PATIENCE => sleep(PAUSE),
            done => return done,
        }
    }
}

/// Whether another program has the file open in a way that excludes this use of it.
pub(super) fn is_open_elsewhere(error: &io::Error) -> bool {
    /// The codes `ERROR_ACCESS_DENIED` and `ERROR_SHARING_VIOLATION`.
    const CODES: [i32; 2] = [5, 32];

    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::os::windows::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn a_file_is_opened_once_no_other_program_excludes_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "content").unwrap();
        let mut scanner = OpenOptions::new().read(true).share_mode(0).open(&path).ok();
        assert!(scanner.is_some());
        let mut attempts = 0;
        patiently(|| {
            attempts += 1;
            let opened = File::open(&path);
            drop(scanner.take());
            opened
        })
        .unwrap();
        assert_eq!(attempts, 2);
    }
}
