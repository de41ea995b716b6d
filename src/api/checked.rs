//! A deserializer that limits the number of values, and compares them with a schema of the contract.
//!
//! A value in memory is many times larger than its text: two bytes can become an object. So a limit on the body size is
//! not enough. Values beyond a limit are skipped.
//!
//! A value that does not match its schema is an error, so a type that can be decoded in this way needs no further
//! validation. The [`Validator`](crate::api::validator) accepts the same values, and more: what it finds nothing wrong
//! with can still be an error here, such as an integer that is written as a decimal.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Number, Value};

use crate::api::schema::{ANYTHING, Schema};

/// The maximum number of values in a field of a response, counting those within arrays and objects. A session has about
/// 100 in all.
pub(crate) const MAX_FIELD_VALUES: usize = 5_000;

/// The maximum number of values in a response.
pub(crate) const MAX_VALUES: usize = 10_000;

/// The prefix of field names with a special meaning in serde_json. It would decode the string in such a field as JSON,
/// without a limit and without redaction.
const PRIVATE: &str = "$serde_json::private::";

/// The field name with which serde_json represents a number if its feature `arbitrary_precision` is enabled anywhere in
/// the build.
const NUMBER: &str = "$serde_json::private::Number";

/// How many more values are decoded, not counting the outermost.
pub(crate) struct Limit {
    pub(crate) left: usize,
    /// Whether values were skipped.
    pub(crate) is_exceeded: bool,
}

impl Limit {
    pub(crate) fn new(left: usize) -> Self {
        Self { left, is_exceeded: false }
    }
}

/// Decodes any JSON within a limit.
pub(crate) fn value(json: &str, limit: &mut Limit) -> serde_json::Result<Value> {
    decode(json, &ANYTHING, limit)
}

/// Decodes JSON that matches `schema`.
pub(crate) fn decode<'de, T: Deserialize<'de>>(
    json: &'de str,
    schema: &'static Schema,
    limit: &mut Limit,
) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Checked(&mut json, Rules { schema, is_optional: false, limit }))?;
    json.end()?;
    Ok(value)
}

/// A deserializer, a visitor or the seed of a value, with the rules for the value.
struct Checked<'a, T>(T, Rules<'a>);

struct Rules<'a> {
    schema: &'static Schema,
    /// Whether null counts as absent.
    is_optional: bool,
    limit: &'a mut Limit,
}

fn mismatch<E: Error>() -> E {
    E::custom("the value does not match its schema")
}

impl Rules<'_> {
    /// Checks a value of a JSON type, which is called `name` in schemas.
    fn check<E: Error>(&self, json_type: &str, name: &str) -> Result<(), E> {
        let expected = self.schema.resolved(json_type).r#type.as_deref();
        if expected.is_none_or(|expected| expected == name) { Ok(()) } else { Err(mismatch()) }
    }

    fn check_text<E: Error>(&self, text: &str) -> Result<(), E> {
        self.check("string", "string")?;
        let schema = self.schema.resolved("string");
        // The type of a date is stricter than this form, and the only one that parses it then.
        let is_allowed = schema.is_date_time() && is_plain_date(text) || schema.allows_format(text);
        if is_allowed && schema.allows_value(text) { Ok(()) } else { Err(mismatch()) }
    }

    fn check_null<E: Error>(&self) -> Result<(), E> {
        if self.is_optional { Ok(()) } else { self.check("null", "null") }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Checked<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Checked(visitor, self.1))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Checked(visitor, self.1))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.1.check_null()?;
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.1.check_null()?;
        self.0.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Checked(value, self.1))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.1.check("boolean", "boolean")?;
        self.0.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.1.check("number", "integer")?;
        self.0.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        // Integers of the contract have 64 bits and a sign.
        self.1.check("number", if i64::try_from(value).is_ok() { "integer" } else { "number" })?;
        self.0.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.1.check("number", "number")?;
        self.0.visit_f64(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.1.check_text(text)?;
        self.0.visit_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let Checked(visitor, rules) = self;
        rules.check("array", "array")?;
        let schema = rules.schema.resolved("array").items.as_deref().unwrap_or(&ANYTHING);
        visitor.visit_seq(Items { inner: items, schema, limit: rules.limit })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<V::Value, A::Error> {
        let Checked(visitor, rules) = self;
        let first = members.next_key::<Name>()?;
        if first.as_ref().is_some_and(|Name(name)| name == NUMBER) {
            rules.check("number", "number")?;
            let number = members.next_value::<Cow<'_, str>>()?.parse::<Number>().map_err(A::Error::custom)?;
            return number.deserialize_any(visitor).map_err(A::Error::custom);
        }
        rules.check("object", "object")?;
        let schema = rules.schema.resolved("object");
        let missing = if schema.properties.is_some() { schema.required.len() } else { 0 };
        let value = (&ANYTHING, false);
        visitor.visit_map(Members { inner: members, schema, first, value, missing, limit: rules.limit })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Checked<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Checked(value, self.1))
    }
}

