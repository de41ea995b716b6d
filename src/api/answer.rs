//! A decoded response body, with the places where it differs from the contract.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::body;
use crate::api::bounded::{self, Bounded};
use crate::api::deviation::{Deviation, DeviationKind, KEPT, SchemaRef, Validator};

/// A response body of type `T`, with its deviations from the contract.
///
/// Decoding fails only if the body is not a JSON object, or if a required field of `T` is missing or invalid. Other
/// deviations are listed in [`deviations`](Self::deviations). Invalid values and unknown fields are left out.
///
/// A value takes much more memory than its text, so the number of values is limited: to 5,000 per field and 10,000 per
/// body, counting those within arrays and objects, in the order of the body. Further ones are left out and listed. A
/// field that holds a single value is always kept.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    body: T,
    deviations: Vec<Deviation>,
}

impl<T> Answer<T> {
    /// The places where the response differs from the contract, at most 100.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// Returns the body and the deviations.
    pub fn into_parts(self) -> (T, Vec<Deviation>) {
        (self.body, self.deviations)
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.body
    }
}

impl<T: DeserializeOwned + JsonSchema> Answer<T> {
    /// Decodes a body. In deviations and errors, the `secrets` and the body's own token are redacted.
    pub(crate) fn decode(body: &[u8], secrets: &[&str]) -> Result<Self, String> {
        let schema = SchemaRef::of(&T::schema_name());
        let text = body::as_text(body);
        let mut json = serde_json::Deserializer::from_slice(&text);
        let fields = json.deserialize_map(Fields { schema }).map_err(|_| NO_OBJECT.to_owned())?;
        json.end().map_err(|error| error.to_string())?;
        let Read { mut fields, noted } = fields;

        let token = schema.token().and_then(|name| fields.get(name)?.as_str());
        let token = token.map(|token| SecretString::from(token.to_owned()));
        let secrets = secrets.iter().copied().chain(token.as_ref().map(|token| token.expose_secret()));
        let secrets: Vec<&str> = secrets.collect();
        let mut validator = Validator::new(&secrets);
        if matches!(text, Cow::Owned(_)) {
            validator.body(DeviationKind::NotUtf8);
        }
        // The number of deviations is limited, so fields that are left out come first, and unknown fields last.
        let (unknown, left_out): (Vec<_>, Vec<_>) =
            noted.into_iter().partition(|(_, kind)| *kind == DeviationKind::UnknownField);
        left_out.iter().for_each(|(name, kind)| validator.field(name, *kind));
        validator.object(schema, &mut fields);
        unknown.iter().for_each(|(name, kind)| validator.field(name, *kind));
        let deviations = validator.into_deviations();
        match T::deserialize(Value::Object(fields)) {
            Ok(body) => Ok(Self { body, deviations }),
            // serde's messages can quote the body, and with it a token.
            Err(_) => Err(top_level(&deviations)),
        }
    }
}

const NO_OBJECT: &str = "it is not a JSON object";

impl<'de, T: DeserializeOwned + JsonSchema> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer).map_err(|_| D::Error::custom(NO_OBJECT))?;
        Self::decode(text.get().as_bytes(), &[]).map_err(D::Error::custom)
    }
}

/// The fields of a body that can be read, and the deviations of the others. A field that can't be read (nested too
/// deeply, a number out of range) does not affect the others.
struct Read {
    fields: Map<String, Value>,
    noted: Vec<(String, DeviationKind)>,
}

/// Reads the fields of a body that are part of its schema.
struct Fields {
    schema: SchemaRef,
}

impl<'de> Visitor<'de> for Fields {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Read, A::Error> {
        let mut read = Read { fields: Map::new(), noted: Vec::new() };
        let mut left = bounded::ANSWER;
        while let Some(Name(name)) = members.next_key()? {
            if !self.schema.has(&name) {
                members.next_value::<IgnoredAny>()?;
                read.note(name, DeviationKind::UnknownField);
            } else if read.fields.len() == bounded::FIELD && !read.fields.contains_key(&name) {
                members.next_value::<IgnoredAny>()?;
                read.note(name, DeviationKind::TooLarge);
            } else {
                let text = members.next_value::<&RawValue>()?.get();
                let mut within = left.min(bounded::FIELD);
                let unused = left - within;
                match bounded::value(text.as_bytes(), &mut within) {
                    Ok(Bounded { value, is_cut }) => {
                        read.fields.insert(name.clone(), value);
                        if is_cut {
                            read.note(name, DeviationKind::TooLarge);
                        }
                    }
                    Err(_) => read.note(name, DeviationKind::Unreadable),
                }
                left = unused + within;
            }
        }
        Ok(read)
    }
}

/// A field name. Escapes of lone surrogates become replacement characters.
struct Name(String);

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
    fn note(&mut self, name: String, kind: DeviationKind) {
        if self.noted.len() < KEPT {
            self.noted.push((name, kind));
        }
    }
}

/// Describes the deviations of top-level fields, since only those can make decoding fail.
fn top_level(deviations: &[Deviation]) -> String {
    let fields = deviations.iter().filter(|deviation| deviation.pointer().matches('/').count() == 1);
    let fields = fields.take(4).map(Deviation::to_string).collect::<Vec<_>>();
    format!("required fields are missing or invalid: {}", fields.join(", "))
}
