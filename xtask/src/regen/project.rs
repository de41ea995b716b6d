//! Reads and replaces files of the project.
//!
//! A file is replaced atomically: the new one is written next to it, synced and renamed, so an interrupted run leaves
//! the old file.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use crate::run;

/// The contract.
pub const CONTRACT: &str = "openapi/social-plus-bot.json";
/// The committed copy of the generated client.
pub const GENERATED: &str = "src/api/generated.rs";
/// The deliberate differences from the vendor's description.
pub const DEVIATIONS: &str = "openapi/deviations.json";
/// The known defects of the vendor's description.
pub const REPAIRS: &str = "openapi/repairs.json";
/// The document with the table of deviations.
pub const NOTES: &str = "openapi/README.md";
/// The manifest with the version.
pub const MANIFEST: &str = "Cargo.toml";

/// Reads a file.
pub fn text(file: &str) -> Result<String, String> {
    fs::read_to_string(run::root().join(file)).map_err(|error| format!("{file}: {error}"))
}

/// Reads a JSON file.
pub fn json<T: DeserializeOwned>(file: &str) -> Result<T, String> {
    serde_json::from_str(&text(file)?).map_err(|error| format!("{file}: invalid JSON: {error}"))
}

/// Reads a file as of the last commit.
pub fn committed(file: &str) -> Result<String, String> {
    at("HEAD", file)
}

/// Reads a file as of a commit.
pub fn at(revision: &str, file: &str) -> Result<String, String> {
    run::output(Command::new("git").args(["show", &format!("{revision}:./{file}")]).current_dir(run::root()))
}

/// Reads a value of the package from the manifest. The first line that sets `key` is that of the package.
pub fn manifest(key: &str) -> Result<String, String> {
    value(&text(MANIFEST)?, key).ok_or_else(|| format!("{MANIFEST}: no {key}"))
}

/// Returns the value of the first line of `manifest` that sets `key` to a text.
pub fn value(manifest: &str, key: &str) -> Option<String> {
    let mut values =
        manifest.lines().filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    Some(values.next()?.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Replaces a file atomically.
pub fn replace(file: &str, text: &str) -> Result<(), String> {
    replace_at(&run::root().join(file), text).map_err(|error| format!("{file}: {error}"))
}

fn replace_at(path: &Path, text: &str) -> std::io::Result<()> {
    let mut fresh = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    fresh.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        fresh.as_file().set_permissions(old.permissions())?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_file_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "old").unwrap();
        replace_at(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn replacing_a_file_does_not_modify_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, held) = (folder.path().join("a"), folder.path().join("held"));
        fs::write(&file, "old").unwrap();
        fs::hard_link(&file, &held).unwrap();
        replace_at(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(held).unwrap(), "old");
    }

    #[test]
    fn a_failed_replacement_leaves_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        replace_at(&folder.path().join("a"), "new").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
