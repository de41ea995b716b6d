//! Reads the body of an error as far as it can be read.
//!
//! It comes from a service or a gateway that is in trouble, so it may be cut off, or hold something that can't be read.
//! What it says before and beside that is kept, because it says what to do.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::checked::{self, Limit, MAX_VALUES};
use crate::api::lenient::Name;
use crate::api::repair;

/// At most this many items or members are read; no more are shown.
const ENTRIES: usize = 64;

/// The documented fields of an error body, in the documented form. `None` if the body has none.
///
/// A code that is written as text is a number, details that are a text are a list of one, and objects in the list of
/// details are lines.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    let (text, _) = repair::text(body);
    let text = repair::without_surrogates(&text);
    let mut limit = Limit::new(MAX_VALUES);
    let mut envelope = Map::new();
    for (name, json) in members(&text) {
        let value = match &*name {
            "code" => code(checked::value(json, &mut limit).ok()),
            "status" | "message" => checked::value(json, &mut limit).ok().filter(Value::is_string),
            "data" => members(json)
                .into_iter()
                .filter(|(name, _)| name == "detail")
                .find_map(|(_, json)| detail(json, &mut limit))
                .map(|detail| serde_json::json!({ "detail": detail })),
            _ => None,
        };
        if let Some(value) = value {
            envelope.insert(name, value);
        }
    }
    (!envelope.is_empty()).then_some(Value::Object(envelope))
}

/// Whether a body that [`read`] has read is an error, although its status says otherwise. `has_code` says whether it
/// needs a code for that.
pub(crate) fn is_error(envelope: &Value, has_code: bool) -> bool {
    let says_error = envelope.get("status").and_then(Value::as_str) == Some("error");
    let code = envelope.get("code").is_some();
    let message = envelope.get("message").is_some();
    if has_code { says_error && code } else { code && message || says_error && (code || message) }
}

fn code(value: Option<Value>) -> Option<Value> {
    match value? {
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        number @ Value::Number(_) => Some(number),
        _ => None,
    }
}

fn detail(json: &str, limit: &mut Limit) -> Option<Value> {
    match json.as_bytes().first()? {
        b'[' => {
            let items = items(json).into_iter().filter_map(|item| line(item, limit));
            Some(Value::Array(items.collect()))
        }
        b'{' => {
            let members = members(json).into_iter();
            let members = members.filter_map(|(name, json)| Some((name, checked::value(json, limit).ok()?)));
            Some(Value::Object(members.collect()))
        }
        b'"' => checked::value(json, limit).ok().map(|text| Value::Array(vec![text])),
        _ => None,
    }
}

/// An item of the details as text.
fn line(json: &str, limit: &mut Limit) -> Option<Value> {
    let text = match json.as_bytes().first()? {
        b'{' => {
            let members = members(json).into_iter();
            let members = members.filter_map(|(name, json)| {
                let value = checked::value(json, limit).ok()?;
                Some(
                    value
                        .as_str()
                        .map_or_else(|| format!("{name}: {value}"), |text| format!("{name}: {text}")),
                )
            });
            members.collect::<Vec<_>>().join(", ")
        }
        _ => match checked::value(json, limit).ok()? {
            Value::String(text) => text,
            Value::Null => return None,
            other => other.to_string(),
        },
    };
    Some(Value::String(text))
}

/// The members of an object, up to where it can't be read.
fn members(json: &str) -> Vec<(String, &str)> {
    parts(json, Parts::default(), true)
}

/// The items of an array, up to where it can't be read.
fn items(json: &str) -> Vec<&str> {
    parts(json, Parts::default(), false).into_iter().map(|(_, item)| item).collect()
}

fn parts<'de>(json: &'de str, mut parts: Parts<'de>, is_object: bool) -> Vec<(String, &'de str)> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let result = match is_object {
        true => deserializer.deserialize_map(&mut parts),
        false => deserializer.deserialize_seq(&mut parts),
    };
    if result.is_err()
        && let Some((_, last)) = parts.read.last()
    {
        // A number at the end of what arrived may go on.
        let end = last.as_ptr().addr() + last.len();
        if end == json.as_ptr().addr() + json.len() && !last.ends_with(['"', '}', ']']) {
            parts.read.pop();
        }
    }
    parts.read
}

