//! Carrying news from the vendor's description into the contract.
//!
//! Structure is carried, words never: whatever needs some says so, and `--check` refuses it until a person has
//! written them. The vendor writes every schema out while the contract names them, so one change of ours can mean
//! several places of theirs. A change is kept only if it settles differences and makes none; all others are left
//! to a person.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::compare::{self, Difference};
use super::deviations::Deviation;
use super::node::{Node, join, segments};
use super::{contract, normalize, rules};

mod naming;

/// What stands where a person has to write.
fn placeholder() -> Value {
    json!(format!("{}: what this is, in our own words", rules::PLACEHOLDER))
}

/// `ours` with the news of `theirs`, and the differences that are left to a person.
pub fn into_contract(ours: &Value, theirs: &Value, deviations: &[Deviation]) -> (Value, Vec<Difference>) {
    let mut contract = ours.clone();
    let mut left: Vec<Difference> = Vec::new();
    loop {
        let (differences, _) = compare::documents(&contract, theirs, deviations);
        let Some(difference) = differences.iter().find(|it| !left.contains(it)) else {
            return (contract, differences);
        };
        let mut changed = contract.clone();
        let kept = apply(&mut changed, difference, deviations).is_some() && {
            remove_unused(&mut changed, &contract);
            let (after, _) = compare::documents(&changed, theirs, deviations);
            after.len() < differences.len() && after.iter().all(|it| differences.contains(it))
        };
        if kept {
            contract = changed;
        } else {
            left.push(difference.clone());
        }
    }
}

/// Changes `contract` so that it has what `difference` found, if that can be done without a person.
fn apply(contract: &mut Value, difference: &Difference, deviations: &[Deviation]) -> Option<()> {
    let at = difference.at.as_deref()?;
    let name = difference.place.rsplit_once(" /").and_then(|(_, path)| segments(&format!("/{path}")).last());
    match (difference.keyword.as_str(), &difference.is) {
        ("field", Some(schema)) => {
            let name = name?;
            let schema = naming::nested(contract, schema, &name, owner(at))?;
            let object = contract.pointer_mut(at)?.as_object_mut()?;
            if difference.required {
                list(object, "required")?.push(json!(name));
            }
            object.entry("properties").or_insert_with(|| json!({})).as_object_mut()?.insert(name, schema);
        }
        ("field", None) => {
            let (name, object) = (name?, contract.pointer_mut(at)?.as_object_mut()?);
            object.get_mut("properties")?.as_object_mut()?.remove(&name);
            without(object, "required", &json!(name));
        }
        ("required", is) if name.is_some() => {
            let (name, object) = (json!(name?), contract.pointer_mut(at)?.as_object_mut()?);
            if *is == Some(json!(true)) {
                list(object, "required")?.push(name);
            } else {
                without(object, "required", &name);
            }
        }
        ("value", Some(value)) => {
            list(contract.pointer_mut(at)?.as_object_mut()?, "enum")?.push(value.clone())
        }
        ("value", None) => {
            without(contract.pointer_mut(at)?.as_object_mut()?, "enum", difference.was.as_ref()?)
        }
        ("type", Some(schema)) => replace(contract, at, schema, &name?)?,
        ("enum", Some(values)) => {
            let mut schema = normalize::node(&Node::root(contract).find(at)?);
            schema.as_object_mut()?.insert("enum".to_owned(), values.clone());
            replace(contract, at, &schema, &name?)?;
        }
        ("response", is) => response(contract, at, difference, is.as_ref(), deviations)?,
        ("parameter", is) => parameter(contract, at, difference, is.as_ref())?,
        ("server", Some(url)) => {
            let server = json!({ "url": url, "description": placeholder() });
            list(contract.as_object_mut()?, "servers")?.push(server);
        }
        ("server", None) => {
            let url = difference.was.as_ref()?;
            list(contract.as_object_mut()?, "servers")?.retain(|server| server.get("url") != Some(url));
        }
        // Names of ours, and what decides over everything else.
        ("operationId" | "security" | "requestBody" | "content" | "schema" | "header" | "items", _) => {
            return None;
        }
        ("oneOf" | "anyOf" | "allOf" | "not", _) => return None,
        (_, Some(Value::Object(_))) => return None,
        (keyword, Some(value)) => {
            let object = contract.pointer_mut(at)?.as_object_mut()?;
            object.insert(keyword.to_owned(), value.clone());
        }
        (keyword, None) => _ = contract.pointer_mut(at)?.as_object_mut()?.remove(keyword)?,
    }
    Some(())
}

