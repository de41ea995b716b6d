//! What a change of the contract means for callers, and the version that follows.
//!
//! A caller is a program that uses this crate: what it sends has to stay welcome, what it reads has to stay there,
//! and it has to compile. The generated types are open for growth (their fields and values may become more), and
//! every error status is read in one way, so neither a new field of an answer, nor a new value, nor a new error
//! status breaks anyone.

use std::fmt;

use serde_json::Value;

use super::compare::{Difference, Direction};

/// What a change means for callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeClass {
    /// What worked goes on working.
    Compatible,
    /// Some caller has to change.
    Breaking,
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Compatible => "compatible",
            Self::Breaking => "breaking",
        })
    }
}

/// What `change` means for callers. Whatever is not known to be harmless breaks.
pub fn classify(change: &Difference) -> ChangeClass {
    let request = change.direction == Direction::Request;
    let (gone, new) = (change.is.is_none(), change.was.is_none());
    let compatible = match change.keyword.as_str() {
        "operation" | "server" | "content" => new,
        "deprecated" => true,
        "field" | "header" | "parameter" => new && !(request && change.required),
        "response" => is_error_status(&change.place),
        // From optional to required: harder to ask, easier to read.
        "required" => truth(change.is.as_ref()) != request,
        "requestBody" => new && !change.required,
        // Enumerations of answers are open; one fewer takes a name away from those who compare with it.
        "value" => new,
        "oneOf" | "anyOf" => {
            if request {
                new
            } else {
                gone
            }
        }
        "nullable" => truth(change.is.as_ref()) == request,
        keyword => match stricter(keyword, change.was.as_ref(), change.is.as_ref()) {
            Some(stricter) => stricter != request,
            None => false,
        },
    };
    if compatible { ChangeClass::Compatible } else { ChangeClass::Breaking }
}

/// Whether a constraint allows less than before; nothing if that can't be told.
fn stricter(keyword: &str, was: Option<&Value>, is: Option<&Value>) -> Option<bool> {
    match keyword {
        "maxLength" | "maxItems" | "maxProperties" | "maximum" => {
            let limit = |side: Option<&Value>| side.map_or(Some(f64::INFINITY), Value::as_f64);
            Some(limit(is)? < limit(was)?)
        }
        "minLength" | "minItems" | "minProperties" => {
            let limit = |side: Option<&Value>| side.map_or(Some(0.0), Value::as_f64);
            Some(limit(is)? > limit(was)?)
        }
        "minimum" => {
            let limit = |side: Option<&Value>| side.map_or(Some(f64::NEG_INFINITY), Value::as_f64);
            Some(limit(is)? > limit(was)?)
        }
        "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" => Some(truth(is)),
        "pattern" | "multipleOf" | "additionalProperties" => match (was, is) {
            (None, Some(_)) => Some(true),
            (Some(_), None) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn truth(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or_default()
}

fn is_error_status(place: &str) -> bool {
    place.strip_prefix("response ").is_some_and(|status| status.starts_with(['4', '5']))
}

/// The version after `version`, and the rule that says so.
pub fn next_version(version: &str, class: Option<ChangeClass>) -> Option<(String, &'static str)> {
    let mut numbers = version.split(['-', '+']).next()?.split('.').map(|number| number.parse::<u64>().ok());
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let next = match class {
        None => return Some((version.to_owned(), "nothing changes for callers")),
        Some(ChangeClass::Compatible) if major == 0 => (0, minor, patch + 1),
        Some(ChangeClass::Compatible) => (major, minor + 1, 0),
        Some(ChangeClass::Breaking) if major == 0 => (0, minor + 1, 0),
        Some(ChangeClass::Breaking) => (major + 1, 0, 0),
    };
    let rule = match class {
        Some(ChangeClass::Breaking) => {
            "a breaking change: the minor number below 1.0.0, the major one from there on"
        }
        _ => "a compatible change: the patch number below 1.0.0, the minor one from there on",
    };
    Some((format!("{}.{}.{}", next.0, next.1, next.2), rule))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(direction: Direction, keyword: &str, was: Option<Value>, is: Option<Value>) -> Difference {
        Difference {
            operation: String::new(),
            place: "response 200 /a".to_owned(),
            direction,
            keyword: keyword.to_owned(),
            was,
            is,
            required: false,
            at: None,
        }
    }

    #[test]
    fn a_limit_may_widen_in_requests_and_narrow_in_answers() {
        let widened = |direction| classify(&change(direction, "maxLength", Some(json!(5)), Some(json!(9))));
        let narrowed = |direction| classify(&change(direction, "minLength", None, Some(json!(2))));
        assert_eq!(widened(Direction::Request), ChangeClass::Compatible);
        assert_eq!(narrowed(Direction::Request), ChangeClass::Breaking);
        assert_eq!(widened(Direction::Response), ChangeClass::Breaking);
        assert_eq!(narrowed(Direction::Response), ChangeClass::Compatible);
    }

    #[test]
    fn an_answer_may_get_fields_and_values_and_lose_none() {
        for keyword in ["field", "value"] {
            let new = change(Direction::Response, keyword, None, Some(json!("x")));
            let gone = change(Direction::Response, keyword, Some(json!("x")), None);
            assert_eq!(
                (classify(&new), classify(&gone)),
                (ChangeClass::Compatible, ChangeClass::Breaking),
                "{keyword}"
            );
        }
    }

    #[test]
    fn a_request_may_get_optional_fields_only() {
        let mut new = change(Direction::Request, "field", None, Some(json!({})));
        assert_eq!(classify(&new), ChangeClass::Compatible);
        new.required = true;
        assert_eq!(classify(&new), ChangeClass::Breaking);
        let demanded = change(Direction::Request, "required", Some(json!(false)), Some(json!(true)));
        assert_eq!(classify(&demanded), ChangeClass::Breaking);
    }

    #[test]
    fn error_statuses_come_and_go_but_successes_do_not() {
        let mut status = change(Direction::Response, "response", None, Some(json!({})));
        status.place = "response 409".to_owned();
        assert_eq!(classify(&status), ChangeClass::Compatible);
        status.place = "response 201".to_owned();
        assert_eq!(classify(&status), ChangeClass::Breaking);
    }

    #[test]
    fn another_type_or_format_breaks() {
        let format = change(Direction::Response, "format", None, Some(json!("int64")));
        assert_eq!(classify(&format), ChangeClass::Breaking);
    }

    #[test]
    fn versions_follow_semver_below_and_from_one() {
        let next = |version, class| next_version(version, class).unwrap().0;
        assert_eq!(next("0.1.3", Some(ChangeClass::Breaking)), "0.2.0");
        assert_eq!(next("0.1.3", Some(ChangeClass::Compatible)), "0.1.4");
        assert_eq!(next("1.2.3", Some(ChangeClass::Breaking)), "2.0.0");
        assert_eq!(next("1.2.3", Some(ChangeClass::Compatible)), "1.3.0");
        assert_eq!(next("1.2.3", None), "1.2.3");
        assert_eq!(next_version("one", None), None);
    }
}
