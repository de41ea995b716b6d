//! Enumerations that may grow.
//!
//! The service adds permissions, and may add kinds of users, without a new version of its API. A closed
//! enum would turn each addition into a failure to read an otherwise good answer, so a value that this
//! version of the crate does not know is kept as its text.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// A value of the enumeration `T`, or the text of one that this version of the crate does not know.
///
/// Either way [`Display`](fmt::Display) and serialization give back exactly what the service sent. To
/// compare with a value that a later version may come to know, compare the text.
///
/// ```
/// use social_plus_bot::{Open, UserType};
///
/// let known: Open<UserType> = serde_json::from_str(r#""bot""#)?;
/// assert_eq!(known.known(), Some(&UserType::Bot));
///
/// let new: Open<UserType> = serde_json::from_str(r#""assistant""#)?;
/// assert_eq!(new.known(), None);
/// assert_eq!(new.to_string(), "assistant");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Open<T> {
    /// A value that is part of the contract.
    Known(T),
    /// The text of a value that is not.
    Unknown(String),
}

impl<T> Open<T> {
    /// The value, if this version of the crate knows it.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: fmt::Display> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(f),
            Self::Unknown(text) => f.pad(text),
        }
    }
}

/// Any string: the listed values are the ones known today.
impl<T: JsonSchema> JsonSchema for Open<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Open{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}
