//! Where a response does not match its schema, and how.

use std::fmt;

use crate::api::redact;
use crate::error::printable::is_printable;

/// The maximum length of a field name in a JSON pointer, in characters.
const NAME_SHOWN: usize = 64;

/// A place where a response does not match the contract.
///
/// [`Display`](fmt::Display) tells the place and the difference: `/users/0/flagCount: expected integer, found string`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaMismatch {
    pointer: String,
    kind: Kind,
}

/// How a value differs from its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A required field is missing.
    Missing,
    /// The value has another type or format than documented. It was left out.
    WrongType { expected: &'static str, found: &'static str },
    /// The value is not one of the documented values. It was kept.
    UnknownValue,
    /// The field is not documented. It was left out.
    UnknownField,
    /// The value can't be parsed, for example because it is nested more than 128 levels deep. It was left out.
    Unreadable,
    /// The body is not UTF-8. Invalid bytes were replaced with question marks.
    NotUtf8,
    /// The body has byte order marks between its values. They were left out.
    Mark,
    /// The field contains more values than are kept. The rest was left out.
    TooLarge,
}

impl SchemaMismatch {
    /// A mismatch at this location, in whose field names the `secrets` are redacted.
    pub(crate) fn new(location: &Location<'_>, kind: Kind, secrets: &[&str]) -> Self {
        let mut pointer = String::new();
        location.point(&mut pointer, kind == Kind::UnknownField, secrets);
        Self { pointer, kind }
    }

    /// The location as a JSON pointer into the response, such as `/users/0/flagCount`. Field names are cut to 64
    /// characters, and secrets in them are redacted.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.pointer)?;
        match self.kind {
            Kind::Missing => f.write_str("missing"),
            Kind::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            Kind::UnknownValue => f.write_str("a value that is not documented"),
            Kind::UnknownField => f.write_str("a field that is not documented"),
            Kind::Unreadable => f.write_str("can't be read"),
            Kind::Mark => f.write_str("byte order marks"),
            Kind::NotUtf8 => f.write_str("not UTF-8"),
            Kind::TooLarge => f.write_str("more values than are kept"),
        }
    }
}

/// The location of a value in a response. It is formatted only if there is a mismatch.
pub(crate) enum Location<'a> {
    Body,
    Field(&'a Location<'a>, &'a str),
    Item(&'a Location<'a>, usize),
}

impl Location<'_> {
    /// Appends the location as a JSON pointer, with `secrets` redacted. `is_unknown` says whether the field is not
    /// documented.
    fn point(&self, pointer: &mut String, is_unknown: bool, secrets: &[&str]) {
        match self {
            Self::Body => {}
            Self::Item(array, at) => {
                array.point(pointer, false, secrets);
                pointer.push('/');
                pointer.push_str(&at.to_string());
            }
            Self::Field(object, name) => {
                object.point(pointer, false, secrets);
                pointer.push('/');
                let name = match is_unknown {
                    true => redact::name(name, secrets),
                    false => redact::without(name, secrets).into(),
                };
                for character in name.chars().take(NAME_SHOWN) {
                    match character {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        shown if !is_printable(shown) => pointer.push('\u{fffd}'),
                        shown => pointer.push(shown),
                    }
                }
            }
        }
    }
}
