//! What in an answer departs from the contract.
//!
//! The service grows, and already answers some things otherwise than documented (a string for a
//! number). A session must not fail for that. So each answer is held against the
//! contract before it is decoded: what departs from it is noted and, unless the types can hold it, left
//! out. The contract itself is the only description used, and the walk is linear in the answer's size.
//! Most answers depart nowhere, and cost no more than being looked at: nothing is moved that stays.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::redact;

/// At most so many deviations of an answer are kept; more would say nothing new.
pub(crate) const KEPT: usize = 100;

/// At most so many characters of a field's name are shown.
const NAME_SHOWN: usize = 64;

/// How the contract refers to a token.
const TOKEN: &str = "/AccessToken";

/// The contract, as the build read it.
pub(crate) static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    // It is part of the crate and was read by the build, so the fallback is never taken.
    serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap_or_default()
});

/// Its schemas by name. Looking a keyword up in the document for every value of an answer would cost more than
/// decoding the answer.
static SCHEMAS: LazyLock<HashMap<String, Schema>> = LazyLock::new(|| {
    let schemas = CONTRACT.pointer("/components/schemas");
    schemas.and_then(|schemas| HashMap::deserialize(schemas).ok()).unwrap_or_default()
});

/// A schema, as far as an answer is held against it.
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

/// The schema of what nothing is known of: it allows everything.
static ANYTHING: LazyLock<Schema> = LazyLock::new(Schema::default);

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
    /// Bytes of the body are not UTF-8; question marks stand in their place.
    NotUtf8,
    /// The value holds more values than an [`Answer`](crate::Answer) keeps; those beyond were left out.
    TooLarge,
}

impl Deviation {
    /// Where: a JSON pointer into the answer, such as `/users/0/flagCount`. Of a field's name it has at most 64
    /// characters, and no secret that the name quotes.
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
            DeviationKind::NotUtf8 => f.write_str("not UTF-8"),
            DeviationKind::TooLarge => f.write_str("holds more than is kept"),
        }
    }
}

/// Holds values against schemas of the contract and notes what departs.
pub(crate) struct Validator<'a> {
    found: Vec<Deviation>,
    /// What the names of fields must not show.
    secrets: &'a [&'a str],
}

/// A schema of the contract, looked up by its name. An unknown name is that of one that allows everything.
#[derive(Clone, Copy)]
pub(crate) struct SchemaRef(&'static Schema);

impl SchemaRef {
    pub(crate) fn of(name: &str) -> Self {
        Self(schema_named(name).resolved("object"))
    }

    /// Whether an object of this schema may have a field of this name.
    pub(crate) fn has(self, field: &str) -> bool {
        self.0.properties.as_ref().is_none_or(|properties| properties.contains_key(field))
    }

    /// The field that holds a token, if there is one.
    pub(crate) fn token(self) -> Option<&'static str> {
        let mut properties = self.0.properties.iter().flatten();
        let token =
            properties.find(|(_, schema)| schema.reference.as_deref().is_some_and(|it| it.ends_with(TOKEN)));
        token.map(|(name, _)| name.as_str())
    }
}

/// Where in an answer a value is. It is put in words only if there is something to note.
enum Location<'a> {
    Body,
    Field(&'a Location<'a>, &'a str),
    Item(&'a Location<'a>, usize),
}

impl<'a> Validator<'a> {
    pub(crate) fn new(secrets: &'a [&'a str]) -> Self {
        Self { found: Vec::new(), secrets }
    }

    /// Leaves of `members` what the schema allows.
    pub(crate) fn object(&mut self, schema: SchemaRef, members: &mut Map<String, Value>) {
        self.members(schema.0, members, &Location::Body);
    }

    /// Notes what is odd about the body as a whole.
    pub(crate) fn body(&mut self, kind: DeviationKind) {
        self.note(&Location::Body, kind);
    }

    /// Notes what is odd about a field of the answer.
    pub(crate) fn field(&mut self, name: &str, kind: DeviationKind) {
        self.note(&Location::Field(&Location::Body, name), kind);
    }

    /// What was noted, at most [`KEPT`].
    pub(crate) fn into_deviations(self) -> Vec<Deviation> {
        self.found
    }

    /// Whether `value` stays, once what does not is taken out of it.
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

    fn members(&mut self, schema: &'static Schema, members: &mut Map<String, Value>, location: &Location<'_>) {
        let Some(properties) = &schema.properties else { return };
        for name in schema.required.iter().filter(|name| !members.contains_key(*name)) {
            self.note(&Location::Field(location, name), DeviationKind::Missing);
        }
        members.retain(|name, value| {
            let location = Location::Field(location, name);
            match properties.get(name) {
                // The service writes null for what is absent.
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
            // A field can come twice.
            if !self.found.contains(&deviation) {
                self.found.push(deviation);
            }
        }
    }
}

impl Location<'_> {
    /// Writes it as a JSON pointer without `secrets`.
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

/// The schema of the contract with this name; for an unknown name one that allows everything.
fn schema_named(name: &str) -> &'static Schema {
    SCHEMAS.get(name).unwrap_or_else(|| &ANYTHING)
}

impl Schema {
    /// Follows references, and takes of several alternatives the one for values of type `found`.
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
