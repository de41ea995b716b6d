//! The text of an error, and its `Debug` output.

use std::fmt;

use super::Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &*self.0;
        f.write_str(&error.reason)?;
        match (error.status, error.code) {
            (Some(status), Some(code)) => write!(f, " (HTTP {}, code {code})", status.as_str())?,
            (Some(status), None) => write!(f, " (HTTP {})", status.as_str())?,
            (None, Some(code)) => write!(f, " (code {code})")?,
            (None, None) => {}
        }
        if let Some(message) = &error.message {
            write!(f, ": {message}")?;
        }
        for detail in &error.details {
            write!(f, "; {detail}")?;
        }
        if let Some(wait) = error.retry_after {
            // Rounded up, so that nobody retries a moment too early.
            write!(f, "; retry after {} s", wait.as_millis().div_ceil(1000))?;
        }
        if error.attempts > 1 {
            write!(f, "; after {} attempts", error.attempts)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = &*self.0;
        f.debug_struct("Error")
            .field("kind", &error.kind)
            .field("reason", &error.reason)
            .field("status", &error.status)
            .field("code", &error.code)
            .field("message", &error.message)
            .field("details", &error.details)
            .field("retry_after", &error.retry_after)
            .field("attempts", &error.attempts)
            .field("cause", &error.cause.as_ref().or(error.source.as_ref()))
            .finish()
    }
}
