//! Validates responses against the contract.
//!
//! The service evolves, and some of its responses already differ from the documentation (a string instead of a number).
//! A registration must not fail because of that. So each response is validated before it is decoded. Differences are
//! recorded, and values that the types can't hold are left out. The contract is the only description used. Validation
//! takes linear time, and works in place: values that match are not moved.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::redact;

/// The maximum number of deviations of a response. More would not help.
pub(crate) const KEPT: usize = 100;

/// The maximum length of a field name in a JSON pointer, in characters.
const NAME_SHOWN: usize = 64;

/// The end of the contract's references to the schema of a token.
const TOKEN: &str = "/AccessToken";

/// The contract.
pub(crate) static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    // The build has parsed the same file, so the fallback is never used.
    serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap_or_default()
});

/// The contract's schemas by name. Looking up keywords in the document for every value would take longer than decoding
/// the response.
static SCHEMAS: LazyLock<HashMap<String, Schema>> = LazyLock::new(|| {
    let schemas = CONTRACT.pointer("/components/schemas");
    schemas.and_then(|schemas| HashMap::deserialize(schemas).ok()).unwrap_or_default()
});

/// A schema, with the keywords that are validated.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Schema {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    one_of: Vec<Schema>,
    r#type: Option<String>,
    properties: Option<HashMap<String, Schema>>,
    required: Vec<String>,
    items: Option<Box<Schema>>,
    format: Option<String>,
    r#enum: Option<Vec<Value>>,
}

/// The schema that allows everything.
static ANYTHING: LazyLock<Schema> = LazyLock::new(Schema::default);

/// A place where a response differs from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    pointer: String,
    kind: DeviationKind,
}

/// How a value differs from the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviationKind {
    /// A required field is missing.
    Missing,
    /// The value has another type or format than documented. It was left out.
    WrongType {
        /// The documented JSON type or string format.
        expected: &'static str,
        /// The JSON type of the value.
        found: &'static str,
    },
    /// The value is not one of the documented values. It was kept.
    UnknownValue,
    /// The field is not documented. It was left out.
    UnknownField,
    /// The value can't be parsed, for example because it is nested more than 128 levels deep. It was left out.
    Unreadable,
    /// The body is not UTF-8. Invalid bytes were replaced with question marks.
    NotUtf8,
    /// The field contains more values than an [`Answer`](crate::Answer) keeps. The rest was left out.
    TooLarge,
}

impl Deviation {
    /// The location as a JSON pointer into the response, such as `/users/0/flagCount`. Field names are cut to 64
    /// characters, and secrets in them are redacted.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The kind of difference.
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
            DeviationKind::NotUtf8 => f.write_str("not UTF-8"),
            DeviationKind::TooLarge => f.write_str("more values than are kept"),
        }
    }
}

/// Validates values against schemas of the contract, and collects the deviations.
pub(crate) struct Validator<'a> {
    found: Vec<Deviation>,
    /// Redacted in field names.
    secrets: &'a [&'a str],
}

/// A schema of the contract.
#[derive(Clone, Copy)]
pub(crate) struct SchemaRef(&'static Schema);

impl SchemaRef {
    /// Looks up a schema by name. An unknown name gives one that allows everything.
    pub(crate) fn of(name: &str) -> Self {
        Self(schema_named(name).resolved("object"))
    }

    /// Whether the schema allows a field with this name.
    pub(crate) fn has(self, field: &str) -> bool {
        self.0.properties.as_ref().is_none_or(|properties| properties.contains_key(field))
    }

    /// The name of the field that holds a token, if there is one.
    pub(crate) fn token(self) -> Option<&'static str> {
        let mut properties = self.0.properties.iter().flatten();
        let token =
            properties.find(|(_, schema)| schema.reference.as_deref().is_some_and(|it| it.ends_with(TOKEN)));
        token.map(|(name, _)| name.as_str())
    }
}

/// The location of a value in a response. It is formatted only if there is a deviation.
enum Location<'a> {
    Body,
    Field(&'a Location<'a>, &'a str),
    Item(&'a Location<'a>, usize),
}

