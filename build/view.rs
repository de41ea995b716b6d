//! The reader's view of the contract: what the generator is given in place of the contract itself.
//!
//! Requests stay as strict as documented. A response is read tolerantly, because a service grows
//! faster than its readers: of a session only the token and its dates have to be there, an enum value
//! may be new, and an answer comes wrapped with what departed from the contract. The contract stays
//! the one source of all of this; nothing here names a field but [`ESSENTIAL`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The fields of a response without which there is no session.
const ESSENTIAL: [&str; 3] = ["accessToken", "issuedAt", "expiresAt"];

const SCHEMAS: &str = "#/components/schemas/";

/// The contract as the generator sees it, and the types to put in for schemas that are only names.
pub struct View {
    /// The document to generate from.
    pub document: Value,
    /// Pairs of a schema's name and the Rust type that stands for it.
    pub replaced: Vec<(String, String)>,
    /// The names of the schemas of which types are generated.
    pub generated: Vec<String>,
    /// For each schema with a bounded length, the keywords that bound it.
    pub lengths: BTreeMap<String, Vec<(String, u64)>>,
}

/// Derives the reader's view of `contract`.
///
/// # Errors
///
/// Says which rule the contract breaks.
pub fn of(mut contract: Value) -> Result<View, String> {
    let answers = wrap_answers(&mut contract)?;
    let schemas = contract
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
        .ok_or("it has no components.schemas")?;
    let generated: Vec<String> = schemas.keys().cloned().collect();
    let lengths = schemas.iter().map(|(name, schema)| (name.clone(), lengths(schema)));
    let lengths = lengths.filter(|(_, lengths)| !lengths.is_empty()).collect();

    let received = reachable(schemas, &answers)?;
    let open: BTreeSet<String> = received
        .iter()
        .filter(|name| schemas.get(*name).is_some_and(|schema| schema.get("enum").is_some()))
        .cloned()
        .collect();
    for name in &received {
        if let Some(schema) = schemas.get_mut(name) {
            relax(schema);
            open_enums(schema, &open);
        }
    }

    let mut replaced = Vec::new();
    for name in &answers {
        replaced.push((answer_of(name), format!("crate::Answer<crate::api::types::{name}>")));
    }
    for name in &open {
        replaced.push((open_of(name), format!("crate::Open<crate::api::types::{name}>")));
    }
    for (name, _) in &replaced {
        schemas.insert(name.clone(), json!({ "type": "string" }));
    }
    Ok(View { document: contract, replaced, generated, lengths })
}

/// Lets each response refer to an answer around its schema, and returns the schemas' names.
fn wrap_answers(contract: &mut Value) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    let paths = contract.get_mut("paths").and_then(Value::as_object_mut).ok_or("it has no paths")?;
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
                continue;
            };
            join_errors(responses).map_err(|rule| format!("{method} {path}: {rule}"))?;
            for (status, response) in responses {
                let Some(schema) = response.pointer_mut("/content/application~1json/schema") else {
                    continue;
                };
                let name = referred(schema)
                    .ok_or_else(|| {
                        format!("{method} {path}: the schema of response {status} is not a named component")
                    })?
                    .to_owned();
                *schema = reference(&answer_of(&name));
                names.insert(name);
            }
        }
    }
    Ok(names)
}

/// Puts `4XX` and `5XX` in the place of `default` and of each single error status.
///
/// The generator takes `default` for a success as well, and gives up on an operation whose successes, or
/// whose errors, have more than one type.
fn join_errors(responses: &mut Map<String, Value>) -> Result<(), String> {
    let Some(default) = responses.remove("default") else { return Ok(()) };
    let schema = "/content/application~1json/schema";
    let statuses: Vec<String> =
        responses.keys().filter(|status| status.starts_with(['4', '5'])).cloned().collect();
    for status in statuses {
        let single = responses.remove(&status);
        if single.as_ref().and_then(|single| single.pointer(schema)) != default.pointer(schema) {
            return Err(format!("response {status} has another schema than the default response"));
        }
    }
    responses.insert("4XX".to_owned(), default.clone());
    responses.insert("5XX".to_owned(), default);
    Ok(())
}

/// The schemas that can be part of a response, found by following references from `roots`.
fn reachable(schemas: &Map<String, Value>, roots: &BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let schema =
            schemas.get(&name).ok_or_else(|| format!("{SCHEMAS}{name} is referred to but missing"))?;
        if found.insert(name) {
            visit(schema, &mut |part| open.extend(referred(part).map(str::to_owned)));
        }
    }
    Ok(found)
}

/// Requires nothing but the essential fields. Arrays become nullable, which makes the generator tell an
/// absent one from an empty one.
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

/// Points references to the enums in `open` to their open counterparts.
fn open_enums(schema: &mut Value, open: &BTreeSet<String>) {
    if let Some(name) = referred(schema).filter(|name| open.contains(*name)) {
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

fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
    see(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| visit(member, see)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        _ => {}
    }
}

fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

fn answer_of(name: &str) -> String {
    format!("{name}Answer")
}

fn open_of(name: &str) -> String {
    format!("Open{name}")
}
