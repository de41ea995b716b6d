//! `cargo xtask simulate`: simulates years of a session's life, for any number of seeds, and fleets that share one.

use std::num::NonZeroU32;

use crate::run::cargo_with;

/// Runs the simulation in a release build, where short-lived sessions are simulated for 10,000 lifetimes.
pub fn run(seeds: NonZeroU32) -> Result<(), String> {
    // The fleets need stores with sealed sessions, and nothing else is built.
    const RUN: &str = "test --release --no-default-features --features sealing --lib -- --exact --nocapture";
    const TESTS: &str = "session::cache::simulation::a_session_stays_valid_for_years \
        store::shared::fleet::processes_of_one_device_live_on_one_session";
    cargo_with(&format!("{RUN} {TESTS}"), &[("SIMULATE_SEEDS", &seeds.to_string())])
}
