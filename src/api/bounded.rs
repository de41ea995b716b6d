//! Decodes JSON with a limited number of values.
//!
//! A value in memory is many times larger than its text: two bytes can become an object. So a limit on the body size is
//! not enough. Values beyond a limit are skipped.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The maximum number of values in a field of a response, counting those within arrays and objects. A session has about
/// 100 in all.
pub(crate) const FIELD: usize = 5_000;

/// The maximum number of values in a response.
pub(crate) const ANSWER: usize = 10_000;

/// The field name with which serde_json represents a number if its feature `arbitrary_precision` is enabled anywhere in
/// the build.
const NUMBER: &str = "$serde_json::private::Number";

/// The prefix of field names with a special meaning in serde_json. It would decode the string in such a field as JSON,
/// without a limit and without redaction.
const PRIVATE: &str = "$serde_json::private::";

/// A value, and whether parts of it were left out.
pub(crate) struct Bounded {
    pub(crate) value: Value,
    pub(crate) is_cut: bool,
}

/// Decodes JSON with at most `left` values within arrays and objects, and subtracts their number from `left`.
pub(crate) fn value(json: &[u8], left: &mut usize) -> serde_json::Result<Bounded> {
    let mut is_cut = false;
    let mut json = serde_json::Deserializer::from_slice(json);
    let value = Limit { left, is_cut: &mut is_cut }.deserialize(&mut json)?;
    json.end()?;
    Ok(Bounded { value, is_cut })
}

struct Limit<'a> {
    left: &'a mut usize,
    is_cut: &'a mut bool,
}

impl Limit<'_> {
    /// The same limit, for a nested value.
    fn within(&mut self) -> Limit<'_> {
        Limit { left: self.left, is_cut: self.is_cut }
    }

    /// Counts one more value, and returns whether it is within the limit.
    fn takes_one(&mut self) -> bool {
        *self.left > 0 && {
            *self.left -= 1;
            true
        }
    }
}

impl<'de> DeserializeSeed<'de> for Limit<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limit<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while *self.left > 0 {
            // An item counts before its own items. If there is none, the count is restored.
            self.takes_one();
            match items.next_element_seed(self.within())? {
                Some(item) => kept.push(item),
                None => {
                    *self.left += 1;
                    return Ok(Value::Array(kept));
                }
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            *self.is_cut = true;
        }
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if kept.is_empty() && name == NUMBER {
                let digits = members.next_value::<String>()?;
                return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
            }
            if name.starts_with(PRIVATE) {
                return Err(A::Error::custom("a field name reserved by serde_json"));
            }
            if self.takes_one() {
                kept.insert(name, members.next_value_seed(self.within())?);
            } else {
                members.next_value::<IgnoredAny>()?;
                *self.is_cut = true;
            }
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounded(json: &str, mut left: usize) -> (Value, bool, usize) {
        let Bounded { value, is_cut } = value(json.as_bytes(), &mut left).unwrap();
        (value, is_cut, left)
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
            assert!(value(json.as_bytes(), &mut 1).is_err(), "{json}");
        }
        for name in ["RawValue", "Number"] {
            let json = format!(r#"{{"a":1,"$serde_json::private::{name}":"[1,2]"}}"#);
            assert!(value(json.as_bytes(), &mut 10).is_err(), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(value(deep.as_bytes(), &mut 10_000).is_err());
    }

    #[test]
    fn a_number_in_the_form_of_arbitrary_precision_is_a_number() {
        assert_eq!(bounded(r#"[{"$serde_json::private::Number":"1.5"}]"#, 5).0, json!([1.5]));
    }
}
