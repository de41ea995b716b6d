//! Repairs of known defects in the vendor's description.
//!
//! `openapi/repairs.json` lists each one with its reason. A repair states the defect that it expects, so it never
//! changes anything else. It is reported if the defect is gone.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::json;

/// A defect and its repair, at a JSON pointer into the operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a repair requires `at` and `reason`, and `before` and `after`, or `rename`"
)]
pub enum Repair {
    /// A defective value and its replacement.
    Replace { at: String, before: Value, after: Value, reason: String },
    /// A misspelled member and its name.
    Rename { at: String, rename: String, reason: String },
}

/// The repairs by operation.
pub type Repairs = BTreeMap<String, Vec<Repair>>;

impl Repair {
    /// Repairs `operation`. Returns whether the defect was present.
    pub fn apply(&self, operation: &mut Value) -> bool {
        match self {
            Self::Replace { at, before, after, .. } => {
                let found = operation.pointer_mut(at).filter(|found| *found == before);
                found.map(|found| found.clone_from(after)).is_some()
            }
            Self::Rename { at, rename, .. } => rename_member(operation, at, rename).is_some(),
        }
    }
}

fn rename_member(operation: &mut Value, at: &str, name: &str) -> Option<()> {
    let (parent, _) = at.rsplit_once('/')?;
    let members = operation.pointer_mut(parent)?.as_object_mut()?;
    if members.contains_key(name) {
        return None;
    }
    let member = members.remove(&json::segments(at).last()?)?;
    members.insert(name.to_owned(), member);
    Some(())
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace { at, before, after, reason } => {
                write!(f, "{at}: {before} replaced with {after}: {reason}")
            }
            Self::Rename { at, rename, reason } => write!(f, "{at} replaced with {rename}: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repairs(text: &str) -> Vec<Repair> {
        serde_json::from_str(&format!("[{text}]")).unwrap()
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
        let repair = r#"{ "at": "/a", "before": 1, "reason": "" }"#;
        let reason = serde_json::from_str::<Repair>(repair).unwrap_err().to_string();
        assert!(
            reason.contains("requires `at` and `reason`, and `before` and `after`, or `rename`"),
            "{reason}"
        );
    }
}
