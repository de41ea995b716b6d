//! Normalizes schemas for comparison, and describes them in one line.

use serde_json::{Map, Value, json};

use super::node::Node;

/// Members that document a schema without affecting requests or responses.
const PROSE: [&str; 7] = ["description", "example", "examples", "externalDocs", "summary", "tags", "title"];

/// Returns whether the member `name` of an OpenAPI object is documentation only.
pub fn is_prose(name: &str) -> bool {
    PROSE.contains(&name) || name.starts_with("x-")
}

/// Returns the value of `node` with references inlined and prose removed. A recursive schema is inlined once.
pub fn node(node: &Node<'_>) -> Value {
    inline(node, false, &mut Vec::new())
}

/// `names` is true if the author of the document chose the member names, as in `properties`.
fn inline(node: &Node<'_>, names: bool, within: &mut Vec<String>) -> Value {
    if within.contains(&node.pointer) {
        return json!({});
    }
    within.push(node.pointer.clone());
    let normalized = match node.value {
        Value::Object(_) => {
            let members = node.members().into_iter().filter(|(name, _)| names || !is_prose(name));
            let members: Map<String, Value> = members
                .map(|(name, member)| {
                    let names = !names && name == "properties";
                    (name.to_owned(), inline(&member, names, within))
                })
                .collect();
            Value::Object(members)
        }
        Value::Array(_) => node.items().iter().map(|item| inline(item, false, within)).collect(),
        scalar => scalar.clone(),
    };
    within.pop();
    normalized
}

/// Returns the JSON type of a schema, inferred from other keywords if it is not stated.
pub fn type_of(schema: &Value) -> Option<&str> {
    let inferred = |member: &str, name| schema.get(member).map(|_| name);
    let stated = schema.get("type").and_then(Value::as_str);
    stated.or_else(|| inferred("properties", "object")).or_else(|| inferred("items", "array"))
}

/// Describes a schema in a few words, such as `array of string, date-time`.
pub fn describe(schema: &Value) -> String {
    for combination in ["oneOf", "anyOf", "allOf"] {
        if let Some(schemas) = schema.get(combination).and_then(Value::as_array) {
            let separator = if combination == "allOf" { " and " } else { " or " };
            return schemas.iter().map(describe).collect::<Vec<_>>().join(separator);
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    match type_of(schema) {
        Some("array") => format!("array of {}", schema.get("items").map_or("anything".to_owned(), describe)),
        Some("object") => match schema.get("properties").and_then(Value::as_object) {
            Some(properties) if !properties.is_empty() => {
                let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
                names.sort_unstable();
                format!("object {{ {} }}", names.join(", "))
            }
            _ => "object of any shape".to_owned(),
        },
        Some(name) => {
            let mut words = name.to_owned();
            for constraint in ["format", "minLength", "maxLength", "minimum", "maximum", "pattern"] {
                match schema.get(constraint) {
                    Some(Value::String(format)) if constraint == "format" => words += &format!(", {format}"),
                    Some(limit) => words += &format!(", {constraint} {limit}"),
                    None => {}
                }
            }
            words
        }
        None => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_removed_but_fields_named_like_prose_stay() {
        let document = json!({
            "a": { "$ref": "#/b", "description": "" },
            "b": { "type": "object", "title": "", "properties": { "title": { "$ref": "#/c" } } },
            "c": { "type": "string", "example": "x", "x-order": 1 },
        });
        let normalized = node(&Node::root(&document).get("a").unwrap());
        assert_eq!(normalized, json!({ "type": "object", "properties": { "title": { "type": "string" } } }));
        assert_eq!(describe(&normalized), "object { title }");
    }

    #[test]
    fn recursive_schemas_are_inlined_once() {
        let document = json!({ "a": { "type": "object", "properties": {
            "left": { "$ref": "#/a" }, "right": { "$ref": "#/a" }, "id": { "type": "string" },
        } } });
        let normalized = node(&Node::root(&document).get("a").unwrap());
        let once = json!({ "left": {}, "right": {}, "id": { "type": "string" } });
        assert_eq!(normalized, json!({ "type": "object", "properties": once }));
    }
}
