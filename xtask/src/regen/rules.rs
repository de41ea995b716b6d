//! Rules for the contract, in addition to OpenAPI 3.0.
//!
//! The generator requires names and certain responses, named schemas make the generated types readable, and examples
//! must be correct. All violations are reported, each with its location, the name of the rule and a message.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use super::node::{Node, join};
use super::{contract, openapi_schema};

/// The start of a placeholder description.
pub const PLACEHOLDER: &str = "TODO";

/// A violation of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The location: a JSON pointer into the contract.
    pub pointer: String,
    /// The name of the rule.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}: {}: {}", self.pointer, self.rule, self.message)
    }
}

/// Returns all violations, sorted by location. If the contract is not valid OpenAPI 3.0, only that is checked.
pub fn violations(document: &Value) -> Result<Vec<Violation>, String> {
    let mut found = Violations(Vec::new());
    for (pointer, message) in openapi_schema::violations(document)? {
        found.add(pointer, "OpenAPI 3.0", message);
    }
    if found.0.is_empty() {
        references(document, &mut found);
        operations(document, &mut found);
        named(document, &mut found);
        examples(document, &mut found);
    }
    found.0.sort();
    Ok(found.0)
}

/// Returns the JSON pointers of all placeholder descriptions.
pub fn placeholders(document: &Value) -> Vec<String> {
    fn visit(value: &Value, pointer: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| visit(member, &join(pointer, name), found));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| visit(item, &join(pointer, &index.to_string()), found));
            }
            Value::String(text) if text.starts_with(PLACEHOLDER) => found.push(pointer.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(document, "", &mut found);
    found.sort();
    found
}

struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, pointer: impl Into<String>, rule: &'static str, message: impl Into<String>) {
        self.0.push(Violation { pointer: pointer.into(), rule, message: message.into() });
    }
}

/// Checks that references can be resolved.
fn references(document: &Value, found: &mut Violations) {
    contract::references(document, &mut |pointer, target| {
        if target.strip_prefix('#').and_then(|target| document.pointer(target)).is_none() {
            found.add(pointer, "reference", format!("unresolved reference `{target}`"));
        }
    });
}

/// Checks that each operation has a unique id, a summary, a success, a default response, and one schema for errors.
fn operations(document: &Value, found: &mut Violations) {
    let root = Node::root(document);
    let mut ids = BTreeSet::new();
    for (_, _, pointer) in contract::operations(document) {
        let Some(operation) = root.find(&pointer) else { continue };
        let id = operation.text("operationId");
        if id.is_empty() {
            found.add(&pointer, "operation id", "missing operationId");
        } else if !ids.insert(id) {
            let place = join(&pointer, "operationId");
            found.add(place, "operation id", format!("duplicate operationId {id}"));
        }
        if operation.text("summary").is_empty() {
            found.add(&pointer, "summary", "missing summary");
        }
        let responses = operation.get("responses").map(|it| it.members()).unwrap_or_default();
        if !responses.iter().any(|(status, _)| status.starts_with('2')) {
            found.add(join(&pointer, "responses"), "success", "missing 2xx response");
        }
        if !responses.iter().any(|(status, _)| *status == "default") {
            found.add(join(&pointer, "responses"), "default", "missing `default` response");
        }
        one_error(&responses, found);
    }
}

fn one_error(responses: &[(&str, Node<'_>)], found: &mut Violations) {
    let errors =
        responses.iter().filter(|(status, _)| status.starts_with(['4', '5']) || *status == "default");
    let schema = |response: &Node<'_>| {
        let media = response.value.get("content")?.get("application/json")?;
        media.get("schema").cloned()
    };
    let default = responses.iter().find(|(status, _)| *status == "default");
    let wanted = default.and_then(|(_, response)| schema(response));
    for (status, response) in errors {
        if schema(response).is_none() {
            found.add(&response.pointer, "one error type", format!("response {status} has no JSON schema"));
        } else if wanted.is_some() && schema(response) != wanted {
            let message =
                format!("the schema of response {status} differs from that of the default response");
            found.add(&response.pointer, "one error type", message);
        }
    }
}

/// Checks that objects, combinations and enumerations are components. Otherwise the generator would invent their
/// names, and the enumerations could not be opened for unknown values, which `build/view.rs` does by name.
fn named(document: &Value, found: &mut Violations) {
    const UNNAMED: [&str; 6] = ["properties", "additionalProperties", "allOf", "anyOf", "oneOf", "not"];
    contract::schemas(document, &mut |schema, pointer, is_component| {
        if is_component || schema.get("$ref").is_some() {
            return;
        }
        if schema.get("type").is_some_and(|of| of == "object")
            || UNNAMED.iter().any(|it| schema.get(it).is_some())
        {
            let message = "unnamed object or combination of schemas; move it to #/components/schemas";
            found.add(pointer, "named schemas", message);
        } else if schema.get("enum").is_some() {
            let message = "unnamed enumeration; move it to #/components/schemas";
            found.add(pointer, "named schemas", message);
        }
    });
}

/// Checks that examples are valid for their schemas.
fn examples(document: &Value, found: &mut Violations) {
    let components = convert_nullable(document.get("components").cloned().unwrap_or_default());
    let mut validate = |schema: &Value, example: &Value, pointer: &str| {
        let schema = json!({ "allOf": [convert_nullable(schema.clone())], "components": components.clone() });
        match openapi_schema::validator(&schema) {
            Ok(validator) => {
                for (place, message) in openapi_schema::errors(&validator, example) {
                    found.add(format!("{pointer}{place}"), "examples", message);
                }
            }
            Err(reason) => found.add(pointer, "examples", format!("invalid schema: {reason}")),
        }
    };
    contract::schemas(document, &mut |schema, pointer, _| {
        if let Some(example) = schema.get("example") {
            validate(schema, example, &join(pointer, "example"));
        }
    });
    visit_schema_owners(&Node::root(document), &mut |owner| {
        let Some(schema) = owner.value.get("schema") else { return };
        if let Some(example) = owner.value.get("example") {
            validate(schema, example, &join(&owner.pointer, "example"));
        }
        for (_, example) in owner.get("examples").map(|it| it.members()).unwrap_or_default() {
            if let Some(value) = example.value.get("value") {
                validate(schema, value, &join(&example.pointer, "value"));
            }
        }
    });
}

/// Calls `callback` with each media type, parameter and header that has a schema.
fn visit_schema_owners(node: &Node<'_>, callback: &mut impl FnMut(&Node<'_>)) {
    fn visit(value: &Value, pointer: &str, root: &Node<'_>, callback: &mut impl FnMut(&Node<'_>)) {
        match value {
            Value::Object(members) => {
                if members.contains_key("schema") {
                    root.find(pointer).iter().for_each(&mut *callback);
                    return;
                }
                for (name, member) in members.iter().filter(|(name, _)| *name != "schemas") {
                    visit(member, &join(pointer, name), root, callback);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &join(pointer, &index.to_string()), root, callback);
                }
            }
            _ => {}
        }
    }
    visit(node.value, "", node, callback);
}

/// Converts `nullable` to JSON Schema.
fn convert_nullable(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.into_iter().map(|(name, member)| (name, convert_nullable(member))).collect();
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                return json!({ "anyOf": [{ "enum": [null] }, members] });
            }
            Value::Object(members)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(convert_nullable).collect()),
        scalar => scalar,
    }
}
