//! Reads and replaces files of the project.
//!
//! A file is replaced atomically: the new one is written next to it, synced and renamed, so an interrupted run leaves
//! the old file.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

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

/// The project folder.
pub struct Project(PathBuf);

impl Project {
    /// Returns the project that Cargo runs this program in, or else the current folder.
    pub fn here() -> Self {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        Self(manifest.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("."), Path::to_owned))
    }

    /// Reads a file.
    pub fn text(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(self.0.join(file)).map_err(|error| format!("{file}: {error}"))
    }

    /// Reads a file as of the last commit.
    pub fn committed(&self, file: &str) -> Result<String, String> {
        let git = Command::new("git").args(["show", &format!("HEAD:./{file}")]).current_dir(&self.0).output();
        let output = git.map_err(|error| format!("git: {error}"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(stderr.lines().next().unwrap_or("git failed without a message").to_owned());
        }
        String::from_utf8(output.stdout).map_err(|_| format!("{file} is not UTF-8 in the last commit"))
    }

    /// Replaces a file atomically.
    pub fn replace(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.0.join(file);
        self.try_replace(&path, text).map_err(|error| format!("{file}: {error}"))
    }

    fn try_replace(&self, path: &Path, text: &str) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(&self.0);
        let mut fresh = NamedTempFile::new_in(folder)?;
        fresh.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(path) {
            fresh.as_file().set_permissions(old.permissions())?;
        }
        fresh.as_file().sync_all()?;
        fresh.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_file_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project(folder.path().to_owned());
        fs::write(folder.path().join("a"), "old").unwrap();
        project.replace("a", "new").unwrap();
        assert_eq!(project.text("a").unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn replacing_a_file_does_not_modify_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project(folder.path().to_owned());
        fs::write(folder.path().join("a"), "old").unwrap();
        fs::hard_link(folder.path().join("a"), folder.path().join("held")).unwrap();
        project.replace("a", "new").unwrap();
        assert_eq!(project.text("held").unwrap(), "old");
    }

    #[test]
    fn a_failed_replacement_names_the_file_and_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project(folder.path().to_owned());
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        let reason = project.replace("a", "new").unwrap_err();
        assert!(reason.starts_with("a: "), "{reason}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
