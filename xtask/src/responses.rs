//! `cargo xtask responses`: compares any number of random responses with the rules of what a caller must get.

use std::num::NonZeroU32;

use crate::run::cargo_with;

/// Runs the test with `draws` responses.
pub fn run(draws: NonZeroU32) -> Result<(), String> {
    // The same features as all other tests, which are built already. nextest would end a long run.
    const RUN: &str = "test --workspace --all-features --test client -- --exact --nocapture \
        responses::any_response_ends_as_the_rules_say";
    cargo_with(RUN, &[("RESPONSES", &draws.to_string())])
}
