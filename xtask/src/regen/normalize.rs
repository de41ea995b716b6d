//! The form in which operations are compared.
//!
//! References are inlined, prose and defaults are dropped, and lists become maps where their order has no meaning: the
//! parameters by location and name, the servers by address. `required` moves from a list to each of its fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::inline::{MAPS, inlined};
use super::json::{self, join};

/// Members that document a schema without affecting requests or responses.
const PROSE: [&str; 7] = ["description", "example", "examples", "externalDocs", "summary", "tags", "title"];

/// Members whose default is `false`, or zero.
const FALSE: &str = "nullable deprecated readOnly writeOnly uniqueItems exclusiveMinimum exclusiveMaximum required \
                     allowEmptyValue allowReserved";
const ZERO: &str = "minLength minItems minProperties";

/// Returns the JSON pointer and the normalized form of each operation of `document`, by name.
pub fn operations(document: &Value) -> Result<BTreeMap<String, (String, Value)>, String> {
    let mut found = BTreeMap::new();
    for (name, pointer) in json::operations(document) {
        let (of_item, method) = pointer.rsplit_once('/').unwrap_or_default();
        let item = document.pointer(of_item).unwrap_or(&Value::Null);
        let item = inlined(document, item, of_item)?;
        let own = item.get(method).unwrap_or(&Value::Null);
        let inherited = |what: &str| own.get(what).or_else(|| item.get(what)).or_else(|| document.get(what));
        let parameters = items(item.get("parameters")).chain(items(own.get("parameters")));
        let parameters: Map<_, _> = parameters.map(|it| (json::item_name(it), part(it))).collect();
        let servers = items(inherited("servers"));
        let servers: Map<_, _> = servers.map(|it| (json::item_name(it), json!({}))).collect();
        let security = security(document, inherited("security"));
        let mut value = json!({ "parameters": parameters, "servers": servers, "security": security });
        let normalized = part(own);
        for keyword in ["operationId", "deprecated", "requestBody", "responses"] {
            if let Some(member) = normalized.get(keyword) {
                value[keyword] = member.clone();
            }
        }
        found.insert(name, (pointer, value));
    }
    Ok(found)
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// Normalizes security requirements: the alternatives, each with its schemes and scopes, in a stable order.
fn security(document: &Value, alternatives: Option<&Value>) -> Value {
    let mut found = Vec::new();
    for alternative in items(alternatives) {
        let schemes = alternative.as_object().into_iter().flatten().map(|(name, scopes)| {
            let scheme = document.pointer(&join("/components/securitySchemes", name));
            let mut scheme = scheme.map_or_else(|| json!(name), part);
            if let Some(Value::String(header)) = scheme.get_mut("name") {
                *header = header.to_lowercase();
            }
            json!({ "scheme": scheme, "scopes": scopes })
        });
        let mut schemes: Vec<Value> = schemes.collect();
        schemes.sort_by_key(Value::to_string);
        found.push(Value::Array(schemes));
    }
    found.sort_by_key(Value::to_string);
    Value::Array(found)
}

/// Normalizes a part of an operation, such as a schema, whose references are inlined.
pub fn part(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let is_parameter = members.contains_key("schema") || members.contains_key("content");
            let mut part = Map::new();
            for (name, member) in members {
                let is_name = is_parameter && (name == "in" || name == "name");
                let is_prose = PROSE.contains(&name.as_str()) || name.starts_with("x-");
                if !is_name && !is_prose && !is_default(name, member) {
                    let is_map = MAPS.contains(&name.as_str());
                    part.insert(name.clone(), if is_map { map(name, member) } else { self::part(member) });
                }
            }
            if let Some(Value::Array(required)) = members.get("required") {
                part.remove("required");
                for name in required.iter().filter_map(Value::as_str) {
                    let field = part.get_mut("properties").and_then(|fields| fields.get_mut(name));
                    if let Some(Value::Object(field)) = field {
                        field.insert("required".to_owned(), json!(true));
                    }
                }
            }
            for (member, inferred) in [("properties", "object"), ("items", "array")] {
                if part.contains_key(member) && !part.contains_key("type") {
                    part.insert("type".to_owned(), json!(inferred));
                }
            }
            Value::Object(part)
        }
        Value::Array(items) => items.iter().map(part).collect(),
        scalar => match scalar.as_f64() {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => json!(number as i64),
            _ => scalar.clone(),
        },
    }
}

/// Normalizes the members of an object whose names are chosen freely. Names of headers have no case.
fn map(of: &str, named: &Value) -> Value {
    let Some(members) = named.as_object() else { return part(named) };
    let name = |name: &String| if of == "headers" { name.to_lowercase() } else { name.clone() };
    members.iter().map(|(it, member)| (name(it), part(member))).collect()
}

fn is_default(name: &str, value: &Value) -> bool {
    let is = |names: &str| names.split(' ').any(|it| it == name);
    match value {
        Value::Bool(false) => is(FALSE),
        Value::Number(number) => is(ZERO) && number.as_f64() == Some(0.0),
        Value::Bool(true) => name == "additionalProperties",
        Value::Object(_) => name == "additionalProperties" && part(value) == json!({}),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_dropped_but_fields_named_like_prose_stay() {
        let schema = json!({ "type": "object", "title": "", "x-order": 1, "properties": {
            "title": { "type": "string", "description": "" },
        } });
        assert_eq!(
            part(&schema),
            json!({ "type": "object", "properties": { "title": { "type": "string" } } })
        );
    }

    #[test]
    fn defaults_are_equal_to_absent_members() {
        let schema = json!({ "nullable": false, "minLength": 0, "maxLength": 2.0, "default": false });
        assert_eq!(part(&schema), json!({ "maxLength": 2, "default": false }));
        let object = json!({ "additionalProperties": { "description": "Anything." }, "properties": {} });
        assert_eq!(part(&object), json!({ "type": "object", "properties": {} }));
        assert_eq!(part(&json!({ "additionalProperties": false })), json!({ "additionalProperties": false }));
    }

    #[test]
    fn fields_say_whether_they_are_required() {
        let schema = json!({ "required": ["a", "gone"], "properties": { "a": {}, "required": {} } });
        let fields = json!({ "a": { "required": true }, "required": {} });
        assert_eq!(part(&schema), json!({ "type": "object", "properties": fields }));
    }
}
