//! Prints the reports, one line per item with the most important word first.

use serde_json::Value;

use super::change_class::{self, ChangeClass};
use super::compare::{self, Difference};
use super::project::{CONTRACT, GENERATED, MANIFEST, committed, text, value};
use super::{canonical, surface};

/// Prints the changes of the contract and of the generated `client` since the last commit, and the next version.
pub fn contract(document: &Value, client: &str) -> Result<(), String> {
    let (changes, is_same) = match changes(document) {
        Ok(changes) => changes,
        Err(reason) => {
            print_line!("not compared with the last commit: {reason}");
            return Ok(());
        }
    };
    let mut overall = changes.iter().map(change_class::classify).max();
    for change in &changes {
        print_line!("{:<10}  {}", change_class::classify(change), line(change));
    }
    match committed(GENERATED) {
        Ok(before) => {
            for (class, line) in surface::changes(&before, client)? {
                let what = if class == ChangeClass::Breaking { "gone" } else { "new" };
                print_line!("{class:<10}  generated code: {what}: {line}");
                overall = overall.max(Some(class));
            }
        }
        Err(reason) => print_line!("generated code not compared with the last commit: {reason}"),
    }
    if overall.is_none() {
        let what = if is_same { "no change" } else { "only descriptions, examples or references" };
        print_line!("since the last commit: {what}");
    }
    // Use the version of the last commit, because the current one can already be raised.
    let manifest = committed(MANIFEST).or_else(|_| text(MANIFEST))?;
    if let Some(version) = value(&manifest, "version")
        && let Some((next, rule)) = change_class::next_version(&version, overall)
    {
        print_line!("version: {version} -> {next}: {rule}");
    }
    Ok(())
}

/// Returns the changes since the last commit, and whether the contract is the same.
fn changes(document: &Value) -> Result<(Vec<Difference>, bool), String> {
    let old = committed(CONTRACT)?;
    let old: Value = serde_json::from_str(&old).map_err(|error| format!("{CONTRACT}: {error}"))?;
    Ok((compare::documents(&old, document, &[])?.0, old == *document))
}

/// Describes a difference in one line, with both values.
pub fn line(difference: &Difference) -> String {
    let Difference { operation, place, keyword, before, after, .. } = difference;
    let at = if place.is_empty() { operation.clone() } else { format!("{operation}: {place}") };
    let kind = kind(difference);
    let shown = |side: &Option<Value>| side.as_ref().map_or("none".to_owned(), canonical::line);
    let part = if after.is_some() { after } else { before };
    match keyword.as_str() {
        "field" | "parameter" | "header" => {
            let is_required = part.as_ref().is_some_and(|part| part.get("required").is_some());
            format!("{at}: {kind}, {}: {}", if is_required { "required" } else { "optional" }, shown(part))
        }
        "required" => format!("{at}: now {}", if after.is_some() { "required" } else { "optional" }),
        "operation" if kind == "changed" => {
            format!("{at}: probably moved to {}", shown(after).trim_matches('"'))
        }
        "content" if !place.contains('/') => format!("{at} application/json: {kind}"),
        "operation" | "response" | "server" | "requestBody" | "content" => format!("{at}: {kind}"),
        "value" => format!("{at}: {kind} value {}", shown(part)),
        _ if place.rsplit(' ').next() == Some(keyword) => {
            format!("{at}: {} -> {}", shown(before), shown(after))
        }
        _ => format!("{at}: {keyword} {} -> {}", shown(before), shown(after)),
    }
}

/// Returns `new`, `gone` or `changed`.
pub fn kind(difference: &Difference) -> &'static str {
    match (&difference.before, &difference.after) {
        _ if difference.keyword == "required" => "changed",
        (None, _) => "new",
        (_, None) => "gone",
        _ => "changed",
    }
}
