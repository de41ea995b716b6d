//! Without the feature `codegen`, the generator and its dependencies are not built.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Returns the names of all packages that a build of the crate with `arguments` needs.
fn packages(arguments: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    cargo.args([
        "tree",
        "--package=social-plus-bot",
        "--edges=normal,build",
        "--prefix=none",
        "--format={p}",
    ]);
    let output = cargo.args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn generator_dependencies_are_not_built() {
    let without = packages("--no-default-features --features=rustls");
    let with = packages("");
    for generator in ["openapiv3", "prettyplease", "progenitor", "progenitor-impl", "regress", "typify"] {
        assert!(with.contains(generator), "{generator} is no longer part of the generator");
        assert!(!without.contains(generator), "{generator}");
    }
    assert!(without.is_subset(&with));
}
