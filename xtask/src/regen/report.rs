//! Prints the reports, one line per item with the most important word first.

use serde_json::Value;

use super::change_class::{self, ChangeClass};
use super::compare::{self, Difference};
use super::project::{CONTRACT, GENERATED, MANIFEST, committed, text};
use super::surface;

/// Prints the changes of the contract and of the generated `client` since the last commit, and the next version.
pub fn contract(document: &Value, client: &str) -> Result<(), String> {
    let old = committed(CONTRACT).and_then(|text| {
        let old: Value = serde_json::from_str(&text).map_err(|error| format!("{CONTRACT}: {error}"))?;
        Ok((compare::documents(&old, document, &[])?.0, old))
    });
    let (changes, old) = match old {
        Ok(old) => old,
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
        let changed = old != *document;
        let what = if changed { "only descriptions, examples or references" } else { "no change" };
        print_line!("since the last commit: {what}");
    }
    // Use the version of the last commit, because the current one can already be raised.
    let manifest = committed(MANIFEST).or_else(|_| text(MANIFEST))?;
    // The first version in the manifest is that of the package.
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    if let Some(version) = version
        && let Some((next, rule)) = change_class::next_version(version, overall)
    {
        print_line!("version: {version} -> {next}: {rule}");
    }
    Ok(())
}

/// Describes a difference in one line.
pub fn line(difference: &Difference) -> String {
    let Difference { operation, place, keyword, before, after, .. } = difference;
    let at = if place.is_empty() { operation.clone() } else { format!("{operation}: {place}") };
    let (before, after) = (before.as_ref(), after.as_ref());
    let part = after.or(before);
    let is_required = |part: Option<&Value>| part.is_some_and(|it| it.get("required").is_some());
    let kind = kind(difference);
    match keyword.as_str() {
        "field" | "parameter" | "header" => {
            let need = if is_required(part) { "required" } else { "optional" };
            format!("{at}: {kind}, {need}: {}", describe(part.and_then(|it| it.get("schema")).or(part)))
        }
        "required" => format!("{at}: now {}", if after.is_some() { "required" } else { "optional" }),
        "operation" if kind == "changed" => {
            format!("{at}: probably moved to {}", after.and_then(Value::as_str).unwrap_or_default())
        }
        "content" if !place.contains('/') => format!("{at} application/json: {kind}"),
        "operation" | "response" | "server" | "requestBody" | "content" => format!("{at}: {kind}"),
        "value" => format!("{at}: {kind} value {}", describe(part)),
        _ if place.rsplit(' ').next() == Some(keyword) => {
            format!("{at}: {} -> {}", describe(before), describe(after))
        }
        _ => format!("{at}: {keyword} {} -> {}", describe(before), describe(after)),
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

/// Describes a schema in a few words, such as `array of string, date-time`. Other values are shown as JSON.
fn describe(value: Option<&Value>) -> String {
    let Some(value) = value else { return "none".to_owned() };
    if !value.is_object() {
        return value.to_string();
    }
    let all = |values: &Vec<Value>, separator: &str| {
        values.iter().map(|it| describe(Some(it))).collect::<Vec<_>>().join(separator)
    };
    for (combination, separator) in
        [("enum", " | "), ("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")]
    {
        if let Some(Value::Array(values)) = value.get(combination) {
            return all(values, separator);
        }
    }
    match value.get("type").and_then(Value::as_str) {
        None => "anything".to_owned(),
        Some("array") => {
            format!("array of {}", value.get("items").map_or("anything".to_owned(), |it| describe(Some(it))))
        }
        Some("object") => match value.get("properties").and_then(Value::as_object) {
            Some(fields) if !fields.is_empty() => {
                let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
                names.sort_unstable();
                format!("object {{ {} }}", names.join(", "))
            }
            _ => "object of any shape".to_owned(),
        },
        Some(name) => {
            let format = value.get("format").and_then(Value::as_str).map(|format| format!(", {format}"));
            let limits = ["minLength", "maxLength", "minimum", "maximum", "pattern"];
            let limits = limits.iter().filter_map(|limit| Some(format!(", {limit} {}", value.get(limit)?)));
            [name.to_owned()].into_iter().chain(format).chain(limits).collect()
        }
    }
}
