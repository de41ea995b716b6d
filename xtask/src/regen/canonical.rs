//! The canonical text of the contract.
//!
//! Object members have one total order: keywords of OpenAPI and JSON Schema in a fixed order that suits readers
//! (identity, description, content), then all other names alphabetically. So equivalent documents have the same text,
//! and a diff shows only real changes. The order of arrays is significant and stays.
//!
//! Whether `serde_json` preserves or sorts members depends on features that other packages enable, so this module
//! relies on neither.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The keywords that come before all other names, in this order.
const KEYWORDS: &str = "$ref openapi info operationId title name in type format summary version description \
    license url servers tags security parameters deprecated required style explode schema \
    requestBody headers content responses example examples value nullable readOnly writeOnly \
    default enum multipleOf minimum exclusiveMinimum maximum exclusiveMaximum minLength \
    maxLength pattern minItems maxItems uniqueItems items minProperties maxProperties \
    properties additionalProperties oneOf anyOf allOf not discriminator paths components \
    securitySchemes requestBodies callbacks schemas";

/// Returns the canonical text of `document`, with an indentation of two spaces and a final newline.
pub fn text(document: &Value) -> Result<String, String> {
    let mut text = serde_json::to_string_pretty(&Ordered(document)).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

/// Returns `value` in one line, with its members in canonical order.
pub fn line(value: &Value) -> String {
    serde_json::to_string(&Ordered(value)).unwrap_or_default()
}

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                members.sort_by_key(|(name, _)| (rank(name), *name));
                serializer.collect_map(members.into_iter().map(|(name, member)| (name, Ordered(member))))
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn rank(name: &str) -> usize {
    KEYWORDS.split(' ').position(|keyword| keyword == name).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keywords_come_in_a_fixed_order_and_other_names_alphabetically() {
        let one =
            json!({ "b": 1, "a": { "properties": {}, "type": "object" }, "description": "", "openapi": "" });
        let text = text(&one).unwrap();
        let place = |name: &str| text.find(&format!("\"{name}\"")).unwrap();
        assert!(place("openapi") < place("description"));
        assert!(place("description") < place("a"));
        assert!(place("a") < place("type"));
        assert!(place("type") < place("properties"));
        assert!(place("properties") < place("b"));
    }

    #[test]
    fn arrays_keep_their_order() {
        let enumeration = json!({ "enum": ["b", "a"], "required": ["z", "y"] });
        let again: Value = serde_json::from_str(&text(&enumeration).unwrap()).unwrap();
        assert_eq!(again, enumeration);
    }

    #[test]
    fn canonicalization_is_idempotent() {
        let contract = include_str!("../../../openapi/social-plus-bot.json");
        let once = text(&serde_json::from_str(contract).unwrap()).unwrap();
        assert_eq!(text(&serde_json::from_str(&once).unwrap()).unwrap(), once);
        assert!(once.ends_with("}\n"));
    }
}
