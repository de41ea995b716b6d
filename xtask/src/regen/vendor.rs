//! Extracts our operations from the vendor's description.
//!
//! The description has schemas that no OpenAPI parser accepts, but not in our operations, once they are repaired. The
//! result is a small document with our operations only and all references inlined, which is validated with the official
//! schema.

use serde_json::{Map, Value, json};

use super::inline::inlined;
use super::json::{self, join};
use super::repairs::{Repair, Repairs};
use super::{compare, openapi_schema};

/// Our operations, extracted from the vendor's description.
pub struct Extract {
    /// A valid document with our operations.
    pub document: Value,
    /// The repairs that were applied, with their operations.
    pub repaired: Vec<(String, Repair)>,
    /// The repairs whose defect is gone, with their operations.
    pub unneeded: Vec<(String, Repair)>,
}

/// Extracts the operations of `ours` from the vendor's `text`.
///
/// # Errors
///
/// Returns a one-line message with the location of what is missing or invalid.
pub fn read(text: &str, ours: &Value, repairs: &Repairs) -> Result<Extract, String> {
    let description: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("failed to parse: {error}"))?;
    let description = Value::Object(description);
    let inline = |value: &Value, pointer: &str| inlined(&description, value, pointer);
    let (mut repaired, mut unneeded) = (Vec::new(), Vec::new());
    let mut paths = json!({});
    for (name, pointer) in json::operations(ours) {
        let mut operation =
            description.pointer(&pointer).cloned().ok_or_else(|| missing(&description, ours, &name))?;
        for repair in repairs.get(&name).into_iter().flatten() {
            let list = if repair.apply(&mut operation) { &mut repaired } else { &mut unneeded };
            list.push((name.clone(), repair.clone()));
        }
        let (of_item, method) = pointer.rsplit_once('/').unwrap_or_default();
        let path = name.split_once(' ').unwrap_or_default().1;
        paths[path][method] = inline(&operation, &pointer)?;
        for shared in ["parameters", "servers"] {
            let pointer = join(of_item, shared);
            if let Some(value) = description.pointer(&pointer) {
                paths[path][shared] = inline(value, &pointer)?;
            }
        }
    }
    let mut document = json!({ "openapi": "3.0.3", "info": { "title": "", "version": "" }, "paths": paths });
    for shared in ["servers", "security"] {
        if let Some(value) = description.get(shared) {
            document[shared] = inline(value, &join("", shared))?;
        }
    }
    if let Some((pointer, wrong)) = openapi_schema::violations(&document)?.first() {
        let hint = "if this is a defect of the description, add a repair to openapi/repairs.json";
        return Err(format!("#{pointer}: not OpenAPI 3.0: {wrong}; {hint}"));
    }
    // Other operations' schemes can be invalid.
    let schemes = "/components/securitySchemes";
    if let Some(value) = description.pointer(schemes) {
        document["components"]["securitySchemes"] = inline(value, schemes)?;
    }
    Ok(Extract { document, repaired, unneeded })
}

/// Returns the error for an operation that the description doesn't have.
fn missing(description: &Value, ours: &Value, name: &str) -> String {
    let ours: Vec<String> = json::operations(ours).into_iter().map(|(name, _)| name).collect();
    let theirs: Vec<String> = json::operations(description).into_iter().map(|(name, _)| name).collect();
    match compare::similar(name, theirs.iter().filter(|name| !ours.contains(name))) {
        None => format!("missing operation {name}"),
        Some(similar) => format!("missing operation {name}; probably moved to {similar}"),
    }
}
