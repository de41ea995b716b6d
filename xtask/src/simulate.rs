//! `cargo xtask simulate`: years in the life of a session, for any number of seeds.

use crate::run::cargo_with;

/// Runs the simulation in an optimized build, where short lives go on for 10,000 of them.
pub fn run(seeds: Option<&str>) -> Result<(), String> {
    let seeds = seeds.unwrap_or("1000");
    if !seeds.parse::<u32>().is_ok_and(|seeds| seeds > 0) {
        return Err("cargo xtask simulate takes a number of seeds".to_owned());
    }
    // It needs no feature, and without any there is less to build.
    cargo_with(
        "test --release --no-default-features --lib -- --exact --nocapture session::cache::simulation::a_session_stays_valid_for_years",
        &[("SIMULATE_SEEDS", seeds)],
    )
}
