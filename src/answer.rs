//! An answer of the service: what it says in the contract's terms, and where it departs from them.

use std::collections::BTreeMap;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::deviation::{Comparison, Deviation};

/// A body of type `T` that the service answered with, and its deviations from the contract.
///
/// Decoding fails only if the body is not a JSON object or lacks what `T` can't be without. Anything else
/// that departs from the contract is noted in [`deviations`](Self::deviations) and left out.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    body: T,
    deviations: Vec<Deviation>,
}

impl<T> Answer<T> {
    /// Where the answer departs from the contract; the first 100 such places.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// The body and the deviations.
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

impl<'de, T: DeserializeOwned + JsonSchema> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let no_object = || D::Error::custom("it is not a JSON object");
        let text = Box::<RawValue>::deserialize(deserializer).map_err(|_| no_object())?;
        let mut comparison = Comparison::default();
        let mut body = match serde_json::from_str::<Map<String, Value>>(text.get()) {
            Ok(fields) => fields,
            Err(_) => readable(text.get(), &mut comparison).map_err(|_| no_object())?,
        };
        // The names of generated types are those of the contract's schemas.
        comparison.object(&T::schema_name(), &mut body);
        let deviations = comparison.into_deviations();
        match T::deserialize(Value::Object(body)) {
            Ok(body) => Ok(Self { body, deviations }),
            // serde's own words could quote the answer, and with it a token.
            Err(_) => Err(D::Error::custom(top_level(&deviations))),
        }
    }
}

/// The fields of an object that can be read. One that can't (too deep, a number out of range) does not take the
/// others with it.
fn readable(text: &str, comparison: &mut Comparison) -> serde_json::Result<Map<String, Value>> {
    let mut readable = Map::new();
    for (name, text) in serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text)? {
        match serde_json::from_str::<Value>(text.get()) {
            Ok(value) => drop(readable.insert(name, value)),
            Err(_) => comparison.unreadable(&name),
        }
    }
    Ok(readable)
}

/// The deviations that concern the body's own fields, which are the ones that can make it undecodable.
fn top_level(deviations: &[Deviation]) -> String {
    let fields = deviations.iter().filter(|deviation| deviation.pointer().matches('/').count() == 1);
    let fields = fields.take(4).map(Deviation::to_string).collect::<Vec<_>>();
    format!("it lacks what it has to have; {}", fields.join(", "))
}
