//! Classifies a change of the contract by its effect on callers, and derives the next version.
//!
//! A caller is a program that uses this crate. Its requests must stay valid, the response fields that it reads must
//! stay, and it must compile. The generated types allow additional fields and values, and every error status has the
//! same type, so a new response field, a new value or a new error status is not a breaking change.

use std::fmt;

use serde_json::Value;

use super::compare::Difference;

/// The effect of a change on callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeClass {
    /// Existing callers keep working.
    Compatible,
    /// Some callers must change.
    Breaking,
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if *self == Self::Breaking { "breaking" } else { "compatible" })
    }
}

/// Classifies `change`. A change that is not known to be compatible is breaking.
pub fn classify(change: &Difference) -> ChangeClass {
    let request = change.place.starts_with("request") || change.place.starts_with("parameter");
    let (gone, new) = (change.after.is_none(), change.before.is_none());
    let required = truth(change.after.as_ref().and_then(|part| part.get("required")));
    let compatible = match change.keyword.as_str() {
        "operation" | "server" | "content" => new,
        "deprecated" => true,
        "field" | "header" | "parameter" => new && !(request && required),
        "response" => change.place.starts_with("response 4") || change.place.starts_with("response 5"),
        // Becoming required breaks requests but not responses.
        "required" => truth(change.after.as_ref()) != request,
        "requestBody" => new && !required,
        // Response enums are open, so a new value is compatible. A removed value removes a variant of the enum.
        "value" => new,
        "oneOf" | "anyOf" if request => new,
        "oneOf" | "anyOf" => gone,
        "nullable" => truth(change.after.as_ref()) == request,
        keyword => stricter(keyword, change.before.as_ref(), change.after.as_ref()) == Some(!request),
    };
    if compatible { ChangeClass::Compatible } else { ChangeClass::Breaking }
}

/// Returns whether a constraint became stricter, or `None` if that is unknown.
fn stricter(keyword: &str, before: Option<&Value>, after: Option<&Value>) -> Option<bool> {
    let limit = |side: Option<&Value>, absent| side.map_or(Some(absent), Value::as_f64);
    match keyword {
        "maxLength" | "maxItems" | "maxProperties" | "maximum" => {
            Some(limit(after, f64::INFINITY)? < limit(before, f64::INFINITY)?)
        }
        "minLength" | "minItems" | "minProperties" | "minimum" => {
            Some(limit(after, f64::NEG_INFINITY)? > limit(before, f64::NEG_INFINITY)?)
        }
        "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" => Some(truth(after)),
        "pattern" | "multipleOf" | "additionalProperties" if before.is_none() => Some(true),
        "pattern" | "multipleOf" | "additionalProperties" if after.is_none() => Some(false),
        _ => None,
    }
}

fn truth(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or_default()
}

/// Returns the version that follows `version`, and the rule that applies.
pub fn next_version(version: &str, class: Option<ChangeClass>) -> Option<(String, &'static str)> {
    let mut numbers = version.split(['-', '+']).next()?.split('.').map(|number| number.parse::<u64>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let (next, rule) = match class {
        None => return Some((version.to_owned(), "no change for callers")),
        Some(ChangeClass::Compatible) => (
            if major == 0 { (0, minor, patch + 1) } else { (major, minor + 1, 0) },
            "a compatible change raises the patch version before 1.0.0, and the minor version after",
        ),
        Some(ChangeClass::Breaking) => (
            if major == 0 { (0, minor + 1, 0) } else { (major + 1, 0, 0) },
            "a breaking change raises the minor version before 1.0.0, and the major version after",
        ),
    };
    Some((format!("{}.{}.{}", next.0, next.1, next.2), rule))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(place: &str, keyword: &str, before: Option<Value>, after: Option<Value>) -> Difference {
        let (place, keyword) = (format!("{place} /a"), keyword.to_owned());
        Difference { place, keyword, before, after, ..Difference::default() }
    }

    #[test]
    fn limits_can_widen_in_requests_and_narrow_in_responses() {
        let widened = |place| classify(&change(place, "maxLength", Some(json!(5)), Some(json!(9))));
        let narrowed = |place| classify(&change(place, "minLength", None, Some(json!(2))));
        assert_eq!(widened("request"), ChangeClass::Compatible);
        assert_eq!(narrowed("request"), ChangeClass::Breaking);
        assert_eq!(widened("response 200"), ChangeClass::Breaking);
        assert_eq!(narrowed("response 200"), ChangeClass::Compatible);
    }

    #[test]
    fn responses_can_gain_fields_and_values_but_not_lose_any() {
        for keyword in ["field", "value"] {
            let new = change("response 200", keyword, None, Some(json!("x")));
            let gone = change("response 200", keyword, Some(json!("x")), None);
            assert_eq!(
                (classify(&new), classify(&gone)),
                (ChangeClass::Compatible, ChangeClass::Breaking),
                "{keyword}"
            );
        }
    }

    #[test]
    fn requests_can_only_gain_optional_fields() {
        let mut new = change("request", "field", None, Some(json!({})));
        assert_eq!(classify(&new), ChangeClass::Compatible);
        new.after = Some(json!({ "required": true }));
        assert_eq!(classify(&new), ChangeClass::Breaking);
        let demanded = change("request", "required", Some(json!(false)), Some(json!(true)));
        assert_eq!(classify(&demanded), ChangeClass::Breaking);
    }

    #[test]
    fn error_statuses_can_change_but_successes_cannot() {
        let mut status = change("response 200", "response", None, Some(json!({})));
        status.place = "response 409".to_owned();
        assert_eq!(classify(&status), ChangeClass::Compatible);
        status.place = "response 201".to_owned();
        assert_eq!(classify(&status), ChangeClass::Breaking);
    }

    #[test]
    fn a_changed_format_is_breaking() {
        let format = change("response 200", "format", None, Some(json!("int64")));
        assert_eq!(classify(&format), ChangeClass::Breaking);
    }

    #[test]
    fn versions_follow_semver_before_and_after_1_0_0() {
        let next = |version, class| next_version(version, class).unwrap().0;
        assert_eq!(next("0.1.3", Some(ChangeClass::Breaking)), "0.2.0");
        assert_eq!(next("0.1.3", Some(ChangeClass::Compatible)), "0.1.4");
        assert_eq!(next("1.2.3", Some(ChangeClass::Breaking)), "2.0.0");
        assert_eq!(next("1.2.3", Some(ChangeClass::Compatible)), "1.3.0");
        assert_eq!(next("1.2.3", None), "1.2.3");
        assert_eq!(next_version("one", None), None);
    }
}
