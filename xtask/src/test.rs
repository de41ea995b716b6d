//! `cargo xtask test`: everything that decides whether a change may land.

use crate::run::{cargo, cargo_prints, cargo_with};
use crate::{regen, runner, simulate, system};

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

/// The simulations run in full in an optimized build, and shortly with the other tests.
const FEW_SEEDS: [(&str, &str); 1] = [("SIMULATE_SEEDS", "5")];

/// Runs every check, the quick ones first, and ends with the first that fails. With `--slow`, the checks of the
/// single features and the long simulation come last.
pub fn run(option: Option<&str>) -> Result<(), String> {
    let slow = match option {
        None => false,
        Some("--slow") => true,
        Some(option) => return Err(format!("cargo xtask test takes --slow, not {option}")),
    };
    install_requirements()?;
    format_and_lint()?;
    eprintln!("\n--- cargo xtask regen --check");
    regen::is_up_to_date()?;
    check_optional_dependencies()?;
    runner::test("", &FEW_SEEDS)?;
    cargo("test --doc --workspace --all-features")?;
    cargo_with("doc --workspace --no-deps --all-features", &[("RUSTDOCFLAGS", "-D warnings")])?;
    if slow { single_features_and_long_runs() } else { Ok(()) }
}

/// What the tests need besides Rust: what it is, how to see that it is there, and the packages of Debian that have it.
const REQUIREMENTS: [(&str, &[&str], &[&str]); 4] = [
    // The feature `native-tls` links against it.
    ("OpenSSL for development", &["pkg-config", "--exists", "openssl"], &["libssl-dev", "pkg-config"]),
    // The tests end the tool at chosen system calls.
    ("strace", &["strace", "--version"], &["strace"]),
    // The tests of the store start servers of their own, one of them behind TLS.
    ("Redis", &["redis-server", "--version"], &["redis-server"]),
    ("openssl", &["openssl", "version"], &["openssl"]),
];

/// Of these, so many are needed on Linux only.
const ON_LINUX: usize = 2;

/// Looks for what the tests need besides Rust, and installs what is missing if that is allowed.
pub fn install_requirements() -> Result<(), String> {
    let elsewhere = if cfg!(target_os = "linux") { 0 } else { ON_LINUX };
    REQUIREMENTS
        .iter()
        .skip(elsewhere)
        .try_for_each(|(what, probe, packages)| system::require(what, probe, packages))
}

/// Formatting, and lints with all features.
pub fn format_and_lint() -> Result<(), String> {
    cargo("fmt --all --check")?;
    cargo("clippy --workspace --all-targets --all-features -- -D warnings")
}

fn single_features_and_long_runs() -> Result<(), String> {
    cargo("clippy --workspace --all-targets -- -D warnings")?;
    for features in FEATURES {
        let features = if features.is_empty() { String::new() } else { format!("--features {features}") };
        cargo(&format!("clippy --lib --no-default-features {features} -- -D warnings"))?;
    }
    // What differs without the optional features, and with the committed client.
    runner::test_with(
        "--package social-plus-bot --no-default-features --features rustls,sandbox",
        &FEW_SEEDS,
    )?;
    cargo("test --benches --workspace --all-features")?;
    simulate::run(Some("200"))
}

/// Without a feature, nothing is built that only the feature needs.
fn check_optional_dependencies() -> Result<(), String> {
    const OPTIONAL: [&str; 10] = [
        "chacha20poly1305",
        "clap",
        "clap_complete",
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

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../README.md");
    const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
    const MANIFEST: &str = include_str!("../../Cargo.toml");

    #[test]
    fn the_readme_names_the_rust_version_of_the_manifest() {
        let version = MANIFEST.lines().find_map(|line| line.strip_prefix("rust-version = \""));
        let version = version.and_then(|line| line.strip_suffix('"')).unwrap();
        assert!(README.contains(&format!("Rust {version} or later")), "README.md: not Rust {version}");
    }

    #[test]
    fn the_documents_name_what_the_tests_install() {
        // Both in a word or two of their own for the development files.
        let programs = ["redis-server", "openssl", "strace", "development files of OpenSSL"];
        for program in programs {
            assert!(README.contains(program), "README.md: {program}");
            assert!(CONTRIBUTING.contains(program), "CONTRIBUTING.md: {program}");
        }
        assert_eq!(REQUIREMENTS.len(), programs.len());
    }
}
