//! `cargo xtask semver`: compares the public API with that of the last release, with cargo-semver-checks.

use std::path::Path;
use std::process::Command;

use crate::run::{self, cargo, root};
use crate::tool;

/// Fails if the version in `Cargo.toml` is not high enough for what changed since the last release.
pub fn run() -> Result<(), String> {
    let Some(tag) = last_release()? else {
        print_line!("no release to compare with: no tag of a version is part of this branch");
        return Ok(());
    };
    tool::require("semver-checks")?;
    cargo(&format!("semver-checks --package social-plus-bot --all-features --baseline-rev {tag}"))
}

/// Returns the tag of the highest version that is part of this branch.
pub fn last_release() -> Result<Option<String>, String> {
    last_release_of(&root())
}

fn last_release_of(project: &Path) -> Result<Option<String>, String> {
    let git = |arguments: &[&str]| {
        run::output(Command::new("git").args(arguments).current_dir(project))
            .map_err(|reason| format!("git {}: {reason}", arguments.join(" ")))
    };
    // Without the history there are no tags, which would look like a project without a release.
    if git(&["rev-parse", "--is-shallow-repository"])?.trim() != "false" {
        return Err(
            "the clone is shallow, so releases can't be found; run `git fetch --unshallow --tags`".to_owned()
        );
    }
    // A release comes after its candidates.
    let order = ["-c", "versionsort.suffix=-"];
    let list = ["tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname"];
    Ok(git(&[&order[..], &list].concat())?.lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(project: &Path, arguments: &str) {
        let identity = ["-c", "user.name=Maintainer", "-c", "user.email=maintainer@example.com"];
        let mut command = Command::new("git");
        command.args(identity).args(["-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"]);
        run::output(command.args(arguments.split(' ')).current_dir(project)).unwrap();
    }

    fn commit(project: &Path) {
        git(project, "commit --quiet --allow-empty --message x");
    }

    #[test]
    fn the_last_release_is_the_highest_version_of_the_branch() {
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        git(project, "init --quiet --initial-branch=main");
        commit(project);
        assert_eq!(last_release_of(project), Ok(None));
        for tag in ["v0.9.0", "v0.10.0-rc.1", "v0.10.0", "v0.2.0", "vendor"] {
            git(project, &format!("tag {tag}"));
        }
        assert_eq!(last_release_of(project), Ok(Some("v0.10.0".to_owned())));
        git(project, "checkout --quiet -b other");
        commit(project);
        git(project, "tag v0.11.0");
        git(project, "checkout --quiet main");
        assert_eq!(last_release_of(project), Ok(Some("v0.10.0".to_owned())));
    }

    #[test]
    fn a_shallow_clone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let [project, clone] = ["project", "clone"].map(|name| folder.path().join(name));
        std::fs::create_dir(&project).unwrap();
        git(&project, "init --quiet --initial-branch=main");
        commit(&project);
        git(&project, "tag v0.1.0");
        commit(&project);
        let clones =
            format!("clone --quiet --depth 1 --no-tags file://{} {}", project.display(), clone.display());
        git(folder.path(), &clones);
        assert!(last_release_of(&clone).unwrap_err().contains("--unshallow"));
    }
}
