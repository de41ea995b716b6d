//! Compares two OpenAPI documents.
//!
//! It is used for two comparisons: the contract with the vendor's description, and the contract with its version of
//! the last commit. Each difference is a single change at a single location, such as
//! `response 200 /users/0/flagCount`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use similar::TextDiff;

use super::deviations::{Deviation, Matched};
use super::inline::MAPS;
use super::json::join;
use super::normalize;

/// A single difference between two documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Method and path.
    pub operation: String,
    /// The location, for example `request /deviceId`.
    pub place: String,
    /// The OpenAPI keyword that differs.
    pub keyword: String,
    /// The normalized value in the first document, if any.
    pub before: Option<Value>,
    /// The normalized value in the second document, if any.
    pub after: Option<Value>,
    /// The JSON pointer of the value in the first document with references inlined. `None` within a deviation.
    pub at: Option<String>,
}

/// Compares `first`, modified by `deviations`, with `second`. Returns the differences, and how each deviation matched.
pub fn documents(
    first: &Value,
    second: &Value,
    deviations: &[Deviation],
) -> Result<(Vec<Difference>, Vec<Matched>), String> {
    let (first, mut second) = (normalize::operations(first)?, normalize::operations(second)?);
    let matched = vec![Matched::default(); deviations.len()];
    let mut comparison = Comparison { deviations, matched, found: Vec::new(), operation: String::new() };
    for (name, left) in &first {
        comparison.operation.clone_from(name);
        let at = Some(left.pointer.as_str());
        let mut right = second.remove(name);
        if right.is_none() {
            let moved = similar(name, second.keys().filter(|name| !first.contains_key(*name)));
            let moved = moved.map(str::to_owned);
            comparison.add("", "operation", at, Some(&json!(name)), moved.clone().map(Value::from).as_ref());
            right = moved.and_then(|moved| second.remove(&moved));
        }
        if let Some(right) = right {
            comparison.walk("", at, &left.value, &right.value);
        }
    }
    for (name, right) in second {
        comparison.operation = name;
        comparison.add("", "operation", Some(&right.pointer), None, Some(&right.value));
    }
    Ok((comparison.found, comparison.matched))
}

/// Returns the operation among `candidates` that `name` was probably moved to: the most similar path, if any is similar.
pub fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let method = |name: &'a str| name.split(' ').next();
    let candidates = candidates.filter(|candidate| Some(method(candidate)) == Some(name.split(' ').next()));
    let rated =
        candidates.map(|candidate| (TextDiff::from_chars(name, candidate).ratio(), candidate.as_str()));
    let similar = rated.filter(|(ratio, _)| *ratio >= 0.7);
    similar.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, candidate)| candidate)
}

/// The state of a comparison.
struct Comparison<'a> {
    deviations: &'a [Deviation],
    matched: Vec<Matched>,
    found: Vec<Difference>,
    operation: String,
}

