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
use super::project::DEVIATIONS;

/// A value in the first and in the second document, if they have it.
type Sides<'v> = (Option<&'v Value>, Option<&'v Value>);

/// A single difference between two documents.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// The JSON pointer of the value in the first document with references inlined, or [`DEVIATIONS`].
    pub at: String,
}

/// The differences, and how each deviation matched.
type Compared = (Vec<Difference>, Vec<Matched>);

/// Compares `first`, modified by `deviations`, with `second`.
pub fn documents(first: &Value, second: &Value, deviations: &[Deviation]) -> Result<Compared, String> {
    let (first, mut second) = (normalize::operations(first)?, normalize::operations(second)?);
    let matched = vec![None; deviations.len()];
    let mut comparison = Comparison { deviations, matched, found: Vec::new(), operation: String::new() };
    for (name, (at, left)) in &first {
        comparison.operation.clone_from(name);
        let mut right = second.remove(name);
        if right.is_none() {
            let moved = similar(name, second.keys().filter(|name| !first.contains_key(*name)));
            let moved = moved.map(|moved| json!(moved));
            comparison.add("", "operation", at, (Some(&json!(name)), moved.as_ref()));
            right = moved.and_then(|moved| second.remove(moved.as_str()?));
        }
        right.into_iter().for_each(|(_, right)| comparison.walk("", at, left, &right));
    }
    for (name, (at, right)) in second {
        comparison.operation = name;
        comparison.add("", "operation", &at, (None, Some(&right)));
    }
    Ok((comparison.found, comparison.matched))
}

