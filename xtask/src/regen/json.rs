//! JSON pointers, and what they point at in an OpenAPI document.

use serde_json::Value;

/// The HTTP methods of a path item.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The maximum length of a chain of references.
const MAX_REFERENCES: usize = 32;

/// Appends a segment to a JSON pointer.
pub fn join(parent: &str, segment: &str) -> String {
    format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// Returns the unescaped segments of a JSON pointer.
pub fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

/// Returns the name and the JSON pointer of each operation in `document`. A name is like `GET /users`.
pub fn operations(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in METHODS.iter().filter(|method| item.get(*method).is_some()) {
            let name = format!("{} {path}", method.to_uppercase());
            found.push((name, join(&join("/paths", path), method)));
        }
    }
    found.sort();
    found
}

/// Calls `callback` with each value of a document and its JSON pointer, except those in examples.
pub fn visit(value: &Value, pointer: &str, callback: &mut impl FnMut(&Value, &str)) {
    callback(value, pointer);
    match value {
        Value::Object(members) => {
            let names = pointer.ends_with("/properties");
            for (name, member) in members {
                if names || !matches!(name.as_str(), "example" | "examples") {
                    visit(member, &join(pointer, name), callback);
                }
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

/// Returns whether `pointer` is that of a schema.
pub fn is_schema(pointer: &str) -> bool {
    let mut last = pointer.rsplit('/');
    match (last.next(), last.next()) {
        (_, Some("properties" | "oneOf" | "anyOf" | "allOf" | "schemas")) => true,
        (name, _) => matches!(name, Some("schema" | "items" | "additionalProperties" | "not")),
    }
}

/// Returns the name of a parameter or server, by which the items of a list are told apart. Names of headers have no case.
pub fn item_name(item: &Value) -> String {
    let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
    match text("in") {
        "" => text("url").to_owned(),
        "header" => format!("header {}", text("name").to_lowercase()),
        place => format!("{place} {}", text("name")),
    }
}

/// Returns the pointer in `document` of what is at `pointer` once references are inlined and items have names.
pub fn locate(document: &Value, pointer: &str) -> String {
    let (mut place, mut value) = (String::new(), Some(document));
    for segment in segments(pointer) {
        for _ in 0..MAX_REFERENCES {
            let target = value.and_then(|it| it.get("$ref")?.as_str()?.strip_prefix('#'));
            let Some(target) = target else { break };
            (place, value) = (target.to_owned(), document.pointer(target));
        }
        let segment = match value {
            Some(Value::Array(items)) if segment.parse::<usize>().is_err() => {
                // `-` is the place of an item that is to be added.
                let index = items.iter().position(|item| item_name(item) == segment);
                index.map_or("-".to_owned(), |index| index.to_string())
            }
            None if place.ends_with("/parameters") => "-".to_owned(),
            _ => segment,
        };
        place = join(&place, &segment);
        value = value.and_then(|it| it.pointer(&join("", &segment)));
    }
    place
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn locations_are_within_the_target_of_a_reference() {
        let document = json!({ "a": { "$ref": "#/b" }, "b": { "c/d": [{ "$ref": "#/e" }] }, "e": {} });
        assert_eq!(locate(&document, "/a/c~1d/0/new/name"), "/e/new/name");
        assert_eq!(locate(&document, "/a/c~1d/0"), "/b/c~1d/0");
    }

    #[test]
    fn items_are_found_by_name() {
        let document =
            json!({ "parameters": [{ "in": "query", "name": "a" }, { "in": "header", "name": "B" }] });
        assert_eq!(locate(&document, "/parameters/header b/schema"), "/parameters/1/schema");
        assert_eq!(locate(&document, "/parameters/query new"), "/parameters/-");
    }

    #[test]
    fn schemas_are_told_from_other_values() {
        for pointer in ["/components/schemas/A", "/x/schema", "/x/properties/name", "/x/oneOf/0", "/x/items"]
        {
            assert!(is_schema(pointer), "{pointer}");
        }
        assert!(!is_schema("/paths/~1a/post") && !is_schema("/components/schemas"));
    }

    #[test]
    fn examples_are_not_visited_but_fields_of_that_name_are() {
        let document = json!({ "example": { "a": 1 }, "properties": { "example": {} } });
        let mut visited = Vec::new();
        visit(&document, "", &mut |_, pointer| visited.push(pointer.to_owned()));
        assert_eq!(visited, ["", "/properties", "/properties/example"]);
    }
}
