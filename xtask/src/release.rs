//! `cargo xtask release VERSION`: checks that the project can be released as this version, and makes the tag.
//!
//! Nothing is pushed or published: the last lines say how.

use std::path::Path;
use std::process::Command;

use crate::regen::change_class::{ChangeClass, next_version};
use crate::regen::{self, project};
use crate::run::{self, cargo, root};
use crate::{deny, package, public_api, semver, test};

/// Runs all checks, the quick ones first, and makes the tag.
pub fn run(version: &str) -> Result<(), String> {
    let problems = problems(&root(), version)?;
    if !problems.is_empty() {
        return Err(format!("not ready for the release of {version}:\n- {}", problems.join("\n- ")));
    }
    let checked = head(&root())?;
    if let Some(last) = semver::last_release()? {
        is_high_enough(version, &last, regen::class_since(&last)?)?;
    }
    semver::run()?;
    public_api::run(false)?;
    deny::run(&[])?;
    test::run(true)?;
    package::run()?;
    cargo("publish --dry-run --package social-plus-bot")?;
    // The checks take long enough for changes in the meantime.
    if head(&root())? != checked || !git(&root(), &["status", "--porcelain"])?.is_empty() {
        return Err("the project changed while it was checked; run this again".to_owned());
    }
    tag(&root(), version)?;
    print_line!(
        "tagged: v{version}\nto release: git push origin main v{version} && cargo publish --package social-plus-bot"
    );
    Ok(())
}

/// Returns the name of the current commit.
fn head(project: &Path) -> Result<String, String> {
    git(project, &["rev-parse", "HEAD"])
}

/// Returns what has to be changed by hand before the release.
fn problems(project: &Path, version: &str) -> Result<Vec<String>, String> {
    let read =
        |file: &str| std::fs::read_to_string(project.join(file)).map_err(|error| format!("{file}: {error}"));
    let (manifest, changelog) = (read("Cargo.toml")?, read("CHANGELOG.md")?);
    let value = |key| project::value(&manifest, key);
    let branch = git(project, &["rev-parse", "--abbrev-ref", "HEAD"])?;
    let mut problems = Vec::new();
    let mut require = |is_met: bool, problem: String| {
        if !is_met {
            problems.push(problem);
        }
    };
    require(
        next_version(version, None).is_some(),
        format!("{version} is no version: it has three numbers, without a `v`"),
    );
    require(branch.trim() == "main", format!("the branch is {}: releases are made from main", branch.trim()));
    require(
        git(project, &["status", "--porcelain"])?.is_empty(),
        "there are changes that are not committed".to_owned(),
    );
    require(
        git(project, &["tag", "--list", &format!("v{version}")])?.is_empty(),
        format!("the tag v{version} exists"),
    );
    let current = value("version").unwrap_or_default();
    require(current == version, format!("Cargo.toml: the version is {current}: set it to {version}"));
    require(
        value("repository").is_some(),
        "Cargo.toml: `repository` is missing: set it to the address of the public repository".to_owned(),
    );
    require(
        section(&changelog, "Unreleased").is_some_and(|text| text.is_empty()),
        format!(
            "CHANGELOG.md: move what is under `## Unreleased` to `## {version} - DATE`, and leave the heading"
        ),
    );
    require(
        notes(&changelog, version).is_some(),
        format!("CHANGELOG.md: `## {version} - YYYY-MM-DD` is missing or has no text"),
    );
    Ok(problems)
}

/// Returns what the changelog says about `version`, if it has a date.
fn notes(changelog: &str, version: &str) -> Option<String> {
    let is_date = |text: &str| {
        let parts =
            text.split('-').map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then_some(part.len()));
        parts.eq([Some(4), Some(2), Some(2)])
    };
    let prefix = format!("{version} - ");
    let heading = changelog.lines().find_map(|line| {
        let heading = line.strip_prefix("## ")?;
        heading.strip_prefix(&prefix).is_some_and(is_date).then_some(heading)
    })?;
    section(changelog, heading).filter(|text| !text.is_empty())
}

/// Returns the text below the second-level `heading`, up to the next one.
fn section(changelog: &str, heading: &str) -> Option<String> {
    let mut lines = changelog.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading));
    lines.next()?;
    let text: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
    Some(text.join("\n").trim().to_owned())
}

/// Fails if the version is lower than what `cargo xtask regen` demands for changes of `class` since the `last` release.
fn is_high_enough(version: &str, last: &str, class: Option<ChangeClass>) -> Result<(), String> {
    let Some((required, rule)) = next_version(last.trim_start_matches('v'), class) else {
        return Err(format!("the tag {last} is no version"));
    };
    let numbers = |version: &str| version.split('.').map(|part| part.parse::<u64>().ok()).collect::<Vec<_>>();
    if numbers(version) < numbers(&required) {
        return Err(format!(
            "the contract has changed since {last}: the version is at least {required}, since {rule}"
        ));
    }
    Ok(())
}

