//! Merges changes of the vendor's description into the contract.
//!
//! Only structure is merged, never prose: new parts get a placeholder description, which `--check` rejects until it is
//! replaced. The vendor inlines every schema while the contract names them, so one change of the contract can resolve
//! differences at several places. A change is kept only if it resolves differences and introduces none. All others
//! must be merged by hand.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::compare::{self, Difference};
use super::deviations::Deviation;
use super::node::{Node, join, segments};
use super::{contract, normalize, rules};

mod naming;

/// The placeholder for a description.
fn placeholder() -> Value {
    json!(format!("{}: describe this", rules::PLACEHOLDER))
}

/// Merges `theirs` into `ours`. Returns the merged contract and the differences that remain.
pub fn into_contract(ours: &Value, theirs: &Value, deviations: &[Deviation]) -> (Value, Vec<Difference>) {
    let mut contract = ours.clone();
    let mut skipped: Vec<Difference> = Vec::new();
    loop {
        let (differences, _) = compare::documents(&contract, theirs, deviations);
        let Some(difference) = differences.iter().find(|it| !skipped.contains(it)) else {
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
            skipped.push(difference.clone());
        }
    }
}

/// Applies `difference` to `contract`. Returns `None` if it must be merged by hand.
fn apply(contract: &mut Value, difference: &Difference, deviations: &[Deviation]) -> Option<()> {
    let at = difference.at.as_deref()?;
    let name = difference.place.rsplit_once(" /").and_then(|(_, path)| segments(&format!("/{path}")).last());
    match (difference.keyword.as_str(), &difference.after) {
        ("field", Some(schema)) => {
            let name = name?;
            let schema = naming::nested(contract, schema, &name, owner(at))?;
            let object = contract.pointer_mut(at)?.as_object_mut()?;
            if difference.required {
                array_member(object, "required")?.push(json!(name));
            }
            object.entry("properties").or_insert_with(|| json!({})).as_object_mut()?.insert(name, schema);
        }
        ("field", None) => {
            let (name, object) = (name?, contract.pointer_mut(at)?.as_object_mut()?);
            object.get_mut("properties")?.as_object_mut()?.remove(&name);
            remove_item(object, "required", &json!(name));
        }
        ("required", after) if name.is_some() => {
            let (name, object) = (json!(name?), contract.pointer_mut(at)?.as_object_mut()?);
            if *after == Some(json!(true)) {
                array_member(object, "required")?.push(name);
            } else {
                remove_item(object, "required", &name);
            }
        }
        ("value", Some(value)) => {
            array_member(contract.pointer_mut(at)?.as_object_mut()?, "enum")?.push(value.clone())
        }
        ("value", None) => {
            remove_item(contract.pointer_mut(at)?.as_object_mut()?, "enum", difference.before.as_ref()?)
        }
        ("type", Some(schema)) => replace(contract, at, schema, &name?)?,
        ("enum", Some(values)) => {
            let mut schema = normalize::node(&Node::root(contract).find(at)?);
            schema.as_object_mut()?.insert("enum".to_owned(), values.clone());
            replace(contract, at, &schema, &name?)?;
        }
        ("response", after) => response(contract, at, difference, after.as_ref(), deviations)?,
        ("parameter", after) => parameter(contract, at, difference, after.as_ref())?,
        ("server", Some(url)) => {
            let server = json!({ "url": url, "description": placeholder() });
            array_member(contract.as_object_mut()?, "servers")?.push(server);
        }
        ("server", None) => {
            let url = difference.before.as_ref()?;
            array_member(contract.as_object_mut()?, "servers")?
                .retain(|server| server.get("url") != Some(url));
        }
        // Names that the contract chooses itself, and changes that need a decision.
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

/// Replaces the schema at `at` with `schema`, keeping its description.
fn replace(contract: &mut Value, at: &str, schema: &Value, name: &str) -> Option<()> {
    let description = contract.pointer(at)?.get("description").cloned();
    let is_component = at.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'));
    let mut replacement = if is_component {
        naming::body(contract, schema, owner(at))?
    } else {
        naming::nested(contract, schema, name, owner(at))?
    };
    if let (Some(description), None) = (description, replacement.get("$ref")) {
        replacement.as_object_mut()?.insert("description".to_owned(), description);
    }
    *contract.pointer_mut(at)? = replacement;
    Some(())
}

fn response(
    contract: &mut Value,
    at: &str,
    difference: &Difference,
    after: Option<&Value>,
    deviations: &[Deviation],
) -> Option<()> {
    let status = difference.place.strip_prefix("response ")?;
    let Some(theirs) = after else {
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

fn parameter(contract: &mut Value, at: &str, difference: &Difference, after: Option<&Value>) -> Option<()> {
    let (place, name) = difference.place.strip_prefix("parameter ")?.split_once(' ')?;
    let Some(theirs) = after else {
        let parameters = contract.pointer_mut(at)?.get_mut("parameters")?.as_array_mut()?;
        parameters.retain(|it| {
            let its_name = it.get("name").and_then(Value::as_str).unwrap_or_default();
            !(it.get("in") == Some(&json!(place)) && its_name.eq_ignore_ascii_case(name))
        });
        return Some(());
    };
    let mut parameter = theirs.clone();
    let schema = naming::nested(contract, theirs.get("schema")?, name, None)?;
    let members = parameter.as_object_mut()?;
    members.insert("schema".to_owned(), schema);
    members.insert("description".to_owned(), placeholder());
    array_member(contract.pointer_mut(at)?.as_object_mut()?, "parameters")?.push(parameter);
    Some(())
}

/// Returns the name of the component that contains `at`.
fn owner(at: &str) -> Option<String> {
    segments(at.strip_prefix("/components/schemas")?).next()
}

fn array_member<'v>(object: &'v mut Map<String, Value>, name: &str) -> Option<&'v mut Vec<Value>> {
    object.entry(name).or_insert_with(|| json!([])).as_array_mut()
}

/// Removes `item` from an array member, and the member itself if the array is then empty.
fn remove_item(object: &mut Map<String, Value>, name: &str, item: &Value) {
    if let Some(Value::Array(items)) = object.get_mut(name) {
        items.retain(|it| it != item);
        if items.is_empty() {
            object.remove(name);
        }
    }
}

/// Removes components that were referenced in `before` and no longer are.
fn remove_unused(contract: &mut Value, before: &Value) {
    let targets = |document: &Value| {
        let mut targets = BTreeSet::new();
        contract::references(document, &mut |_, target| _ = targets.insert(target.to_owned()));
        targets
    };
    let referenced_before = targets(before);
    loop {
        let referenced = targets(contract);
        let unused = |name: &str| {
            let target = join("#/components/schemas", name);
            referenced_before.contains(&target) && !referenced.contains(&target)
        };
        let Some(Value::Object(schemas)) = contract.pointer_mut("/components/schemas") else { return };
        let count = schemas.len();
        schemas.retain(|name, _| !unused(name));
        if schemas.len() == count {
            return;
        }
    }
}