/// Puts `schema` in the place of the one at `at`, whose description stays.
fn replace(contract: &mut Value, at: &str, schema: &Value, name: &str) -> Option<()> {
    let description = contract.pointer(at)?.get("description").cloned();
    let is_component = at.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'));
    let mut made = if is_component {
        naming::body(contract, schema, owner(at))?
    } else {
        naming::nested(contract, schema, name, owner(at))?
    };
    if let (Some(description), None) = (description, made.get("$ref")) {
        made.as_object_mut()?.insert("description".to_owned(), description);
    }
    *contract.pointer_mut(at)? = made;
    Some(())
}

fn response(
    contract: &mut Value,
    at: &str,
    difference: &Difference,
    is: Option<&Value>,
    deviations: &[Deviation],
) -> Option<()> {
    let status = difference.place.strip_prefix("response ")?;
    let Some(theirs) = is else {
        contract.pointer_mut(at)?.get_mut("responses")?.as_object_mut()?.remove(status)?;
        return Some(());
    };
    let mut response = json!({ "description": placeholder() });
    if let Some(schema) = theirs.pointer("/content/application~1json/schema") {
        let default = format!("{at}/responses/default/content/application~1json/schema");
        let reference = contract.pointer(&default).cloned();
        let is_error = Node::root(contract).find(&default).is_some_and(|ours| {
            let (operation, place) = (&difference.operation, &difference.place);
            compare::same_schema(&ours, &Node::root(schema), operation, place, deviations)
        });
        let schema = match reference {
            Some(reference) if is_error => reference,
            _ => naming::nested(contract, schema, &format!("Response{status}"), None)?,
        };
        response
            .as_object_mut()?
            .insert("content".to_owned(), json!({ "application/json": { "schema": schema } }));
    }
    let responses = contract.pointer_mut(at)?.get_mut("responses")?.as_object_mut()?;
    responses.insert(status.to_owned(), response);
    Some(())
}

fn parameter(contract: &mut Value, at: &str, difference: &Difference, is: Option<&Value>) -> Option<()> {
    let (place, name) = difference.place.strip_prefix("parameter ")?.split_once(' ')?;
    let Some(theirs) = is else {
        let parameters = contract.pointer_mut(at)?.get_mut("parameters")?.as_array_mut()?;
        parameters.retain(|it| {
            let called = it.get("name").and_then(Value::as_str).unwrap_or_default();
            !(it.get("in") == Some(&json!(place)) && called.eq_ignore_ascii_case(name))
        });
        return Some(());
    };
    let mut made = theirs.clone();
    let schema = naming::nested(contract, theirs.get("schema")?, name, None)?;
    let members = made.as_object_mut()?;
    members.insert("schema".to_owned(), schema);
    members.insert("description".to_owned(), placeholder());
    list(contract.pointer_mut(at)?.as_object_mut()?, "parameters")?.push(made);
    Some(())
}

/// The component that `at` is in.
fn owner(at: &str) -> Option<String> {
    segments(at.strip_prefix("/components/schemas")?).next()
}

fn list<'v>(object: &'v mut Map<String, Value>, name: &str) -> Option<&'v mut Vec<Value>> {
    object.entry(name).or_insert_with(|| json!([])).as_array_mut()
}

/// Takes `item` from a list, and the list if that leaves it empty.
fn without(object: &mut Map<String, Value>, name: &str, item: &Value) {
    if let Some(Value::Array(items)) = object.get_mut(name) {
        items.retain(|it| it != item);
        if items.is_empty() {
            object.remove(name);
        }
    }
}

/// Removes components that nothing refers to any more, and something did in `before`.
fn remove_unused(contract: &mut Value, before: &Value) {
    let referred = |document: &Value| {
        let mut referred = BTreeSet::new();
        contract::references(document, &mut |_, target| _ = referred.insert(target.to_owned()));
        referred
    };
    let was_referred = referred(before);
    loop {
        let is_referred = referred(contract);
        let unused = |name: &str| {
            let target = join("#/components/schemas", name);
            was_referred.contains(&target) && !is_referred.contains(&target)
        };
        let Some(Value::Object(schemas)) = contract.pointer_mut("/components/schemas") else { return };
        let count = schemas.len();
        schemas.retain(|name, _| !unused(name));
        if schemas.len() == count {
            return;
        }
    }
}
