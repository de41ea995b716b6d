//! `cargo xtask simulate`: simulates years of a session's life, for any number of seeds, and fleets that share one.
//! `cargo xtask simulate-reads`: simulates a site that is served from the day's reads.

use std::num::NonZeroU32;

use crate::run::cargo_with;

/// Runs the simulation in a release build, where short-lived sessions are simulated for 10,000 lifetimes.
pub fn run(seeds: NonZeroU32) -> Result<(), String> {
    // The fleets need stores with sealed sessions. Both tasks have the same features, so that one build serves both.
    const RUN: &str =
        "test --release --no-default-features --features read-cache,sealing --lib -- --exact --nocapture";
    const TESTS: &str = "session::cache::simulation::a_session_stays_valid_for_years \
        store::shared::fleet::processes_of_one_device_live_on_one_session";
    cargo_with(&format!("{RUN} {TESTS}"), &[("SIMULATE_SEEDS", &seeds.to_string())])
}

/// Runs the simulation of a site for so many days, with so many views on each, and prints its table.
pub fn reads(days: NonZeroU32, views: NonZeroU32) -> Result<(), String> {
    const RUN: &str = "test --release --no-default-features --features read-cache,sealing --lib -- --exact --nocapture \
                       client::read_cache::simulation::any_number_of_views_is_served_from_the_days_reads";
    let variables = [("SIMULATE_DAYS", &*days.to_string()), ("SIMULATE_VIEWS", &*views.to_string())];
    cargo_with(RUN, &variables)
}
