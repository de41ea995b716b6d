//! Rules for the contract, in addition to OpenAPI 3.0.
//!
//! These are what the generator doesn't check itself: it requires ids, and one schema for the errors of an operation.
//! Named schemas make the generated types readable, and examples must be correct. All violations are reported, each with
//! its location, the name of the rule and a message.

use serde_json::{Map, Value, json};

use super::json::{self, join};
use super::openapi_schema;

/// The start of a description that is still to be written.
const PLACEHOLDER: &str = "TODO";

/// Keywords of schemas that need a name.
const UNNAMED: [&str; 7] = ["properties", "additionalProperties", "allOf", "anyOf", "enum", "oneOf", "not"];

/// Returns all violations, sorted by location. If the contract is not valid OpenAPI 3.0, only that is checked.
pub fn violations(document: &Value) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut add =
        |pointer: &str, rule: &str, message: &str| found.push(format!("#{pointer}: {rule}: {message}"));
    let invalid = openapi_schema::violations(document)?;
    for (pointer, message) in &invalid {
        add(pointer, "OpenAPI 3.0", message);
    }
    if invalid.is_empty() {
        json::visit(document, "", &mut |value, pointer| {
            let target = value.get("$ref").and_then(Value::as_str);
            let is_resolved =
                |target: &str| target.strip_prefix('#').and_then(|it| document.pointer(it)).is_some();
            if let Some(target) = target.filter(|target| !is_resolved(target)) {
                add(pointer, "reference", &format!("unresolved reference `{target}`"));
            }
            named(value, pointer, &mut add);
            examples(document, value, pointer, &mut add);
            let is_placeholder = value.as_str().is_some_and(|text| text.starts_with(PLACEHOLDER));
            if is_placeholder && pointer.ends_with("/description") {
                add(pointer, "description", "replace the placeholder");
            }
        });
        for (_, pointer) in json::operations(document) {
            operation(document.pointer(&pointer).unwrap_or(&Value::Null), &pointer, &mut add);
        }
    }
    found.sort();
    Ok(found)
}

/// Checks that an operation has a summary, a success and a default response.
fn operation(operation: &Value, pointer: &str, add: &mut impl FnMut(&str, &str, &str)) {
    if operation.get("summary").is_none_or(|summary| summary == "") {
        add(pointer, "summary", "missing summary");
    }
    let mut statuses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    if !statuses.any(|(status, _)| status.starts_with('2')) {
        add(&join(pointer, "responses"), "success", "missing 2xx response");
    }
    if operation.pointer("/responses/default/content/application~1json/schema").is_none() {
        add(&join(pointer, "responses"), "default", "missing `default` response with a JSON schema");
    }
}

/// Checks that objects, combinations and enumerations are components. Otherwise the generator would invent their
/// names, and the enumerations could not be opened for unknown values, which `build/view.rs` does by name.
fn named(schema: &Value, pointer: &str, add: &mut impl FnMut(&str, &str, &str)) {
    let is_named = pointer.starts_with("/components/schemas/") && pointer.matches('/').count() == 3;
    if is_named || !json::is_schema(pointer) || schema.get("$ref").is_some() {
        return;
    }
    let is_object = schema.get("type").is_some_and(|of| of == "object");
    if is_object || UNNAMED.iter().any(|keyword| schema.get(keyword).is_some()) {
        let message =
            "unnamed object, enumeration or combination of schemas; move it to #/components/schemas";
        add(pointer, "named schemas", message);
    }
}

/// Checks that the examples of a schema, or of what has a schema, are valid.
fn examples(document: &Value, value: &Value, pointer: &str, add: &mut impl FnMut(&str, &str, &str)) {
    let schema = if json::is_schema(pointer) { Some(value) } else { value.get("schema") };
    let Some(schema) = schema.filter(|schema| schema.is_object() && value.get("$ref").is_none()) else {
        return;
    };
    let named = value.get("examples").and_then(Value::as_object).into_iter().flatten();
    let named = named.map(|(name, _)| join(&join("/examples", name), "value"));
    for place in named.chain(["/example".to_owned()]) {
        let example = json::locate(document, &format!("{pointer}{place}"));
        let Some(example) = document.pointer(&example) else { continue };
        let components = document.get("components").map(nullable);
        let schema = json!({ "allOf": [nullable(schema)], "components": components });
        match openapi_schema::validator(&schema) {
            Ok(validator) => {
                for (inner, message) in openapi_schema::errors(&validator, example) {
                    add(&format!("{pointer}{place}{inner}"), "examples", &message);
                }
            }
            Err(reason) => add(pointer, "examples", &format!("invalid schema: {reason}")),
        }
    }
}

/// Converts `nullable` to JSON Schema.
fn nullable(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let converted = members.iter().map(|(name, member)| (name.clone(), nullable(member)));
            let converted: Map<String, Value> = converted.collect();
            let is_nullable = members.get("nullable") == Some(&json!(true));
            if is_nullable { json!({ "anyOf": [{ "enum": [null] }, converted] }) } else { converted.into() }
        }
        Value::Array(items) => items.iter().map(nullable).collect(),
        scalar => scalar.clone(),
    }
}