/// Whether a text has the usual form of a date in RFC 3339: `2023-11-07T05:31:56Z`, also with a fraction.
fn is_plain_date(text: &str) -> bool {
    let Some((seconds, fraction)) = text.strip_suffix('Z').and_then(|text| text.split_at_checked(19)) else {
        return false;
    };
    let in_form = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let is_fraction =
        |digits: &str| (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    seconds.bytes().zip(*b"0000-00-00T00:00:00").all(in_form)
        && (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(is_fraction))
}

/// The items of an array.
struct Items<'a, A> {
    inner: A,
    schema: &'static Schema,
    limit: &'a mut Limit,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        if self.limit.left == 0 {
            while self.inner.next_element::<IgnoredAny>()?.is_some() {
                self.limit.is_exceeded = true;
            }
            return Ok(None);
        }
        // An item counts before its own items. If there is none, the count is restored.
        self.limit.left -= 1;
        let rules = Rules { schema: self.schema, is_optional: false, limit: self.limit };
        let item = self.inner.next_element_seed(Checked(seed, rules))?;
        if item.is_none() {
            self.limit.left += 1;
        }
        Ok(item)
    }
}

/// The members of an object.
struct Members<'a, 'de, A> {
    inner: A,
    schema: &'static Schema,
    /// The first name, which was read already.
    first: Option<Name<'de>>,
    /// The schema of the next value, and whether the value is optional.
    value: (&'static Schema, bool),
    /// The number of required members that were not found yet. A type with fields refuses a second one of the same name.
    missing: usize,
    limit: &'a mut Limit,
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        loop {
            let name = match self.first.take() {
                Some(name) => Some(name),
                None => self.inner.next_key::<Name>()?,
            };
            let Some(Name(name)) = name else {
                return if self.missing == 0 { Ok(None) } else { Err(mismatch()) };
            };
            if name.starts_with(PRIVATE) {
                return Err(A::Error::custom("a field name reserved by serde_json"));
            }
            if self.limit.left == 0 {
                self.inner.next_value::<IgnoredAny>()?;
                self.limit.is_exceeded = true;
                continue;
            }
            self.limit.left -= 1;
            if let Some(properties) = &self.schema.properties {
                let schema = properties.get(&*name).ok_or_else(mismatch)?;
                let is_required = self.schema.required.iter().any(|required| *required == name);
                self.missing -= usize::from(is_required && self.missing > 0);
                self.value = (schema, !is_required);
            }
            return seed.deserialize(CowStrDeserializer::new(name)).map(Some);
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let (schema, is_optional) = self.value;
        self.inner.next_value_seed(Checked(seed, Rules { schema, is_optional, limit: self.limit }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounded(json: &str, left: usize) -> (Value, bool, usize) {
        let mut limit = Limit::new(left);
        (value(json, &mut limit).unwrap(), limit.is_exceeded, limit.left)
    }

    #[test]
    fn values_within_the_limit_are_unchanged() {
        for json in ["null", "true", "-5", "18446744073709551615", "1.5e300", r#""a\nb""#, "[]", "{}"] {
            assert_eq!(bounded(json, 0), (serde_json::from_str(json).unwrap(), false, 0), "{json}");
        }
        let all = r#"{"a":[1,[2,{}],"x"],"b":{"c":null,"d":[[]]}}"#;
        assert_eq!(bounded(all, 11), (serde_json::from_str(all).unwrap(), false, 1));
        assert_eq!(bounded(all, 10), (serde_json::from_str(all).unwrap(), false, 0));
    }

    #[test]
    fn values_beyond_the_limit_are_skipped() {
        assert_eq!(bounded("[1,2,3]", 2), (json!([1, 2]), true, 0));
        assert_eq!(bounded("[[1,2],3]", 2), (json!([[1]]), true, 0));
        assert_eq!(bounded(r#"{"a":{"b":1},"c":2}"#, 2), (json!({ "a": { "b": 1 } }), true, 0));
        assert_eq!(bounded(r#"{"a":1,"b":[1,{}]}"#, 1), (json!({ "a": 1 }), true, 0));
        // The depth of skipped values is not limited.
        let deep = format!("[0,{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(bounded(&deep, 1), (json!([0]), true, 0));
    }

    #[test]
    fn invalid_json_is_an_error_within_the_limit_and_beyond() {
        for json in ["", "[1", "[1,2,3", r#"{"a":1,"b":}"#, "[] []", "[1,2,x]"] {
            assert!(value(json, &mut Limit::new(1)).is_err(), "{json}");
        }
        for name in ["RawValue", "Number"] {
            let json = format!(r#"{{"a":1,"$serde_json::private::{name}":"[1,2]"}}"#);
            assert!(value(&json, &mut Limit::new(10)).is_err(), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(value(&deep, &mut Limit::new(10_000)).is_err());
    }

    #[test]
    fn a_number_in_the_form_of_arbitrary_precision_is_a_number() {
        assert_eq!(bounded(r#"[{"$serde_json::private::Number":"1.5"}]"#, 5).0, json!([1.5]));
    }
}
