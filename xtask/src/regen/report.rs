//! Prints the reports, one line per item with the most important word first.

use serde_json::{Value, json};

use super::change_class::{self, ChangeClass};
use super::compare::Difference;
use super::project::{CONTRACT, GENERATED, MANIFEST, Project};
use super::{Output, compare, contract, normalize, surface};

/// Prints a summary of the contract, its changes since the last commit, and the next version.
pub fn contract(project: &Project, document: &Value, outputs: &[Output]) -> Result<(), String> {
    print_line!("{CONTRACT}: {}", contract::summary(document));
    let committed = project.committed(CONTRACT).and_then(|text| contract::parse(&text));
    let committed = match committed {
        Ok(committed) => committed,
        Err(reason) => {
            print_line!("not compared with the last commit: {reason}");
            return Ok(());
        }
    };
    let (changes, _) = compare::documents(&committed, document, &[]);
    for change in &changes {
        print_line!("{:<10}  {}", change_class::classify(change), line(change));
    }
    let mut overall = changes.iter().map(change_class::classify).max();
    let client =
        outputs.iter().find(|output| output.file == GENERATED).map_or("", |output| output.expected.as_str());
    match project.committed(GENERATED) {
        Ok(before) => {
            let code = surface::changes(&before, client)?;
            let added = code.added.iter().map(|line| (ChangeClass::Compatible, "new", line));
            let removed = code.removed.iter().map(|line| (ChangeClass::Breaking, "gone", line));
            for (class, what, line) in removed.chain(added) {
                let shown = line.split(" where ").next().unwrap_or(line);
                print_line!("{class:<10}  generated code: {what}: {shown}");
                overall = overall.max(Some(class));
            }
        }
        Err(reason) => print_line!("generated code not compared with the last commit: {reason}"),
    }
    if overall.is_none() && committed != *document {
        print_line!("since the last commit: only descriptions, examples or references");
    } else if overall.is_none() {
        print_line!("since the last commit: no change");
    }
    // Use the version of the last commit, because the current one can already be raised.
    let manifest = project.committed(MANIFEST).or_else(|_| project.text(MANIFEST))?;
    if let Some((version, (next, rule))) =
        version(&manifest).and_then(|version| Some((version, change_class::next_version(version, overall)?)))
    {
        print_line!("version: {version} -> {next}: {rule}");
    }
    Ok(())
}

/// Returns the first version in a manifest, which is that of the package.
fn version(manifest: &str) -> Option<&str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""))?;
    line.split('"').next()
}

/// Describes a difference in one line.
pub fn line(difference: &Difference) -> String {
    let Difference { operation, place, keyword, before, after, required, .. } = difference;
    let at = if place.is_empty() { operation.clone() } else { format!("{operation}: {place}") };
    let (before, after) = (before.as_ref(), after.as_ref());
    let kind = kind(difference);
    match keyword.as_str() {
        "field" | "parameter" | "header" => {
            let need = if *required { "required" } else { "optional" };
            format!("{at}: {kind}, {need}: {}", describe(keyword, after.or(before)))
        }
        "required" => {
            format!("{at}: now {}", if after == Some(&json!(true)) { "required" } else { "optional" })
        }
        "operation" | "response" | "server" | "requestBody" | "content" => format!("{at}: {kind}"),
        "value" => format!("{at}: {kind} value {}", describe(keyword, after.or(before))),
        _ if place.rsplit(' ').next() == Some(keyword) => {
            format!("{at}: {} -> {}", describe(keyword, before), describe(keyword, after))
        }
        _ => format!("{at}: {keyword} {} -> {}", describe(keyword, before), describe(keyword, after)),
    }
}

/// Returns `new`, `gone` or `changed`.
pub fn kind(difference: &Difference) -> &'static str {
    match (&difference.before, &difference.after) {
        (None, _) => "new",
        (_, None) => "gone",
        _ => "changed",
    }
}

fn describe(keyword: &str, value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(parameter) if matches!(keyword, "parameter" | "header") => {
            parameter.get("schema").map_or_else(|| "of any shape".to_owned(), normalize::describe)
        }
        Some(schema) if schema.is_object() => normalize::describe(schema),
        Some(value) => value.to_string(),
    }
}
