//! Parses a contract and finds its operations, schemas and references.

use serde_json::Value;

use super::node::join;

/// The schema keywords that count as one constraint each. `required` counts once per name.
const CONSTRAINTS: [&str; 15] = [
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The HTTP methods of a path item.
pub const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Parses JSON. An error includes the JSON pointer of its location.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("#{}: invalid JSON: {}", pointer(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| format!("#: invalid JSON: {error}"))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } => pointer = join(&pointer, key),
            Segment::Seq { index } => pointer = join(&pointer, &index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Returns the path, method and JSON pointer of each operation in `document`.
pub fn operations(document: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in METHODS {
            if item.get(method).is_some() {
                found.push((path.clone(), method.to_owned(), join(&join("/paths", path), method)));
            }
        }
    }
    found.sort();
    found
}

/// Returns the name of an operation in reports and data files, such as `GET /users`.
pub fn name(path: &str, method: &str) -> String {
    format!("{} {path}", method.to_uppercase())
}

/// Calls `callback` with each schema of `document`, its JSON pointer, and whether it is a named component.
pub fn schemas(document: &Value, callback: &mut impl FnMut(&Value, &str, bool)) {
    outside(document, "", callback);
}

/// Calls `callback` with the JSON pointer and the target of each reference in `document`, except in examples.
pub fn references(document: &Value, callback: &mut impl FnMut(&str, &str)) {
    fn visit(value: &Value, pointer: &str, callback: &mut impl FnMut(&str, &str)) {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    callback(pointer, target);
                }
                for (name, member) in
                    members.iter().filter(|(name, _)| *name != "example" && *name != "examples")
                {
                    visit(member, &join(pointer, name), callback);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &join(pointer, &index.to_string()), callback);
                }
            }
            _ => {}
        }
    }
    visit(document, "", callback);
}

/// Finds schemas outside of other schemas.
fn outside(value: &Value, pointer: &str, callback: &mut impl FnMut(&Value, &str, bool)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let place = join(pointer, name);
                match name.as_str() {
                    "example" | "examples" => {}
                    "schema" => inside(member, &place, false, callback),
                    "schemas" if pointer == "/components" => {
                        for (name, schema) in member.as_object().into_iter().flatten() {
                            inside(schema, &join(&place, name), true, callback);
                        }
                    }
                    _ => outside(member, &place, callback),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                outside(item, &join(pointer, &index.to_string()), callback);
            }
        }
        _ => {}
    }
}

/// Visits a schema and the schemas within it.
fn inside(schema: &Value, pointer: &str, named: bool, callback: &mut impl FnMut(&Value, &str, bool)) {
    callback(schema, pointer, named);
    for (name, member) in schema.as_object().into_iter().flatten() {
        let place = join(pointer, name);
        match (name.as_str(), member) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    inside(property, &join(&place, name), false, callback);
                }
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => {
                for (index, schema) in schemas.iter().enumerate() {
                    inside(schema, &join(&place, &index.to_string()), false, callback);
                }
            }
            ("items" | "additionalProperties" | "not", Value::Object(_)) => {
                inside(member, &place, false, callback);
            }
            _ => {}
        }
    }
}

/// Returns the number of operations, named types and constraints, as text.
pub fn summary(document: &Value) -> String {
    let (mut types, mut constraints) = (0, 0);
    schemas(document, &mut |schema, _, named| {
        types += usize::from(named);
        constraints += CONSTRAINTS.iter().filter(|name| schema.get(**name).is_some()).count();
        constraints += schema.get("required").and_then(Value::as_array).map_or(0, Vec::len);
    });
    let count = |number: usize, what: &str| {
        if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
    };
    let operations = count(operations(document).len(), "operation");
    format!("{operations}, {}, {}", count(types, "type"), count(constraints, "constraint"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_errors_include_the_location() {
        let reason = parse(r#"{ "paths": { "/a": { "post": { "summary": } } } }"#).unwrap_err();
        assert!(reason.starts_with("#/paths/~1a/post/summary: invalid JSON: "), "{reason}");
        assert!(reason.ends_with("line 1 column 43"), "{reason}");
        assert!(parse("{} {}").unwrap_err().starts_with("#: invalid JSON: trailing characters"));
    }

    #[test]
    fn operations_types_and_constraints_are_counted() {
        let document = json!({
            "paths": { "/a": { "summary": "", "get": {}, "post": {} } },
            "components": { "schemas": {
                "A": { "type": "object", "required": ["b", "c"], "properties": { "format": { "type": "string" } } },
                "B": { "type": "array", "items": { "type": "string", "format": "date", "maxLength": 3 } },
            } },
        });
        assert_eq!(summary(&document), "2 operations, 2 types, 4 constraints");
    }
}
