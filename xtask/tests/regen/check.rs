//! `--check` detects every generated file that is out of date.

use crate::project::{CONTRACT, Project};

/// Asserts that `--check` fails with a diff of `file` and does not change it. Returns the output.
fn fails_with_diff_of(project: &Project, file: &str) -> String {
    let before = project.read(file);
    let run = project.regen(&["--check"]);
    assert_eq!(run.status, 1, "{}", run.out);
    assert!(run.out.contains(&format!("--- a/{file}\n+++ b/{file}\n@@ ")), "{}", run.out);
    assert!(run.err.contains("run `cargo xtask regen`"), "{}", run.err);
    assert_eq!(project.read(file), before);
    run.out
}

#[test]
fn the_project_is_up_to_date() {
    let run = Project::real().regen(&["--check"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("since the last commit: no change\n"), "{}", run.out);
}

#[test]
fn a_hand_edit_of_the_generated_client_fails_the_check_with_a_diff() {
    let project = Project::real();
    let edited = project.read("src/api/generated.rs").replacen("pub struct User ", "pub struct Person ", 1);
    project.write("src/api/generated.rs", &edited);
    let diff = fails_with_diff_of(&project, "src/api/generated.rs");
    assert!(diff.contains("-    pub struct Person {\n+    pub struct User {\n"), "{diff}");
}

#[test]
fn a_different_member_order_in_the_contract_fails_the_check_with_a_diff() {
    let project = Project::real();
    let text = project.read(CONTRACT);
    let (license, url) =
        ("\"name\": \"MIT OR Apache-2.0\"", "\"url\": \"https://spdx.org/licenses/MIT.html\"");
    let swapped = text.replace(license, "@").replace(url, license).replace('@', url);
    assert_ne!(swapped, text);
    project.write(CONTRACT, &swapped);
    fails_with_diff_of(&project, CONTRACT);
}

#[test]
fn a_hand_edit_of_the_table_of_deviations_fails_the_check_with_a_diff() {
    let project = Project::real();
    project.write("openapi/README.md", &project.read("openapi/README.md").replace("six-digit", "five-digit"));
    fails_with_diff_of(&project, "openapi/README.md");
}

#[test]
fn regen_updates_all_files_and_is_idempotent() {
    let files = [CONTRACT, "src/api/generated.rs", "openapi/README.md"];
    let project = Project::real();
    let expected = files.map(|file| project.read(file));
    project.change(CONTRACT, "", |_| {});
    project.write("src/api/generated.rs", "");
    project.write("openapi/README.md", &project.read("openapi/README.md").replace("six-digit", "five-digit"));

    assert_eq!(project.regen(&[]).lines("updated:").len(), 3);
    assert_eq!(files.map(|file| project.read(file)), expected);
    assert!(project.regen(&[]).lines("updated:").is_empty());
    assert_eq!(files.map(|file| project.read(file)), expected);
}
