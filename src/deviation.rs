//! What in an answer departs from the contract.
//!
//! The service grows, and already answers some things otherwise than documented (null for an absent
//! object, a string for a number). A session must not fail for that. So each answer is held against the
//! contract before it is decoded: what departs from it is noted and, unless the types can hold it, left
//! out. The contract itself is the only description used, and the walk is linear in the answer's size.

use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

/// At most so many deviations of an answer are kept; more would say nothing new.
const KEPT: usize = 100;

/// At most so many characters of a field's name are shown.
const NAME_SHOWN: usize = 64;

/// The contract, as the build read it.
pub(crate) static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    // It is part of the crate and was read by the build, so the fallback is never taken.
    serde_json::from_str(include_str!("../openapi/social-plus-bot.json")).unwrap_or_default()
});

/// A place where an answer of the service departs from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    pointer: String,
    kind: DeviationKind,
}

/// How a part of an answer departs from the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviationKind {
    /// A field that the contract requires is not there.
    Missing,
    /// The value is of another type or form than documented; it was left out.
    WrongType {
        /// What the contract documents: a JSON type or a string format.
        expected: &'static str,
        /// The JSON type of what came.
        found: &'static str,
    },
    /// The value is none of those documented; it was kept.
    UnknownValue,
    /// The contract has no such field; it was left out.
    UnknownField,
    /// The value can't be read at all, such as nesting beyond 128 levels; it was left out.
    Unreadable,
}

impl Deviation {
    /// Where: a JSON pointer into the answer, such as `/users/0/flagCount`.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is different there.
    pub fn kind(&self) -> DeviationKind {
        self.kind
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.pointer)?;
        match self.kind {
            DeviationKind::Missing => f.write_str("missing"),
            DeviationKind::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            DeviationKind::UnknownValue => f.write_str("a value that is not documented"),
            DeviationKind::UnknownField => f.write_str("a field that is not documented"),
            DeviationKind::Unreadable => f.write_str("can't be read"),
        }
    }
}

/// Holds values against schemas of the contract and notes what departs.
#[derive(Default)]
pub(crate) struct Comparison {
    pointer: String,
    found: Vec<Deviation>,
}

impl Comparison {
    /// Leaves of `value` what the schema called `name` allows.
    pub(crate) fn object(&mut self, name: &str, value: Map<String, Value>) -> Value {
        self.value(named(name), Value::Object(value)).unwrap_or_default()
    }

    /// Notes a field of the answer whose value can't be read.
    pub(crate) fn unreadable(&mut self, field: &str) {
        self.within(field, |this| this.note(DeviationKind::Unreadable));
    }

    /// What was noted, in the order of the answer, at most [`KEPT`].
    pub(crate) fn into_deviations(self) -> Vec<Deviation> {
        self.found
    }

    fn value(&mut self, schema: &'static Value, value: Value) -> Option<Value> {
        let schema = resolved(schema, &value);
        let Some(expected) = schema.get("type").and_then(Value::as_str) else { return Some(value) };
        match (expected, value) {
            ("object", Value::Object(members)) => Some(Value::Object(self.members(schema, members))),
            ("array", Value::Array(items)) => Some(Value::Array(self.items(schema, items))),
            ("string", Value::String(text)) => self.text(schema, text),
            ("integer", Value::Number(number)) => match integral(&number) {
                Some(number) => Some(number.into()),
                None => self.wrong(expected, "number"),
            },
            ("boolean", Value::Bool(value)) => Some(Value::Bool(value)),
            (_, other) => self.wrong(expected, type_of(&other)),
        }
    }

    fn members(&mut self, schema: &'static Value, members: Map<String, Value>) -> Map<String, Value> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return members };
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if let Some(name) = required.as_str().filter(|name| !members.contains_key(*name)) {
                self.within(name, |this| this.note(DeviationKind::Missing));
            }
        }
        let mut kept = Map::new();
        for (name, value) in members {
            let value = self.within(&name, |this| match properties.get(&name) {
                Some(property) => this.value(property, value),
                None => {
                    this.note(DeviationKind::UnknownField);
                    None
                }
            });
            kept.extend(value.map(|value| (name, value)));
        }
        kept
    }

    fn items(&mut self, schema: &'static Value, items: Vec<Value>) -> Vec<Value> {
        let Some(item) = schema.get("items") else { return items };
        let numbered = items.into_iter().enumerate();
        numbered
            .filter_map(|(at, value)| self.within(&at.to_string(), |this| this.value(item, value)))
            .collect()
    }

    fn text(&mut self, schema: &Value, text: String) -> Option<Value> {
        if schema.get("format").is_some_and(|format| format == "date-time") && !is_date_time(&text) {
            return self.wrong("date-time", "string");
        }
        if schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|known| !known.iter().any(|value| *value == *text))
        {
            self.note(DeviationKind::UnknownValue);
        }
        Some(Value::String(text))
    }

    fn wrong(&mut self, expected: &'static str, found: &'static str) -> Option<Value> {
        self.note(DeviationKind::WrongType { expected, found });
        None
    }

    fn note(&mut self, kind: DeviationKind) {
        if self.found.len() < KEPT {
            self.found.push(Deviation { pointer: self.pointer.clone(), kind });
        }
    }

    fn within<R>(&mut self, name: &str, walk: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.pointer.len();
        self.pointer.push('/');
        for character in name.chars().take(NAME_SHOWN) {
            match character {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                shown if shown.is_control() => self.pointer.push('\u{fffd}'),
                shown => self.pointer.push(shown),
            }
        }
        let result = walk(self);
        self.pointer.truncate(length);
        result
    }
}

/// The schema of the contract with this name; for an unknown name one that allows everything.
fn named(name: &str) -> &'static Value {
    CONTRACT.pointer("/components/schemas").and_then(|schemas| schemas.get(name)).unwrap_or(&Value::Null)
}

/// Follows references, and takes of several alternatives the one whose type `value` has.
fn resolved(mut schema: &'static Value, value: &Value) -> &'static Value {
    while let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
    {
        schema = named(name);
    }
    let Some(alternatives) = schema.get("oneOf").and_then(Value::as_array) else { return schema };
    let mut alternatives = alternatives.iter().map(|alternative| resolved(alternative, value));
    let fallback = alternatives.clone().next();
    alternatives
        .find(|alternative| alternative.get("type").is_some_and(|of| of == type_of(value)))
        .or(fallback)
        .unwrap_or(schema)
}

/// The first is the documented format, the second what the types decode with. The format has four digits
/// for a year; a date that an offset takes out of them in UTC could be read, and then not be written again.
fn is_date_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
        && text.parse::<DateTime<Utc>>().is_ok_and(|date| (0..=9999).contains(&date.year()))
}

/// JSON Schema counts `5.0` as an integer, so a decoder has to.
fn integral(number: &serde_json::Number) -> Option<i64> {
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