/// Makes the annotated tag of `version`, with what the changelog says about it.
fn tag(project: &Path, version: &str) -> Result<(), String> {
    let file = "CHANGELOG.md";
    let changelog =
        std::fs::read_to_string(project.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let notes = notes(&changelog, version).unwrap_or_default();
    let message = format!("{version}\n\n{notes}\n");
    // Lines that start with `#` are headings and not comments.
    git(
        project,
        &["tag", "--annotate", "--cleanup=whitespace", "--message", &message, &format!("v{version}")],
    )
    .map(drop)
}

fn git(project: &Path, arguments: &[&str]) -> Result<String, String> {
    run::output(Command::new("git").args(arguments).current_dir(project))
        .map_err(|reason| format!("git {}: {reason}", arguments.first().unwrap_or(&"")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const MANIFEST: &str =
        "[package]\nversion = \"0.2.0\"\nrust-version = \"1.89\"\nrepository = \"https://example.com\"\n";
    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-28\n\n### Added\n\n- A thing.\n\n## 0.1.0 - 2026-01-31\n\n- All.\n";

    /// A repository that can be released as 0.2.0.
    fn ready() -> TempDir {
        let project = tempfile::tempdir().unwrap();
        git(project.path(), &["init", "--quiet", "--initial-branch=main"]).unwrap();
        for (key, value) in
            [("user.name", "Maintainer"), ("user.email", "maintainer@example.com"), ("tag.gpgSign", "false")]
        {
            git(project.path(), &["config", key, value]).unwrap();
        }
        commit(&project, "Cargo.toml", MANIFEST);
        commit(&project, "CHANGELOG.md", CHANGELOG);
        project
    }

    fn commit(project: &TempDir, file: &str, text: &str) {
        fs::write(project.path().join(file), text).unwrap();
        git(project.path(), &["add", "--all"]).unwrap();
        git(project.path(), &["-c", "commit.gpgSign=false", "commit", "--quiet", "--message", file]).unwrap();
    }

    /// The problems of a release as 0.2.0.
    fn found(project: &TempDir) -> Vec<String> {
        problems(project.path(), "0.2.0").unwrap()
    }

    #[track_caller]
    fn assert_only(problems: &[String], part: &str) {
        assert!(matches!(problems, [problem] if problem.contains(part)), "{problems:?}");
    }

    #[test]
    fn a_clean_main_with_version_and_changelog_is_ready() {
        assert_eq!(found(&ready()), [""; 0]);
    }

    #[test]
    fn uncommitted_changes_are_refused() {
        let project = ready();
        fs::write(project.path().join("new"), "").unwrap();
        assert_only(&found(&project), "not committed");
    }

    #[test]
    fn releases_are_made_from_main_only() {
        let project = ready();
        git(project.path(), &["switch", "--quiet", "--create", "topic"]).unwrap();
        assert_only(&found(&project), "the branch is topic");
    }

    #[test]
    fn the_manifest_needs_the_version_and_a_repository() {
        let project = ready();
        commit(
            &project,
            "Cargo.toml",
            "[package]\nversion = \"0.1.9\"\nrepository = \"https://example.com\"\n",
        );
        assert_only(&found(&project), "the version is 0.1.9");
        commit(&project, "Cargo.toml", "[package]\nversion = \"0.2.0\"\n");
        assert_only(&found(&project), "`repository` is missing");
    }

    #[test]
    fn the_changelog_needs_a_dated_section_and_nothing_unreleased() {
        let project = ready();
        for (from, to, problem) in [
            ("2026-02-28", "soon", "YYYY-MM-DD"),
            ("### Added\n\n- A thing.\n\n", "", "has no text"),
            ("## Unreleased\n", "## Unreleased\n\n- Another thing.\n", "move what is under"),
            ("## Unreleased\n\n", "", "leave the heading"),
        ] {
            assert!(CHANGELOG.contains(from));
            commit(&project, "CHANGELOG.md", &CHANGELOG.replacen(from, to, 1));
            assert_only(&found(&project), problem);
        }
    }

    #[test]
    fn a_tag_is_annotated_with_the_changelog_and_refused_a_second_time() {
        let project = ready();
        tag(project.path(), "0.2.0").unwrap();
        let tag = git(project.path(), &["cat-file", "-p", "v0.2.0"]).unwrap();
        assert!(tag.contains("\ntype commit\n"), "{tag}");
        assert!(tag.ends_with("\n\n0.2.0\n\n### Added\n\n- A thing.\n"), "{tag}");
        assert_only(&found(&project), "the tag v0.2.0 exists");
    }

    #[test]
    fn the_version_follows_from_the_changes_of_the_contract() {
        let is_accepted = |version, class| is_high_enough(version, "v0.9.1", class).is_ok();
        assert!(is_accepted("0.9.2", None) && is_accepted("0.9.2", Some(ChangeClass::Compatible)));
        assert!(!is_accepted("0.9.2", Some(ChangeClass::Breaking)));
        assert!(is_accepted("0.10.0", Some(ChangeClass::Breaking)));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let problems = problems(ready().path(), "v0.2").unwrap();
        assert!(problems.iter().any(|problem| problem.contains("v0.2 is no version")), "{problems:?}");
    }
}
