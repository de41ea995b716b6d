//! Lenient decoding of response bodies.

use std::fmt;
use std::ops::Deref;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::checked::{self, Limit, MAX_FIELD_VALUES, MAX_VALUES};
use crate::api::mismatch::{Kind, Location, SchemaMismatch};
use crate::api::repair;
use crate::api::schema::Schema;
use crate::api::types::{BotSession, ErrorBody};
use crate::api::validator::{MAX_MISMATCHES, Validator};

/// A response body of type `T`, and where it does not match the contract.
///
/// Decoding fails only if the body is not a JSON object, or if a required field of `T` is missing or invalid. Invalid
/// values and unknown fields are left out, and listed in [`mismatches`](Self::mismatches).
///
/// A value takes much more memory than its text, so the number of values is limited: to 5,000 per field and 10,000 per
/// body, counting those within arrays and objects, in the order of the body. Further ones are left out and listed. A
/// field that holds a single value is always kept.
#[derive(Clone, Debug)]
pub struct Lenient<T> {
    body: T,
    mismatches: Vec<SchemaMismatch>,
}

impl<T> Lenient<T> {
    /// A body that matches the contract.
    pub(crate) fn matching(body: T) -> Self {
        Self { body, mismatches: Vec::new() }
    }

    /// The places where the body does not match the contract, at most 100.
    #[cfg(any(feature = "unstable-api", test))]
    #[cfg_attr(not(feature = "unstable-api"), allow(dead_code, reason = "some tests need further features"))]
    pub fn mismatches(&self) -> &[SchemaMismatch] {
        &self.mismatches
    }

    /// Returns the body and the mismatches.
    pub fn into_parts(self) -> (T, Vec<SchemaMismatch>) {
        (self.body, self.mismatches)
    }
}

impl<T> Deref for Lenient<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

/// A type that the contract has a schema for.
pub trait Documented: DeserializeOwned {
    /// The name of the schema.
    const SCHEMA: &str;
}

impl Documented for BotSession {
    const SCHEMA: &str = "BotSession";
}

impl Documented for ErrorBody {
    const SCHEMA: &str = "ErrorBody";
}

impl<T: Documented> Lenient<T> {
    /// Decodes a body. In mismatches and errors, the `secrets` and the body's own token are redacted.
    pub(crate) fn decode(body: &[u8], secrets: &[&str]) -> Result<Self, String> {
        let schema = Schema::of(T::SCHEMA);
        let (text, repaired) = repair::text(body);
        // Nearly all bodies match, and finding out where one does not takes several times as long.
        match matching(&text, schema).filter(|_| repaired.is_none()) {
            Some(body) => Ok(Self { body, mismatches: Vec::new() }),
            None => Self::validate(&text, repaired, schema, secrets),
        }
    }

    /// Decodes what is valid, and records what is not.
    fn validate(
        text: &str,
        repaired: Option<Kind>,
        schema: &'static Schema,
        secrets: &[&str],
    ) -> Result<Self, String> {
        let mut json = serde_json::Deserializer::from_str(text);
        let fields = json.deserialize_map(Fields { schema }).map_err(|_| NO_OBJECT.to_owned())?;
        json.end().map_err(|error| error.to_string())?;
        let Read { mut fields, noted } = fields;

        let token = schema.token().and_then(|name| fields.get(name)?.as_str());
        let token = token.map(|token| SecretString::from(token.to_owned()));
        let secrets = secrets.iter().copied().chain(token.as_ref().map(|token| token.expose_secret()));
        let secrets: Vec<&str> = secrets.collect();
        let mut validator = Validator { found: Vec::new(), secrets: &secrets };
        if let Some(kind) = repaired {
            validator.note(&Location::Body, kind);
        }
        // The number of mismatches is limited, so fields that are left out come first, and unknown fields last.
        let (unknown, left_out): (Vec<_>, Vec<_>) =
            noted.into_iter().partition(|(_, kind)| *kind == Kind::UnknownField);
        let note = |validator: &mut Validator<'_>, fields: Vec<(String, Kind)>| {
            for (name, kind) in fields {
                validator.note(&Location::Field(&Location::Body, &name), kind);
            }
        };
        note(&mut validator, left_out);
        validator.members(schema, &mut fields, &Location::Body);
        note(&mut validator, unknown);
        let mismatches = validator.found;
        match T::deserialize(Value::Object(fields)) {
            Ok(body) => Ok(Self { body, mismatches }),
            // serde's messages can quote the body, and with it a token.
            Err(_) => Err(top_level(&mismatches)),
        }
    }
}

/// Decodes a body that matches its schema, in one pass.
fn matching<T: DeserializeOwned>(text: &str, schema: &'static Schema) -> Option<T> {
    // A schema that lists no fields is nothing to rely on.
    schema.properties.as_ref()?;
    let mut limit = Limit::new(MAX_FIELD_VALUES);
    checked::decode(text, schema, &mut limit).ok().filter(|_| !limit.is_exceeded)
}

const NO_OBJECT: &str = "it is not a JSON object";

impl<'de, T: Documented> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer).map_err(|_| D::Error::custom(NO_OBJECT))?;
        Self::decode(text.get().as_bytes(), &[]).map_err(D::Error::custom)
    }
}

/// The fields of a body that can be read, and what is wrong with the others. A field that can't be read (nested too
/// deeply, a number out of range) does not affect the others.
struct Read {
    fields: Map<String, Value>,
    noted: Vec<(String, Kind)>,
}

/// Reads the fields of a body that are part of its schema.
struct Fields {
    schema: &'static Schema,
}

impl<'de> Visitor<'de> for Fields {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Read, A::Error> {
        let mut read = Read { fields: Map::new(), noted: Vec::new() };
        let mut left = MAX_VALUES;
        while let Some(Name(name)) = members.next_key()? {
            if !self.schema.has(&name) {
                members.next_value::<IgnoredAny>()?;
                read.note(name, Kind::UnknownField);
            } else if read.fields.len() == MAX_FIELD_VALUES && !read.fields.contains_key(&name) {
                members.next_value::<IgnoredAny>()?;
                read.note(name, Kind::TooLarge);
            } else {
                let text = members.next_value::<&RawValue>()?.get();
                let mut limit = Limit::new(left.min(MAX_FIELD_VALUES));
                left -= limit.left;
                match checked::value(text, &mut limit) {
                    Ok(value) => {
                        read.fields.insert(name.clone(), value);
                        if limit.is_exceeded {
                            read.note(name, Kind::TooLarge);
                        }
                    }
                    Err(_) => read.note(name, Kind::Unreadable),
                }
                left += limit.left;
            }
        }
        Ok(read)
    }
}

/// A field name. Escapes of lone surrogates become replacement characters.
pub(crate) struct Name(pub(crate) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
                Ok(Name(String::from_utf8_lossy(name).into_owned()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

impl Read {
    fn note(&mut self, name: String, kind: Kind) {
        if self.noted.len() < MAX_MISMATCHES {
            self.noted.push((name, kind));
        }
    }
}

/// Describes the mismatches of top-level fields, since only those can make decoding fail.
fn top_level(mismatches: &[SchemaMismatch]) -> String {
    let fields = mismatches.iter().filter(|mismatch| mismatch.pointer().matches('/').count() == 1);
    let fields = fields.take(4).map(SchemaMismatch::to_string).collect::<Vec<_>>();
    format!("required fields are missing or invalid: {}", fields.join(", "))
}

#[cfg(test)]
mod tests;