/// The parts of an object or array. They are here and not the result, so that they outlive an error.
#[derive(Default)]
struct Parts<'de> {
    read: Vec<(String, &'de str)>,
}

impl<'de> Visitor<'de> for &mut Parts<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while self.read.len() < ENTRIES
            && let Some(Name(name)) = members.next_key()?
        {
            self.read.push((name, members.next_value::<&RawValue>()?.get()));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while self.read.len() < ENTRIES
            && let Some(item) = items.next_element::<&RawValue>()?
        {
            self.read.push((String::new(), item.get()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn detail_of(detail: &str) -> Value {
        let body = format!(r#"{{"code":1,"data":{{"detail":{detail}}}}}"#);
        read(body.as_bytes()).unwrap()["data"]["detail"].clone()
    }

    #[test]
    fn codes_and_details_are_read_as_what_they_mean() {
        for (code, expected) in [("400311", json!(400_311)), (r#""400311""#, json!(400_311))] {
            assert_eq!(read(format!(r#"{{"code":{code}}}"#).as_bytes()), Some(json!({ "code": expected })));
        }
        assert_eq!(detail_of(r#""too long""#), json!(["too long"]));
        assert_eq!(detail_of(r#"[{"field":"a","limit":5},"b",7]"#), json!(["field: a, limit: 5", "b", "7"]));
        assert_eq!(detail_of(r#"{"a":{"b":1}}"#), json!({ "a": { "b": 1 } }));
        assert_eq!(read(br#"{"code":"x","message":7}"#), None);
    }

    #[test]
    fn what_can_not_be_read_costs_itself_only() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for bad in [&*deep, "1e999", r#""\ud800""#] {
            assert_eq!(detail_of(&format!(r#"["a",{bad},"b"]"#)).as_array().unwrap()[0], "a");
            let body = format!(r#"{{"x":{bad},"code":7,"message":"m","data":{{"y":{bad},"detail":["d"]}}}}"#);
            let expected = json!({ "code": 7, "message": "m", "data": { "detail": ["d"] } });
            assert_eq!(read(body.as_bytes()), Some(expected));
        }
    }

    #[test]
    fn what_arrived_before_the_end_is_read() {
        let body = r#"{"status":"error","code":400311,"message":"slow down"}"#;
        for end in 0..body.len() {
            let read = read(&body.as_bytes()[..end]).unwrap_or_default();
            assert_eq!(read.get("code").is_some(), end > body.find(",\"message").unwrap(), "{end}: {read}");
            assert!(read.get("code").is_none_or(|code| code == 400_311), "{end}: {read}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_within_a_body_are_read_and_what_is_read_is_documented(
            at in any::<prop::sample::Index>(),
            bytes in prop::collection::vec(any::<u8>(), 0..6),
            removed in 0..6_usize,
        ) {
            let body = r#"{"status":"error","code":"400311","message":"m\ud83d","data":{"detail":[{"a":1},"b",[2]]}}"#;
            let mut body = body.as_bytes().to_vec();
            let at = at.index(body.len());
            let end = body.len().min(at + removed);
            body.splice(at..end, bytes);
            for end in [body.len(), at] {
                let read = read(&body[..end]).unwrap_or_else(|| json!({}));
                let mut limit = Limit::new(MAX_VALUES);
                let schema = crate::api::schema::Schema::of("ErrorBody");
                let json = read.to_string();
                let is_documented = checked::decode::<crate::api::types::ErrorBody>(&json, schema, &mut limit);
                // A number that no code has is left to the decoder of the body.
                prop_assert!(is_documented.is_ok() || read.get("code").is_some_and(|code| !code.is_i64()), "{}", json);
            }
        }
    }
}
