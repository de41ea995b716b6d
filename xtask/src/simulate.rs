//! `cargo xtask simulate`: simulates years of a session's life, for any number of seeds, and a month of a fleet.

use std::num::NonZeroU32;

use crate::run::cargo_with;

/// Runs the simulation in a release build, where short-lived sessions are simulated for 10,000 lifetimes.
pub fn run(seeds: NonZeroU32) -> Result<(), String> {
    // The fleet needs stores, and nothing else is built.
    const RUN: &str = "test --release --no-default-features --features store --lib -- --exact --nocapture";
    const TESTS: &str = "session::cache::simulation::a_session_stays_valid_for_years \
        store::shared::fleet::a_fleet_registers_about_once_a_lifetime";
    cargo_with(&format!("{RUN} {TESTS}"), &[("SIMULATE_SEEDS", &seeds.to_string())])
}
