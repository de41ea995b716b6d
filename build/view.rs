//! The client's view of the contract, which is the input of the generator.
//!
//! Requests stay as strict as documented. Responses are decoded leniently, because a service changes before its
//! clients do: a session only requires the token and its dates, enums accept unknown values, and each response
//! comes with its mismatches. All of this is derived from the contract; only [`ESSENTIAL`]
//! names fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The response fields that a session requires.
const ESSENTIAL: [&str; 3] = ["accessToken", "issuedAt", "expiresAt"];

const SCHEMAS: &str = "#/components/schemas/";

/// The document for the generator, with the Rust types to use for some of its schemas.
pub struct View {
    /// The document to generate from.
    pub document: Value,
    /// Pairs of a schema name and the Rust type that replaces it.
    pub replaced: Vec<(String, String)>,
    /// The names of the schemas for which types are generated.
    pub generated: Vec<String>,
    /// The length limits by schema name: keyword and value.
    pub lengths: BTreeMap<String, Vec<(String, u64)>>,
}

/// Derives the client's view from `contract`.
///
/// # Errors
///
/// Returns an error that says what is missing from the contract or unsupported.
pub fn of(mut contract: Value) -> Result<View, String> {
    let wrapped = wrap_responses(&mut contract)?;
    let schemas = contract
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
        .ok_or("missing `components.schemas`")?;
    let generated: Vec<String> = schemas.keys().cloned().collect();
    let lengths = schemas.iter().map(|(name, schema)| (name.clone(), lengths(schema)));
    let lengths = lengths.filter(|(_, lengths)| !lengths.is_empty()).collect();

    let in_responses = reachable(schemas, &wrapped)?;
    let open: BTreeSet<String> = in_responses
        .iter()
        .filter(|name| schemas.get(*name).is_some_and(|schema| schema.get("enum").is_some()))
        .cloned()
        .collect();
    for name in &in_responses {
        if let Some(schema) = schemas.get_mut(name) {
            relax(schema);
            open_enums(schema, &open);
        }
    }

    let mut replaced = Vec::new();
    for name in &wrapped {
        replaced.push((wrapper_of(name), format!("crate::api::Lenient<crate::api::types::{name}>")));
    }
    for name in &open {
        replaced.push((open_of(name), format!("crate::Open<crate::api::types::{name}>")));
    }
    for (name, _) in &replaced {
        schemas.insert(name.clone(), json!({ "type": "string" }));
    }
    Ok(View { document: contract, replaced, generated, lengths })
}

/// Replaces the schema of each response with a wrapper, and returns the names of the wrapped schemas.
fn wrap_responses(contract: &mut Value) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    let paths = contract.get_mut("paths").and_then(Value::as_object_mut).ok_or("missing `paths`")?;
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
                continue;
            };
            merge_error_responses(responses).map_err(|reason| format!("{method} {path}: {reason}"))?;
            for (status, response) in responses {
                let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                    continue;
                };
                let name = reference_name(schema)
                    .ok_or_else(|| {
                        format!("{method} {path}: response {status} must reference a named schema")
                    })?
                    .to_owned();
                *schema = reference(&wrapper_of(&name));
                names.insert(name);
            }
        }
    }
    Ok(names)
}

/// Replaces `default` and each error status with `4XX` and `5XX`.
///
/// The generator also treats `default` as a success, and it panics if the successes or the errors of an operation
/// have more than one type.
fn merge_error_responses(responses: &mut Map<String, Value>) -> Result<(), String> {
    let Some(default) = responses.remove("default") else { return Ok(()) };
    let schema = "/content/application~1json/schema";
    let statuses: Vec<String> =
        responses.keys().filter(|status| status.starts_with(['4', '5'])).cloned().collect();
    for status in statuses {
        let single = responses.remove(&status);
        if single.as_ref().and_then(|single| single.pointer(schema)) != default.pointer(schema) {
            return Err(format!("the schema of response {status} differs from that of the default response"));
        }
    }
    responses.insert("4XX".to_owned(), default.clone());
    responses.insert("5XX".to_owned(), default);
    Ok(())
}

/// Returns the schemas that can be part of a response, by following references from `roots`.
fn reachable(schemas: &Map<String, Value>, roots: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<String> = roots.iter().cloned().collect();
    while let Some(name) = pending.pop() {
        let schema = schemas.get(&name).ok_or_else(|| format!("unresolved reference: {SCHEMAS}{name}"))?;
        if found.insert(name) {
            visit(schema, &mut |part| pending.extend(reference_name(part).map(str::to_owned)));
        }
    }
    Ok(found)
}

/// Makes all fields optional except the essential ones. Arrays become nullable, so that the generated type
/// distinguishes an absent array from an empty one.
fn relax(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let mut kept = Vec::new();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| ESSENTIAL.contains(&name)));
        kept.clone_from(required);
    }
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        if property.get("type").is_some_and(|of| of == "array") && !kept.iter().any(|kept| kept == name) {
            property["nullable"] = Value::Bool(true);
        }
    }
}

/// Replaces references to the enums in `open` with references to their open counterparts.
fn open_enums(schema: &mut Value, open: &BTreeSet<String>) {
    if let Some(name) = reference_name(schema).filter(|name| open.contains(*name)) {
        *schema = reference(&open_of(name));
        return;
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| open_enums(member, open)),
        Value::Array(items) => items.iter_mut().for_each(|item| open_enums(item, open)),
        _ => {}
    }
}

fn lengths(schema: &Value) -> Vec<(String, u64)> {
    let bound = |keyword: &str| Some((keyword.to_owned(), schema.get(keyword)?.as_u64()?));
    ["minLength", "maxLength"].into_iter().filter_map(bound).collect()
}

fn visit(value: &Value, callback: &mut impl FnMut(&Value)) {
    callback(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| visit(member, callback)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, callback)),
        _ => {}
    }
}

fn reference_name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

fn wrapper_of(name: &str) -> String {
    format!("{name}Response")
}

fn open_of(name: &str) -> String {
    format!("Open{name}")
}
