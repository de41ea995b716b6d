//! `cargo xtask package`: packs the crate as for publishing, and uses it as somebody else would: a program in a folder
//! of its own depends on the unpacked `.crate` with each feature alone, with none and with all, and runs.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::regen::project;
use crate::run::{self, cargo, root};

/// Where the crate is unpacked and the program is written. The paths stay the same, so that a second run builds little.
const FOLDER: &str = "target/package-check";

/// The program. Each part of it needs a feature of the same name.
const PROGRAM: &str = include_str!("package/program.rs");

/// The crates that the program uses with a feature of the same name.
const DEPENDENCIES: [(&str, &str); 2] =
    [("schemars", "version = \"1\""), ("tower", "version = \"0.5\", features = [\"util\"]")];

/// Packs the crate, and runs the program with each feature.
pub fn run() -> Result<(), String> {
    let crate_folder = unpacked()?;
    let features = features(&crate_folder)?;
    let program = root().join(FOLDER).join("program");
    write(&program, &crate_folder, &features).map_err(|error| format!("{}: {error}", program.display()))?;
    let all = features.keys().map(String::as_str).collect::<Vec<_>>().join(",");
    let sets = [""].into_iter().chain(features.keys().map(String::as_str)).chain([&*all]);
    for set in sets {
        let arguments = format!("run --quiet --no-default-features --features={set}");
        run_in(&program, &arguments)?;
    }
    // The tool is what the package installs.
    run_in(&crate_folder, "run --quiet --locked --features=cli -- register --sandbox --format=json")
}

/// Packs the crate and returns the folder that it is unpacked in.
pub fn unpacked() -> Result<PathBuf, String> {
    // A change that is not committed yet is packed as well, and nothing is built: that is what the program is for.
    cargo("package --package social-plus-bot --no-verify --allow-dirty --quiet")?;
    let name = format!("social-plus-bot-{}", project::manifest("version")?);
    let package = root().join(format!("target/package/{name}.crate"));
    let folder = root().join(FOLDER);
    let unpacked = folder.join(&name);
    let at = |error: std::io::Error| format!("{}: {error}", unpacked.display());
    fs::create_dir_all(&folder).map_err(at)?;
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(at)?;
    }
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&package).arg("-C").arg(&folder);
    run::run(&format!("tar -xzf {}", package.display()), &mut tar)?;
    // Or else Cargo would look for it in the project's workspace, whose folder it is in.
    let manifest = fs::OpenOptions::new().append(true).open(unpacked.join("Cargo.toml"));
    manifest.and_then(|mut manifest| manifest.write_all(b"\n[workspace]\n")).map_err(at)?;
    Ok(unpacked)
}

/// Returns the features of the crate in `folder`, each with what it enables.
fn features(folder: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut metadata = run::command("metadata --no-deps --format-version=1");
    let metadata =
        run::output(metadata.current_dir(folder)).map_err(|reason| format!("cargo metadata: {reason}"))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    BTreeMap::deserialize(&metadata["packages"][0]["features"])
        .map_err(|error| format!("the features in cargo metadata: {error}"))
}

/// Writes the program, with the versions of the project's lock file. `package` is the folder of the unpacked crate.
fn write(folder: &Path, package: &Path, features: &BTreeMap<String, Vec<String>>) -> std::io::Result<()> {
    // Without debugging information, as in the project, dependencies that both build in the same way are built once.
    let mut manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[profile.dev]\ndebug = false\n\n\
         [dependencies]\nsocial-plus-bot = {{ path = '{}', default-features = false }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt\"] }}\n",
        package.display()
    );
    for (name, rest) in DEPENDENCIES {
        manifest += &format!("{name} = {{ {rest}, default-features = false, optional = true }}\n");
    }
    manifest += "\n[features]\n";
    for (feature, enabled) in features {
        // A feature of the crate that enables others does so in the program as well.
        let enabled = enabled.iter().filter(|enabled| features.contains_key(*enabled));
        let mut enabled = enabled.map(|enabled| format!(", \"{enabled}\"")).collect::<String>();
        if DEPENDENCIES.iter().any(|(name, _)| name == feature) {
            enabled += &format!(", \"dep:{feature}\"");
        }
        manifest += &format!("{feature} = [\"social-plus-bot/{feature}\"{enabled}]\n");
    }
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/main.rs"), PROGRAM)?;
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).map(drop)
}

/// Runs `cargo` in `folder`, with the project's build folder.
fn run_in(folder: &Path, arguments: &str) -> Result<(), String> {
    let mut command = run::command(arguments);
    command.current_dir(folder).env("CARGO_TARGET_DIR", root().join("target"));
    run::run(&format!("cargo {arguments}"), &mut command)
}
