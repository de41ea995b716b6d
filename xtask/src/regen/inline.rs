//! Inlines references.
//!
//! The contract names its schemas and the vendor inlines them, so both are compared without references.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::json::join;

/// The members whose own members have names that the author of a document chose.
pub const MAPS: [&str; 6] = ["content", "headers", "parameters", "properties", "responses", "servers"];

/// The maximum nesting depth, with references inlined.
const DEPTH: usize = 128;

/// The maximum number of values, with references inlined.
const VALUES: usize = 200_000;

/// Returns the value at `pointer` in `document` with references inlined, without examples and extensions. `value`
/// replaces what the document has there. A schema within itself ends in the empty schema.
///
/// # Errors
///
/// Returns a one-line message with the location of a reference that can't be inlined.
pub fn inlined(document: &Value, value: &Value, pointer: &str) -> Result<Value, String> {
    Inliner { document, trail: Vec::new(), values: 0 }.value(value, pointer, false, 0)
}

struct Inliner<'a> {
    document: &'a Value,
    /// The references that are being inlined, outermost first.
    trail: Vec<String>,
    values: usize,
}

impl Inliner<'_> {
    /// `names` is true if the author of the document chose the member names of `value`.
    fn value(&mut self, value: &Value, pointer: &str, names: bool, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return Err(format!("#{pointer}: too deep or too large with references resolved"));
        }
        match value {
            Value::Object(members) => {
                if let (false, Some(Value::String(target))) = (names, members.get("$ref")) {
                    return self.target(target, pointer, depth);
                }
                let dropped = |name: &str| name == "example" || name == "examples" || name.starts_with("x-");
                let kept = members.iter().filter(|(name, _)| names || !dropped(name));
                let inlined = kept.map(|(name, member)| {
                    let names = !names && MAPS.contains(&name.as_str());
                    Ok((name.clone(), self.value(member, &join(pointer, name), names, depth + 1)?))
                });
                inlined.collect()
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let inlined = items
                    .map(|(at, item)| self.value(item, &join(pointer, &at.to_string()), false, depth + 1));
                Ok(Value::Array(inlined.collect::<Result<_, _>>()?))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn target(&mut self, target: &str, pointer: &str, depth: usize) -> Result<Value, String> {
        let missing = || format!("#{pointer}: unresolved reference `{target}`");
        let decoded = percent_decode_str(target).decode_utf8().map_err(|_| missing())?;
        let place = decoded.strip_prefix('#').filter(|place| !place.is_empty()).ok_or_else(missing)?;
        if self.trail.iter().any(|outer| outer == place) {
            return Ok(json!({}));
        }
        let found = self.document.pointer(place).ok_or_else(missing)?;
        self.trail.push(place.to_owned());
        let inlined = self.value(found, place, false, depth + 1)?;
        self.trail.pop();
        Ok(inlined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursive_schemas_are_inlined_once() {
        let document = json!({ "a": { "type": "object", "properties": {
            "left": { "$ref": "#/a" }, "right": { "$ref": "#/a" }, "id": { "type": "string" },
        } } });
        let once = json!({ "left": {}, "right": {}, "id": { "type": "string" } });
        assert_eq!(
            inlined(&document, &json!({ "$ref": "#/a" }), "").unwrap(),
            json!({ "type": "object", "properties": once })
        );
    }

    #[test]
    fn examples_are_dropped_but_fields_of_that_name_stay() {
        let schema = json!({ "example": 1, "x-order": 1, "properties": { "example": { "examples": {} } } });
        let inlined = inlined(&Value::Null, &schema, "").unwrap();
        assert_eq!(inlined, json!({ "properties": { "example": {} } }));
    }
}
