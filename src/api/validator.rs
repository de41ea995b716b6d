//! Validates a response that does not match the contract, value by value.
//!
//! The service evolves, and some of its responses already differ from the documentation (a string instead of a number).
//! A registration must not fail because of that. So mismatches are recorded, and values that the types can't hold are
//! left out. Validation takes linear time, and works in place: values that match are not moved.

use serde_json::{Map, Number, Value};

use crate::api::mismatch::{Kind, Location, SchemaMismatch};
use crate::api::schema::Schema;

/// The maximum number of mismatches of a response. More would not help.
pub(crate) const MAX_MISMATCHES: usize = 100;

/// Validates values against schemas, and collects the mismatches.
pub(crate) struct Validator<'a> {
    /// At most [`MAX_MISMATCHES`].
    pub(crate) found: Vec<SchemaMismatch>,
    /// Redacted in field names.
    pub(crate) secrets: &'a [&'a str],
}

impl Validator<'_> {
    pub(crate) fn note(&mut self, location: &Location<'_>, kind: Kind) {
        if self.found.len() < MAX_MISMATCHES {
            let mismatch = SchemaMismatch::new(location, kind, self.secrets);
            // A field can occur twice.
            if !self.found.contains(&mismatch) {
                self.found.push(mismatch);
            }
        }
    }

    /// Removes the members of an object that are not valid.
    pub(crate) fn members(
        &mut self,
        schema: &'static Schema,
        members: &mut Map<String, Value>,
        location: &Location<'_>,
    ) {
        let Some(properties) = &schema.properties else { return };
        for name in schema.required.iter().filter(|name| !members.contains_key(*name)) {
            self.note(&Location::Field(location, name), Kind::Missing);
        }
        members.retain(|name, value| {
            let location = Location::Field(location, name);
            match properties.get(name) {
                // The service writes null for absent values. It is kept only where the schema allows everything.
                Some(property) if value.is_null() && !schema.required.contains(name) => {
                    property.resolved("null").r#type.is_none()
                }
                Some(property) => self.retain(property, value, &location),
                None => {
                    self.note(&location, Kind::UnknownField);
                    false
                }
            }
        });
    }

    /// Removes the parts of `value` that are not valid. Returns whether `value` itself is valid.
    fn retain(&mut self, schema: &'static Schema, value: &mut Value, location: &Location<'_>) -> bool {
        let found = type_of(value);
        let schema = schema.resolved(found);
        let Some(expected) = schema.r#type.as_deref() else { return true };
        let mut wrong = |expected| {
            self.note(location, Kind::WrongType { expected, found });
            false
        };
        match (expected, value) {
            ("object", Value::Object(members)) => self.members(schema, members, location),
            ("array", Value::Array(items)) => self.items(schema, items, location),
            ("string", Value::String(text)) if !schema.allows_format(text) => return wrong("date-time"),
            ("string", Value::String(text)) if !schema.allows_value(text) => {
                self.note(location, Kind::UnknownValue);
            }
            ("integer", Value::Number(number)) => match integral(number) {
                Some(integral) => *number = integral.into(),
                None => return wrong(expected),
            },
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => {}
            _ => return wrong(expected),
        }
        true
    }

    fn items(&mut self, schema: &'static Schema, items: &mut Vec<Value>, location: &Location<'_>) {
        let Some(item) = &schema.items else { return };
        let mut next = 0;
        items.retain_mut(|value| {
            let at = next;
            next += 1;
            self.retain(item, value, &Location::Item(location, at))
        });
    }
}

/// The number as an integer. JSON Schema treats `5.0` as one.
fn integral(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let number = number.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
