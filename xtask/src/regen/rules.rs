//! What has to hold of the contract, beyond being OpenAPI 3.0.
//!
//! Each rule is there for someone: names and answers for the generator, named schemas for people who read the
//! generated types, examples for everyone who learns from them. All violations are told, each with the rule's
//! name, its place and a sentence.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use super::node::{Node, join};
use super::{contract, openapi_schema};

/// What a text begins with that a person still has to write.
pub const PLACEHOLDER: &str = "TO BE WRITTEN";

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where: a JSON pointer into the contract.
    pub pointer: String,
    /// The name of the rule.
    pub rule: &'static str,
    /// What the rule message.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}: {}: {}", self.pointer, self.rule, self.message)
    }
}

/// All violations of all rules, by place. If the contract is no OpenAPI 3.0, it is not held against the others.
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

/// Places whose text is still to be written: JSON pointers.
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

/// References lead somewhere.
fn references(document: &Value, found: &mut Violations) {
    contract::references(document, &mut |pointer, target| {
        if target.strip_prefix('#').and_then(|target| document.pointer(target)).is_none() {
            found.add(pointer, "reference", format!("{target} is referred to but missing"));
        }
    });
}

/// Each operation has an id of its own, a summary, a success, a default answer, and one schema for errors.
fn operations(document: &Value, found: &mut Violations) {
    let root = Node::root(document);
    let mut ids = BTreeSet::new();
    for (_, _, pointer) in contract::operations(document) {
        let Some(operation) = root.find(&pointer) else { continue };
        let id = operation.text("operationId");
        if id.is_empty() {
            found.add(&pointer, "operation id", "the operation has no operationId");
        } else if !ids.insert(id) {
            let place = join(&pointer, "operationId");
            found.add(place, "operation id", format!("another operation has the operationId {id} too"));
        }
        if operation.text("summary").is_empty() {
            found.add(&pointer, "summary", "the operation has no summary");
        }
        let responses = operation.get("responses").map(|it| it.members()).unwrap_or_default();
        if !responses.iter().any(|(status, _)| status.starts_with('2')) {
            found.add(join(&pointer, "responses"), "success", "no response with a status of 2xx");
        }
        if !responses.iter().any(|(status, _)| *status == "default") {
            found.add(join(&pointer, "responses"), "default", "no response `default`");
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
            let message = format!("response {status} has another schema than the default response");
            found.add(&response.pointer, "one error type", message);
        }
    }
}

/// An object, a combination or an enumeration is a component: it gets its name here and not from a generator,
/// and the reader's view opens an enumeration by its name.
fn named(document: &Value, found: &mut Violations) {
    const UNNAMED: [&str; 6] = ["properties", "additionalProperties", "allOf", "anyOf", "oneOf", "not"];
    contract::schemas(document, &mut |schema, pointer, is_component| {
        if is_component || schema.get("$ref").is_some() {
            return;
        }
        if schema.get("type").is_some_and(|of| of == "object")
            || UNNAMED.iter().any(|it| schema.get(it).is_some())
        {
            let message =
                "an object or a combination of schemas without a name; move it to #/components/schemas";
            found.add(pointer, "named schemas", message);
        } else if schema.get("enum").is_some() {
            let message = "an enumeration without a name; move it to #/components/schemas";
            found.add(pointer, "named schemas", message);
        }
    });
}

/// Each example is one of what it is an example of.
fn examples(document: &Value, found: &mut Violations) {
    let components = nullable(document.get("components").cloned().unwrap_or_default());
    let mut validate = |schema: &Value, example: &Value, pointer: &str| {
        let schema = json!({ "allOf": [nullable(schema.clone())], "components": components.clone() });
        match openapi_schema::validator(&schema) {
            Ok(validator) => {
                for (place, message) in openapi_schema::errors(&validator, example) {
                    found.add(format!("{pointer}{place}"), "examples", message);
                }
            }
            Err(reason) => found.add(pointer, "examples", format!("its schema can't be used: {reason}")),
        }
    };
    contract::schemas(document, &mut |schema, pointer, _| {
        if let Some(example) = schema.get("example") {
            validate(schema, example, &join(pointer, "example"));
        }
    });
    exemplified(&Node::root(document), &mut |thing| {
        let Some(schema) = thing.value.get("schema") else { return };
        if let Some(example) = thing.value.get("example") {
            validate(schema, example, &join(&thing.pointer, "example"));
        }
        for (_, example) in thing.get("examples").map(|it| it.members()).unwrap_or_default() {
            if let Some(value) = example.value.get("value") {
                validate(schema, value, &join(&example.pointer, "value"));
            }
        }
    });
}

/// Calls `see` with everything that has a schema: media types, parameters, headers.
fn exemplified(node: &Node<'_>, see: &mut impl FnMut(&Node<'_>)) {
    fn visit(value: &Value, pointer: &str, root: &Node<'_>, see: &mut impl FnMut(&Node<'_>)) {
        match value {
            Value::Object(members) => {
                if members.contains_key("schema") {
                    root.find(pointer).iter().for_each(&mut *see);
                    return;
                }
                for (name, member) in members.iter().filter(|(name, _)| *name != "schemas") {
                    visit(member, &join(pointer, name), root, see);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &join(pointer, &index.to_string()), root, see);
                }
            }
            _ => {}
        }
    }
    visit(node.value, "", node, see);
}

/// Says in JSON Schema what OpenAPI says with `nullable`.
fn nullable(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.into_iter().map(|(name, member)| (name, nullable(member))).collect();
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                return json!({ "anyOf": [{ "enum": [null] }, members] });
            }
            Value::Object(members)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(nullable).collect()),
        scalar => scalar,
    }
}