impl<'a> Validator<'a> {
    pub(crate) fn new(secrets: &'a [&'a str]) -> Self {
        Self { found: Vec::new(), secrets }
    }

    /// Removes invalid members.
    pub(crate) fn object(&mut self, schema: SchemaRef, members: &mut Map<String, Value>) {
        self.members(schema.0, members, &Location::Body);
    }

    /// Records a deviation of the body as a whole.
    pub(crate) fn body(&mut self, kind: DeviationKind) {
        self.note(&Location::Body, kind);
    }

    /// Records a deviation of a top-level field.
    pub(crate) fn field(&mut self, name: &str, kind: DeviationKind) {
        self.note(&Location::Field(&Location::Body, name), kind);
    }

    /// The recorded deviations, at most [`KEPT`].
    pub(crate) fn into_deviations(self) -> Vec<Deviation> {
        self.found
    }

    /// Removes invalid parts of `value`. Returns whether `value` itself is valid.
    fn retain(&mut self, schema: &'static Schema, value: &mut Value, location: &Location<'_>) -> bool {
        let schema = schema.resolved(type_of(value));
        let Some(expected) = schema.r#type.as_deref() else { return true };
        match (expected, value) {
            ("object", Value::Object(members)) => self.members(schema, members, location),
            ("array", Value::Array(items)) => self.items(schema, items, location),
            ("string", Value::String(text)) => return self.text(schema, text, location),
            ("integer", Value::Number(number)) => match integral(number) {
                Some(integral) => *number = integral.into(),
                None => return self.wrong(expected, "number", location),
            },
            ("boolean", Value::Bool(_)) => {}
            (_, other) => return self.wrong(expected, type_of(other), location),
        }
        true
    }

    fn members(
        &mut self,
        schema: &'static Schema,
        members: &mut Map<String, Value>,
        location: &Location<'_>,
    ) {
        let Some(properties) = &schema.properties else { return };
        for name in schema.required.iter().filter(|name| !members.contains_key(*name)) {
            self.note(&Location::Field(location, name), DeviationKind::Missing);
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
                    self.note(&location, DeviationKind::UnknownField);
                    false
                }
            }
        });
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

    fn text(&mut self, schema: &'static Schema, text: &str, location: &Location<'_>) -> bool {
        if schema.format.as_deref() == Some("date-time") && !is_date_time(text) {
            return self.wrong("date-time", "string", location);
        }
        if schema.r#enum.as_ref().is_some_and(|known| !known.iter().any(|value| value == text)) {
            self.note(location, DeviationKind::UnknownValue);
        }
        true
    }

    fn wrong(&mut self, expected: &'static str, found: &'static str, location: &Location<'_>) -> bool {
        self.note(location, DeviationKind::WrongType { expected, found });
        false
    }

    fn note(&mut self, location: &Location<'_>, kind: DeviationKind) {
        if self.found.len() < KEPT {
            let mut pointer = String::new();
            location.point(&mut pointer, self.secrets);
            let deviation = Deviation { pointer, kind };
            // A field can occur twice.
            if !self.found.contains(&deviation) {
                self.found.push(deviation);
            }
        }
    }
}

impl Location<'_> {
    /// Appends the location as a JSON pointer, with `secrets` redacted.
    fn point(&self, pointer: &mut String, secrets: &[&str]) {
        match self {
            Self::Body => {}
            Self::Item(array, at) => {
                array.point(pointer, secrets);
                pointer.push('/');
                pointer.push_str(&at.to_string());
            }
            Self::Field(object, name) => {
                object.point(pointer, secrets);
                pointer.push('/');
                for character in redact::without(name, secrets).chars().take(NAME_SHOWN) {
                    match character {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        shown if shown.is_control() => pointer.push('\u{fffd}'),
                        shown => pointer.push(shown),
                    }
                }
            }
        }
    }
}

/// The schema with this name, or one that allows everything if the name is unknown.
fn schema_named(name: &str) -> &'static Schema {
    SCHEMAS.get(name).unwrap_or_else(|| &ANYTHING)
}

impl Schema {
    /// Follows references, and selects the alternative for values of type `found`.
    fn resolved(&'static self, found: &str) -> &'static Self {
        let mut schema = self;
        while let Some(name) = schema.reference.as_deref().and_then(|path| path.rsplit('/').next()) {
            schema = schema_named(name);
        }
        let mut alternatives = schema.one_of.iter().map(|alternative| alternative.resolved(found));
        let fallback = alternatives.clone().next();
        alternatives
            .find(|alternative| alternative.r#type.as_deref() == Some(found))
            .or(fallback)
            .unwrap_or(schema)
    }
}

/// Checks both the documented format and the parser that the types use. RFC 3339 has four-digit years. A date whose
/// offset moves it outside them in UTC could be read, but not written again.
fn is_date_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
        && text.parse::<DateTime<Utc>>().is_ok_and(|date| (0..=9999).contains(&date.year()))
}

/// The number as an integer. JSON Schema treats `5.0` as one.
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