impl Comparison<'_> {
    /// Compares two objects at `place`. If their types differ, that is the only difference.
    fn walk(&mut self, place: &str, at: Option<&str>, left: &Value, right: &Value) {
        if left.get("type") != right.get("type") {
            return self.add(place, "type", at, Some(left), Some(right));
        }
        for keyword in names(Some(left), Some(right)) {
            let (first, second) = (left.get(keyword), right.get(keyword));
            let at = at.map(|at| join(at, keyword));
            if MAPS.contains(&keyword) {
                for name in names(first, second) {
                    let get = |side: Option<&Value>| side.and_then(|it| it.get(name)).cloned();
                    let at = at.as_ref().map(|at| join(at, name));
                    self.part(place, keyword, name, at.as_deref(), (get(first), get(second)));
                }
                continue;
            }
            match (keyword, first, second) {
                ("items" | "not" | "schema" | "requestBody", ..)
                | ("additionalProperties", Some(Value::Object(_)), Some(Value::Object(_))) => {
                    self.part(place, keyword, "", at.as_deref(), (first.cloned(), second.cloned()));
                }
                ("enum", Some(Value::Array(first)), Some(Value::Array(second))) => {
                    for value in first.iter().filter(|value| !second.contains(value)) {
                        self.add(place, "value", at.as_deref(), Some(value), None);
                    }
                    for value in second.iter().filter(|value| !first.contains(value)) {
                        self.add(place, "value", at.as_deref(), None, Some(value));
                    }
                }
                ("oneOf" | "anyOf" | "allOf", ..) => self.combination(place, keyword, at, first, second),
                _ if place.is_empty() => {
                    self.part(place, keyword, "", at.as_deref(), (first.cloned(), second.cloned()));
                }
                _ if first != second => self.add(place, keyword, at.as_deref(), first, second),
                _ => {}
            }
        }
    }

    /// Compares a part that one or both sides have: the member `keyword` of the object at `place`, or `name` in it.
    fn part(
        &mut self,
        place: &str,
        keyword: &str,
        name: &str,
        at: Option<&str>,
        (mut left, right): (Option<Value>, Option<Value>),
    ) {
        let (inner, word) = place_of(place, keyword, name);
        let mut at = at;
        for (deviation, matched) in self.deviations.iter().zip(&mut self.matched) {
            if inner != place && deviation.operation == self.operation && deviation.is_at(&inner) {
                let mut noted = deviation.vendor.clone();
                // The vendor's version of a field doesn't say whether the field is required.
                let required = left.as_ref().or(right.as_ref()).and_then(|it| it.get("required"));
                if let (Some(Value::Object(noted)), "field", Some(required)) = (&mut noted, word, required) {
                    noted.insert("required".to_owned(), required.clone());
                }
                matched.visited = true;
                matched.differs |= noted != left;
                (left, at) = (noted, None);
                break;
            }
        }
        match (&left, &right) {
            (Some(left @ Value::Object(_)), Some(right @ Value::Object(_))) => {
                self.walk(&inner, at, left, right)
            }
            _ if left != right => self.add(&inner, word, at, left.as_ref(), right.as_ref()),
            _ => {}
        }
    }

    /// Compares combined schemas, regardless of their order. Equivalent schemas are paired first, the others by
    /// position.
    fn combination(
        &mut self,
        place: &str,
        keyword: &str,
        at: Option<String>,
        left: Option<&Value>,
        right: Option<&Value>,
    ) {
        let schemas = |side: Option<&Value>| side.and_then(Value::as_array).cloned().unwrap_or_default();
        let (left, mut unpaired) = (schemas(left), schemas(right));
        let mut different = Vec::new();
        for (index, first) in left.iter().enumerate() {
            let (inner, _) = place_of(place, keyword, &index.to_string());
            let at = at.as_ref().map(|at| join(at, &index.to_string()));
            let equivalent = unpaired.iter().position(|second| {
                let before = self.found.len();
                self.walk(&inner, None, first, second);
                let equivalent = self.found.len() == before;
                self.found.truncate(before);
                equivalent
            });
            match equivalent {
                Some(index) => drop(unpaired.remove(index)),
                None => different.push((inner, at, first)),
            }
        }
        let mut unpaired = unpaired.iter();
        for (inner, at, first) in different {
            match unpaired.next() {
                Some(second) => self.walk(&inner, at.as_deref(), first, second),
                None => self.add(&inner, keyword, at.as_deref(), Some(first), None),
            }
        }
        for second in unpaired {
            self.add(place, keyword, at.as_deref(), None, Some(second));
        }
    }

    fn add(
        &mut self,
        place: &str,
        keyword: &str,
        at: Option<&str>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        self.found.push(Difference {
            operation: self.operation.clone(),
            place: place.to_owned(),
            keyword: keyword.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            at: at.map(str::to_owned),
        });
    }
}

/// Returns the place of a part and what it is called.
fn place_of<'k>(place: &str, keyword: &'k str, name: &str) -> (String, &'k str) {
    let within = |segment: &str| {
        if place.contains(" /") { join(place, segment) } else { join(&format!("{place} "), segment) }
    };
    match keyword {
        "properties" => (within(name), "field"),
        "items" => (within("0"), keyword),
        "not" => (within("(not)"), keyword),
        "additionalProperties" => (within("*"), keyword),
        "schema" => (place.to_owned(), keyword),
        "content" if name == "application/json" => (place.to_owned(), keyword),
        "content" => (format!("{place} {name}"), keyword),
        "headers" => (format!("{place} header {name}"), "header"),
        "parameters" => (format!("parameter {name}"), "parameter"),
        "requestBody" => ("request".to_owned(), keyword),
        "responses" => (format!("response {name}"), "response"),
        "servers" => (format!("server {name}"), "server"),
        "oneOf" | "anyOf" | "allOf" => (within(&format!("({keyword} {name})")), keyword),
        _ => (keyword.to_owned(), keyword),
    }
}

/// Returns the member names of both objects.
fn names<'v>(left: Option<&'v Value>, right: Option<&'v Value>) -> BTreeSet<&'v str> {
    let members = [left, right].into_iter().flatten().filter_map(Value::as_object);
    members.flat_map(|members| members.keys().map(String::as_str)).collect()
}
