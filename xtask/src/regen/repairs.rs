//! Repairs of known defects in the vendor's description.
//!
//! `openapi/repairs.json` lists each one with its reason. A repair states the defect that it expects, so it never
//! changes anything else. It is reported if the defect is gone.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::json;

/// A defect and its repair.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// The location: a JSON pointer into the operation.
    at: String,
    /// The defective value and its replacement.
    before: Option<Value>,
    after: Option<Value>,
    /// Or the new name of the member.
    rename: Option<String>,
    reason: String,
}

/// The repairs by operation.
pub type Repairs = BTreeMap<String, Vec<Repair>>;

/// Parses `repairs.json`.
pub fn parse(text: &str) -> Result<Repairs, String> {
    let repairs: Repairs = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for repair in repairs.values().flatten() {
        let given = (repair.before.is_some(), repair.after.is_some(), repair.rename.is_some());
        if !matches!(given, (true, true, false) | (false, false, true)) {
            return Err(format!("the repair at {} requires `before` and `after`, or `rename`", repair.at));
        }
    }
    Ok(repairs)
}

impl Repair {
    /// Repairs `operation`. Returns whether the defect was present.
    pub fn apply(&self, operation: &mut Value) -> bool {
        match (&self.before, &self.after, &self.rename) {
            (Some(before), Some(after), _) => match operation.pointer_mut(&self.at) {
                Some(found) if found == before => {
                    *found = after.clone();
                    true
                }
                _ => false,
            },
            (_, _, Some(name)) => self.rename_member(operation, name).is_some(),
            _ => false,
        }
    }

    fn rename_member(&self, operation: &mut Value, name: &str) -> Option<()> {
        let (parent, _) = self.at.rsplit_once('/')?;
        let misspelled = json::segments(&self.at).last()?;
        let members = operation.pointer_mut(parent)?.as_object_mut()?;
        if members.contains_key(name) {
            return None;
        }
        let member = members.remove(&misspelled)?;
        members.insert(name.to_owned(), member);
        Some(())
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, before, after, rename, reason } = self;
        match (before, after, rename) {
            (Some(before), Some(after), _) => write!(f, "{at}: {before} replaced with {after}: {reason}"),
            (_, _, Some(rename)) => write!(f, "{at} replaced with {rename}: {reason}"),
            _ => f.write_str(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repairs(text: &str) -> Vec<Repair> {
        parse(&format!(r#"{{ "GET /a": [{text}] }}"#)).unwrap().remove("GET /a").unwrap()
    }

    #[test]
    fn a_value_is_replaced_only_if_it_is_the_expected_one() {
        let repair = &repairs(r#"{ "at": "/a/type", "before": "enum", "after": "string", "reason": "" }"#)[0];
        let mut operation = json!({ "a": { "type": "enum" } });
        assert!(repair.apply(&mut operation));
        assert_eq!(operation, json!({ "a": { "type": "string" } }));
        assert!(!repair.apply(&mut operation));
        assert!(!repair.apply(&mut json!({})));
    }

    #[test]
    fn a_member_is_renamed_unless_the_new_name_exists() {
        let repair = &repairs(r#"{ "at": "/a/b:", "rename": "b", "reason": "" }"#)[0];
        let mut operation = json!({ "a": { "b:": 1 } });
        assert!(repair.apply(&mut operation));
        assert_eq!(operation, json!({ "a": { "b": 1 } }));
        assert!(!repair.apply(&mut json!({ "a": { "b": 1, "b:": 2 } })));
    }

    #[test]
    fn an_incomplete_repair_is_rejected() {
        let reason = parse(r#"{ "GET /a": [{ "at": "/a", "before": 1, "reason": "" }] }"#).unwrap_err();
        assert!(reason.contains("/a requires `before` and `after`, or `rename`"), "{reason}");
    }
}
