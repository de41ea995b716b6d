//! `cargo xtask simulate`: simulates years of a session's life, for any number of seeds.

use crate::run::cargo_with;

/// Runs the simulation in a release build, where short-lived sessions are simulated for 10,000 lifetimes.
pub fn run(seeds: Option<&str>) -> Result<(), String> {
    let seeds = seeds.unwrap_or("1000");
    if !seeds.parse::<u32>().is_ok_and(|seeds| seeds > 0) {
        return Err("invalid number of seeds; usage: cargo xtask simulate [SEEDS]".to_owned());
    }
    // It needs no features, and builds faster without them.
    cargo_with(
        "test --release --no-default-features --lib -- --exact --nocapture session::cache::simulation::a_session_stays_valid_for_years",
        &[("SIMULATE_SEEDS", seeds)],
    )
}