/// Returns the operation among `candidates` that `name` was probably moved to: the one of the same method with the most
/// similar path, if any is similar.
pub fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let (method, _) = name.split_once(' ')?;
    let candidates = candidates.filter(|candidate| candidate.split(' ').next() == Some(method));
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
    fn walk(&mut self, place: &str, at: &str, left: &Value, right: &Value) {
        if left.get("type") != right.get("type") {
            return self.add(place, "type", at, (Some(left), Some(right)));
        }
        for keyword in names((Some(left), Some(right))) {
            let sides = (left.get(keyword), right.get(keyword));
            let at = &join(at, keyword);
            match (keyword, sides) {
                _ if MAPS.contains(&keyword) => {
                    for name in names(sides) {
                        let named =
                            (sides.0.and_then(|it| it.get(name)), sides.1.and_then(|it| it.get(name)));
                        self.part(place, place_of(place, keyword, name), &join(at, name), named);
                    }
                }
                ("enum", (Some(Value::Array(first)), Some(Value::Array(second)))) => {
                    for value in first.iter().filter(|value| !second.contains(value)) {
                        self.add(place, "value", at, (Some(value), None));
                    }
                    for value in second.iter().filter(|value| !first.contains(value)) {
                        self.add(place, "value", at, (None, Some(value)));
                    }
                }
                ("oneOf" | "anyOf" | "allOf", _) => self.combination(place, keyword, at, sides),
                ("items" | "not" | "schema" | "requestBody", _)
                | ("additionalProperties", (Some(Value::Object(_)), Some(Value::Object(_)))) => {
                    self.part(place, place_of(place, keyword, ""), at, sides);
                }
                _ if place.is_empty() => self.part(place, (keyword.to_owned(), keyword), at, sides),
                _ if sides.0 != sides.1 => self.add(place, keyword, at, sides),
                _ => {}
            }
        }
    }

    /// Compares a part of the object at `place`, which has a place and a name of its own, and which one or both sides
    /// have. Where a deviation applies, its version is that of the first side.
    fn part(&mut self, place: &str, (inner, word): (String, &str), mut at: &str, sides: Sides<'_>) {
        let applies =
            |deviation: &Deviation| deviation.operation == self.operation && deviation.is_at(&inner);
        let mut deviations = self.deviations.iter().zip(&mut self.matched);
        let (mut left, right) = sides;
        let mut noted;
        if let Some((deviation, matched)) = deviations.find(|(it, _)| inner != place && applies(it)) {
            noted = Some(deviation.vendor.clone()).filter(|vendor| !vendor.is_null());
            // The vendor's version of a field doesn't say whether the field is required.
            let required = left.or(right).and_then(|it| it.get("required"));
            if let (Some(Value::Object(noted)), "field", Some(required)) = (&mut noted, word, required) {
                noted.insert("required".to_owned(), required.clone());
            }
            *matched = Some(*matched == Some(true) || noted.as_ref() != left);
            (left, at) = (noted.as_ref(), DEVIATIONS);
        }
        match (left, right) {
            (Some(left @ Value::Object(_)), Some(right @ Value::Object(_))) => {
                self.walk(&inner, at, left, right);
            }
            sides if left != right => self.add(&inner, word, at, sides),
            _ => {}
        }
    }

    /// Compares combined schemas, regardless of their order. Equivalent schemas are paired first, the others by
    /// position.
    fn combination(&mut self, place: &str, keyword: &str, at: &str, sides: Sides<'_>) {
        let schemas = |side: Option<&Value>| side.and_then(Value::as_array).cloned().unwrap_or_default();
        let (left, mut right) = (schemas(sides.0), schemas(sides.1));
        let mut different = Vec::new();
        for (index, schema) in left.iter().enumerate() {
            let (inner, _) = place_of(place, keyword, &index.to_string());
            match right.iter().position(|other| self.is_same(&inner, schema, other)) {
                Some(index) => drop(right.remove(index)),
                None => different.push((inner, join(at, &index.to_string()), schema)),
            }
        }
        let mut right = right.iter();
        for (inner, at, schema) in different {
            match right.next() {
                Some(other) => self.walk(&inner, &at, schema, other),
                None => self.add(&inner, keyword, &at, (Some(schema), None)),
            }
        }
        right.for_each(|other| self.add(place, keyword, at, (None, Some(other))));
    }

    fn is_same(&mut self, place: &str, left: &Value, right: &Value) -> bool {
        let before = self.found.len();
        self.walk(place, "", left, right);
        let same = self.found.len() == before;
        self.found.truncate(before);
        same
    }

    fn add(&mut self, place: &str, keyword: &str, at: &str, (before, after): Sides<'_>) {
        let (operation, at) = (self.operation.clone(), at.to_owned());
        let (place, keyword) = (place.to_owned(), keyword.to_owned());
        let (before, after) = (before.cloned(), after.cloned());
        self.found.push(Difference { operation, place, keyword, before, after, at });
    }
}

/// Returns the place of a part and what it is called.
fn place_of<'k>(place: &str, keyword: &'k str, name: &str) -> (String, &'k str) {
    let within = |segment: &str| {
        let parent = if place.contains(" /") { place.to_owned() } else { format!("{place} ") };
        join(&parent, segment)
    };
    match keyword {
        "properties" => (within(name), "field"),
        "items" => (within("0"), keyword),
        "not" => (within("(not)"), keyword),
        "additionalProperties" => (within("*"), keyword),
        "content" if name != "application/json" => (format!("{place} {name}"), keyword),
        "schema" | "content" => (place.to_owned(), keyword),
        "headers" => (format!("{place} header {name}"), "header"),
        "parameters" => (format!("parameter {name}"), "parameter"),
        "requestBody" => ("request".to_owned(), keyword),
        "responses" => (format!("response {name}"), "response"),
        "servers" => (format!("server {name}"), "server"),
        _ => (within(&format!("({keyword} {name})")), keyword),
    }
}

/// Returns the member names of both objects.
fn names<'v>((left, right): Sides<'v>) -> BTreeSet<&'v str> {
    let members = [left, right].into_iter().flatten().filter_map(Value::as_object);
    members.flat_map(|members| members.keys().map(String::as_str)).collect()
}
