//! Known defects of the vendor's description, and what they are read as.
//!
//! `openapi/repairs.json` has each one with its reason. A repair names what it expects to find, so it never
//! changes anything else, and one that finds it no longer is reported.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::node;

/// One defect, and what it is read as.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// Where: a JSON pointer into the operation.
    at: String,
    /// The value that is there, and the one it is read as.
    before: Option<Value>,
    after: Option<Value>,
    /// Or the name that the member there is read by.
    rename: Option<String>,
    reason: String,
}

/// Repairs by operation.
pub type Repairs = BTreeMap<String, Vec<Repair>>;

/// Reads the repairs from `text`.
pub fn parse(text: &str) -> Result<Repairs, String> {
    let repairs: Repairs = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for repair in repairs.values().flatten() {
        let told = (repair.before.is_some(), repair.after.is_some(), repair.rename.is_some());
        if !matches!(told, (true, true, false) | (false, false, true)) {
            return Err(format!("the repair of {} needs `before` and `after`, or `rename`", repair.at));
        }
    }
    Ok(repairs)
}

impl Repair {
    /// Repairs `operation`, if the defect is there.
    pub fn apply(&self, operation: &mut Value) -> bool {
        match (&self.before, &self.after, &self.rename) {
            (Some(before), Some(after), _) => match operation.pointer_mut(&self.at) {
                Some(found) if found == before => {
                    *found = after.clone();
                    true
                }
                _ => false,
            },
            (_, _, Some(name)) => self.renamed(operation, name).is_some(),
            _ => false,
        }
    }

    fn renamed(&self, operation: &mut Value, name: &str) -> Option<()> {
        let (parent, _) = self.at.rsplit_once('/')?;
        let misspelt = node::segments(&self.at).last()?;
        let members = operation.pointer_mut(parent)?.as_object_mut()?;
        if members.contains_key(name) {
            return None;
        }
        let member = members.remove(&misspelt)?;
        members.insert(name.to_owned(), member);
        Some(())
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, before, after, rename, reason } = self;
        match (before, after, rename) {
            (Some(before), Some(after), _) => write!(f, "{at}: {before} is read as {after}: {reason}"),
            (_, _, Some(rename)) => write!(f, "{at} is read as {rename}: {reason}"),
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
    fn a_value_is_replaced_only_where_it_is_what_the_repair_expects() {
        let repair = &repairs(r#"{ "at": "/a/type", "before": "enum", "after": "string", "reason": "" }"#)[0];
        let mut operation = json!({ "a": { "type": "enum" } });
        assert!(repair.apply(&mut operation));
        assert_eq!(operation, json!({ "a": { "type": "string" } }));
        assert!(!repair.apply(&mut operation));
        assert!(!repair.apply(&mut json!({})));
    }

    #[test]
    fn a_member_is_renamed_unless_the_right_name_is_taken() {
        let repair = &repairs(r#"{ "at": "/a/b:", "rename": "b", "reason": "" }"#)[0];
        let mut operation = json!({ "a": { "b:": 1 } });
        assert!(repair.apply(&mut operation));
        assert_eq!(operation, json!({ "a": { "b": 1 } }));
        assert!(!repair.apply(&mut json!({ "a": { "b": 1, "b:": 2 } })));
    }

    #[test]
    fn a_repair_that_does_not_say_what_to_do_is_refused() {
        let reason = parse(r#"{ "GET /a": [{ "at": "/a", "before": 1, "reason": "" }] }"#).unwrap_err();
        assert!(reason.contains("/a needs `before` and `after`, or `rename`"), "{reason}");
    }
}
