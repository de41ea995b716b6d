//! `cargo xtask test`: everything that has to hold before a change lands.

use crate::run::{cargo, cargo_prints, cargo_with};
use crate::{regen, simulate, system};

/// Sets of features that have to build without a warning, besides the defaults and all.
const FEATURES: [&str; 12] = [
    "",
    "blocking",
    "codegen",
    "file-store",
    "middleware",
    "native-tls",
    "redis-store",
    "rustls",
    "rustls,sandbox",
    "sandbox",
    "sealing",
    "store",
];

/// The simulation of the living session runs in full in an optimized build, and shortly with the other tests.
const FEW_SEEDS: [(&str, &str); 1] = [("SIMULATE_SEEDS", "5")];

/// Runs every check, the quick ones first, and ends with the first that fails.
pub fn all() -> Result<(), String> {
    if cfg!(target_os = "linux") {
        // The feature `native-tls` links against it.
        system::need(
            "OpenSSL for development",
            &["pkg-config", "--exists", "openssl"],
            &["libssl-dev", "pkg-config"],
        )?;
        // The tests end the tool at each system call of writing.
        system::need("strace", &["strace", "--version"], &["strace"])?;
    }
    // The tests of the store start servers of their own, one of them behind TLS.
    system::need("Redis", &["redis-server", "--version"], &["redis-server"])?;
    system::need("openssl", &["openssl", "version"], &["openssl"])?;
    cargo("fmt --all --check")?;
    eprintln!("\n--- cargo xtask regen --check");
    regen::is_up_to_date()?;
    cargo("clippy --workspace --all-targets --all-features -- -D warnings")?;
    cargo("clippy --workspace --all-targets -- -D warnings")?;
    for features in FEATURES {
        let features = if features.is_empty() { String::new() } else { format!("--features {features}") };
        cargo(&format!("clippy --lib --no-default-features {features} -- -D warnings"))?;
    }
    lean()?;
    cargo_with("test --workspace --all-targets --all-features", &FEW_SEEDS)?;
    cargo_with("test --workspace --all-targets", &FEW_SEEDS)?;
    cargo_with("test --all-targets --no-default-features --features rustls,sandbox", &FEW_SEEDS)?;
    simulate::years(Some("200"))?;
    cargo("test --doc --all-features")?;
    cargo_with("doc --workspace --no-deps --all-features", &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Without a feature, nothing is built that only the feature needs.
fn lean() -> Result<(), String> {
    const OPTIONAL: [&str; 9] = [
        "chacha20poly1305",
        "clap",
        "etcetera",
        "jsonschema",
        "progenitor",
        "redis",
        "reqwest-middleware",
        "sha2",
        "tempfile",
    ];
    let tree = cargo_prints(
        "tree --package social-plus-bot --edges normal,build --prefix none --no-default-features --features rustls",
    )?;
    if !tree.starts_with("social-plus-bot ") {
        return Err(format!("cargo tree prints something else: {tree}"));
    }
    match OPTIONAL.iter().find(|name| tree.lines().any(|line| line.split(' ').next() == Some(name))) {
        Some(name) => Err(format!("{name} is built although no feature that needs it is on")),
        None => Ok(()),
    }
}
