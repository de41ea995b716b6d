//! Compares two schemas.
//!
//! An absent keyword is equal to its default value. If the types differ, that is the only difference: nothing within
//! the schemas is compared.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Comparison, Matched, Node, join, named, normalize, pair_by_name};

/// Keywords that are compared by their own methods.
const STRUCTURE: [&str; 11] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "enum",
    "items",
    "not",
    "oneOf",
    "properties",
    "required",
    "type",
];

impl<'a> Comparison<'a> {
    /// Compares two schemas at `place`.
    pub(super) fn schema(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        let pair = (std::ptr::from_ref(left.value), std::ptr::from_ref(right.value));
        if self.in_progress.contains(&pair) {
            return;
        }
        self.in_progress.push(pair);
        self.structure(place, left, right);
        self.in_progress.pop();
    }

    fn structure(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        if normalize::type_of(left.value) != normalize::type_of(right.value) {
            let (before, after) = (normalize::node(left), normalize::node(right));
            self.add(place, "type", Some(before), Some(after), false, self.pointer(left));
            return;
        }
        let names: BTreeSet<&str> =
            left.members().iter().chain(&right.members()).map(|(name, _)| *name).collect();
        for name in names.into_iter().filter(|name| !STRUCTURE.contains(name) && !normalize::is_prose(name)) {
            self.leaf(place, name, (left, left.value.get(name)), right.value.get(name));
        }
        self.values(place, left, right);
        self.fields(place, left, right);
        for (keyword, segment) in [("items", "0"), ("not", "(not)")] {
            let place = join(&place_of_fields(place), segment);
            match (self.expected(&place, left.get(keyword)), right.get(keyword)) {
                (Some(first), Some(second)) => self.schema(&place, &first, &second),
                (first, second) => self.one_sided(&place, keyword, left, first, second),
            }
        }
        self.additional_properties(place, left, right);
        for combination in ["oneOf", "anyOf", "allOf"] {
            self.combination(place, combination, left, right);
        }
    }

    /// Compares the values of enumerations, regardless of their order.
    fn values(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        let at = self.pointer(left);
        match (left.value.get("enum"), right.value.get("enum")) {
            (Some(Value::Array(first)), Some(Value::Array(second))) => {
                for value in first.iter().filter(|value| !second.contains(value)) {
                    self.add(place, "value", Some(value.clone()), None, false, at.clone());
                }
                for value in second.iter().filter(|value| !first.contains(value)) {
                    self.add(place, "value", None, Some(value.clone()), false, at.clone());
                }
            }
            (left_values, right_values) => self.leaf(place, "enum", (left, left_values), right_values),
        }
    }

    /// Compares the properties of objects, and which of them are required.
    fn fields(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        for (name, first, second) in
            pair_by_name(named(left.get("properties")), named(right.get("properties")))
        {
            let place = join(&place_of_fields(place), &name);
            let was_expected = first.is_some();
            let first = self.expected(&place, first);
            let (was_required, is_required) = (left.requires(&name), right.requires(&name));
            match (first, second) {
                (Some(first), Some(second)) => {
                    self.schema(&place, &first, &second);
                    // The contract can't require a field that only a deviation has.
                    if was_required != is_required && was_expected {
                        let (before, after) = (json!(was_required), json!(is_required));
                        self.add(&place, "required", Some(before), Some(after), false, self.pointer(left));
                    }
                }
                (None, None) => {}
                (first, second) => {
                    let required = if second.is_some() { is_required } else { was_required };
                    let (before, after) =
                        (first.map(|it| normalize::node(&it)), second.map(|it| normalize::node(&it)));
                    self.add(&place, "field", before, after, required, self.pointer(left));
                }
            }
        }
    }

    /// Compares `additionalProperties`. Absent, `true` and `{}` all allow anything.
    fn additional_properties(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        let others = |node: &Node<'a>| {
            node.get("additionalProperties").filter(|it| *it.value != json!(true) && *it.value != json!({}))
        };
        match (others(left), others(right)) {
            (Some(first), Some(second)) if first.value.is_object() && second.value.is_object() => {
                self.schema(&join(&place_of_fields(place), "*"), &first, &second);
            }
            (first, second) => {
                let (first, second) =
                    (first.map(|it| normalize::node(&it)), second.map(|it| normalize::node(&it)));
                self.leaf(place, "additionalProperties", (left, first.as_ref()), second.as_ref());
            }
        }
    }

    /// Compares combined schemas, regardless of their order. Equivalent schemas are paired first, the others by
    /// position.
    fn combination(&mut self, place: &str, combination: &str, left: &Node<'a>, right: &Node<'a>) {
        let items = |node: &Node<'a>| node.get(combination).map(|it| it.items()).unwrap_or_default();
        let mut unpaired = items(right);
        let mut different = Vec::new();
        for (index, first) in items(left).into_iter().enumerate() {
            let place = join(&place_of_fields(place), &format!("({combination} {index})"));
            match unpaired.iter().position(|second| self.is_same(&place, &first, second)) {
                // Compare again to record the deviations that match.
                Some(same) => self.schema(&place, &first, &unpaired.remove(same)),
                None => different.push((place, first)),
            }
        }
        let mut unpaired = unpaired.into_iter();
        for (place, first) in different {
            match unpaired.next() {
                Some(second) => self.schema(&place, &first, &second),
                None => self.one_sided(&place, combination, left, Some(first), None),
            }
        }
        for second in unpaired {
            self.one_sided(place, combination, left, None, Some(second));
        }
    }

    fn is_same(&self, place: &str, left: &Node<'a>, right: &Node<'a>) -> bool {
        let mut comparison = Comparison {
            first: self.first,
            deviations: self.deviations,
            matched: vec![Matched::default(); self.matched.len()],
            found: Vec::new(),
            operation: self.operation.clone(),
            direction: self.direction,
            in_progress: self.in_progress.clone(),
        };
        comparison.schema(place, left, right);
        comparison.found.is_empty()
    }
}

/// Returns the prefix for the fields at `place`: `request` becomes `request ` and `request /name` stays.
fn place_of_fields(place: &str) -> String {
    if place.contains(" /") || place.ends_with(' ') { place.to_owned() } else { format!("{place} ") }
}

/// Returns whether a keyword has the same value on both sides. An absent one has its default value.
pub(super) fn same(name: &str, left: Option<&Value>, right: Option<&Value>) -> bool {
    let default = match name {
        "minLength" | "minItems" | "minProperties" => json!(0),
        "nullable" | "deprecated" | "readOnly" | "writeOnly" | "uniqueItems" | "exclusiveMinimum"
        | "exclusiveMaximum" | "required" | "allowEmptyValue" | "allowReserved" => json!(false),
        _ => Value::Null,
    };
    let (left, right) = (left.unwrap_or(&default), right.unwrap_or(&default));
    left == right || matches!((left.as_f64(), right.as_f64()), (Some(left), Some(right)) if left == right)
}
