//! How the tool says that it failed.

use std::process::Output;

use crate::process::text;

/// Ended with this status, one line on standard error and nothing on standard output. Returns the line.
#[track_caller]
pub fn failed(output: &Output, status: i32) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "{said}");
    assert!(said.starts_with("error: "), "{said}");
    assert!(output.stdout.is_empty());
    said.trim_end().to_owned()
}
