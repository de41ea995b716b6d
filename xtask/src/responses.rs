//! `cargo xtask responses`: compares any number of random responses with the rules of what a caller must get.

use std::num::NonZeroU32;

use crate::runner;

/// Runs the test with `draws` responses.
pub fn run(draws: NonZeroU32) -> Result<(), String> {
    // The same features as all other tests, which are built already.
    let test = format!("{} --test client responses::any_response_ends_as_the_rules_say", runner::ALL);
    runner::test(&test, &[("RESPONSES", &draws.to_string())])
}
