//! `cargo xtask test`: the checks that a change must pass.

use std::num::NonZeroU32;

use crate::run::{cargo, cargo_output, cargo_with};
use crate::{public_api, regen, runner, simulate, system};

/// Feature sets that must build without warnings, in addition to no features, the default and all features.
const FEATURES: &str = "blocking codegen file-store file-store,read-cache middleware native-tls read-cache read-cache-file \
                        redis-store rustls rustls,sandbox sandbox schemars sealing store tower unstable-api";

/// Dependencies that must not be built without the features that need them.
const OPTIONAL: &str = "chacha20poly1305 clap clap_complete clap_mangen etcetera http-cache-semantics jsonschema progenitor \
                        quick_cache redis reqwest-middleware rusqlite schemars sha2 tempfile";

/// Few seeds for the simulations here; the long simulation runs in a release build.
const FEW_SEEDS: [(&str, &str); 1] = [("SIMULATE_SEEDS", "2")];

/// The tests that run in both readings of the service's documentation: whether a registration ends the older token.
const OTHER_READING: &str = "--workspace --all-features --test client --test store";

/// The seeds of the long simulation.
const LONG_SEEDS: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// Runs the checks, the quick ones first, and stops at the first failure. `--slow` adds the checks of single features
/// and the long simulation.
pub fn run(slow: bool) -> Result<(), String> {
    install_requirements()?;
    format_and_lint()?;
    eprintln!("\n--- cargo xtask regen --check");
    regen::is_up_to_date()?;
    check_optional_dependencies()?;
    runner::test(runner::ALL, &FEW_SEEDS)?;
    runner::test(OTHER_READING, &[("SANDBOX_KEEPS_OLDER_TOKENS", "1")])?;
    cargo("test --doc --workspace --all-features")?;
    cargo_with("doc --workspace --no-deps --all-features", &[("RUSTDOCFLAGS", "-D warnings")])?;
    if slow { slow_checks() } else { Ok(()) }
}

/// Runs the tests that need none of the [`REQUIREMENTS`].
pub fn portable() -> Result<(), String> {
    const TESTS: &str = "--lib --test=api --test=conformance --test=memory --test=sandbox --test=session";
    runner::test(&format!("{} {TESTS}", runner::ALL), &FEW_SEEDS)
}

/// What the tests require besides Rust: a name, a command that succeeds if it is installed, and its Debian packages.
const REQUIREMENTS: [(&str, &[&str], &[&str]); 5] = [
    // For the feature `native-tls`.
    ("the OpenSSL development files", &["pkg-config", "--exists", "openssl"], &["libssl-dev", "pkg-config"]),
    // Tests kill the command-line tool at chosen system calls.
    ("strace", &["strace", "--version"], &["strace"]),
    // The store tests start their own servers, one of them with TLS.
    ("Redis", &["redis-server", "--version"], &["redis-server"]),
    ("openssl", &["openssl", "version"], &["openssl"]),
    // The example `render` is looked at in a browser.
    ("Chromium", &["chromium", "--version"], &["chromium"]),
];

/// The number of leading requirements that apply only to Linux.
const LINUX_ONLY: usize = 2;

/// Checks the requirements of the tests, and installs missing ones if permitted.
pub fn install_requirements() -> Result<(), String> {
    let skipped = if cfg!(target_os = "linux") { 0 } else { LINUX_ONLY };
    let mut requirements = REQUIREMENTS.iter().skip(skipped);
    requirements.try_for_each(|(what, probe, packages)| system::require(what, probe, packages))
}

/// Checks formatting, and runs the lints with all features.
pub fn format_and_lint() -> Result<(), String> {
    cargo("fmt --all --check")?;
    cargo("clippy --workspace --all-targets --all-features -- -D warnings")
}

fn slow_checks() -> Result<(), String> {
    if public_api::is_supported()? {
        public_api::run(false)?;
    } else {
        eprintln!("\n--- not checked: the public API, which needs Rust {}", public_api::RUST);
    }
    features()?;
    cargo("test --benches --workspace --all-features")?;
    simulate::run(LONG_SEEDS)
}

/// Checks the crate with each feature alone, and runs the tests that differ with fewer features.
pub fn features() -> Result<(), String> {
    cargo("clippy --workspace --all-targets -- -D warnings")?;
    cargo("clippy --lib --no-default-features -- -D warnings")?;
    for features in FEATURES.split(' ') {
        cargo(&format!("clippy --lib --no-default-features --features {features} -- -D warnings"))?;
    }
    // Tests that behave differently without the optional features, and with the committed client.
    let fewest =
        "--package social-plus-bot --no-default-features --features rustls,sandbox,schemars,unstable-api";
    runner::test(fewest, &FEW_SEEDS)?;
    // A store that lacks what the cache of reads needs.
    let no_reads = "--package social-plus-bot --no-default-features --features rustls,file-store,read-cache --lib file::";
    runner::test(no_reads, &FEW_SEEDS)
}

/// Checks that optional dependencies are not built without the features that need them.
fn check_optional_dependencies() -> Result<(), String> {
    let tree = cargo_output(
        "tree --package social-plus-bot --edges normal,build --prefix none --no-default-features --features rustls",
    )?;
    if !tree.starts_with("social-plus-bot ") {
        return Err(format!("unexpected output of cargo tree: {tree}"));
    }
    let is_built = |name: &&str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    let built = OPTIONAL.split(' ').find(is_built);
    built.map_or(Ok(()), |name| Err(format!("{name} is built although no enabled feature needs it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../README.md");
    const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
    const MANIFEST: &str = include_str!("../../Cargo.toml");

    #[test]
    fn readme_states_the_rust_version_of_the_manifest() {
        let version = regen::project::value(MANIFEST, "rust-version").unwrap();
        assert!(
            README.contains(&format!("Rust {version} or later")),
            "README.md does not state Rust {version}"
        );
    }

    #[test]
    fn readme_and_contributing_list_the_test_requirements() {
        // Both documents have their own name for the OpenSSL development files.
        let programs = ["redis-server", "openssl", "strace", "development files of OpenSSL", "chromium"];
        for program in programs {
            assert!(README.contains(program), "README.md: {program}");
            assert!(CONTRIBUTING.contains(program), "CONTRIBUTING.md: {program}");
        }
        assert_eq!(REQUIREMENTS.len(), programs.len());
    }
}
