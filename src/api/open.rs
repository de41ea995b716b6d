//! Enumerations with values that this version of the crate does not know.
//!
//! The service adds permissions, and may add user types, without a new API version. With a closed enum, each addition
//! would make a valid response undecodable. So unknown values are kept as text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value of the enumeration `T`, or the text of an unknown value.
///
/// [`Display`](fmt::Display) and serialization return exactly what the service sent. A later version of the crate may
/// know a value that is unknown today, so compare its text.
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
    /// A documented value.
    Known(T),
    /// The text of any other value.
    Unknown(String),
}

impl<T> Open<T> {
    /// Returns the value, or `None` if it is unknown.
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

/// The schema is any string, since the known values may not be all.
#[cfg(feature = "schemars")]
#[cfg_attr(docsrs, doc(cfg(feature = "schemars")))]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Open<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Open{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}
