//! What differs between two schemas.
//!
//! A schema that says nothing of something and one that says the default say the same. Where the types differ
//! nothing below them is compared: that is one difference, not many.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Comparison, Matched, Node, both, join, named, normalize};

/// Members that are looked at in a way of their own.
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
        if self.open.contains(&pair) {
            return;
        }
        self.open.push(pair);
        self.structure(place, left, right);
        self.open.pop();
    }

    fn structure(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        if normalize::type_of(left.value) != normalize::type_of(right.value) {
            let (was, is) = (normalize::node(left), normalize::node(right));
            self.add(place, "type", Some(was), Some(is), false, self.pointer(left));
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
        self.others(place, left, right);
        for combination in ["oneOf", "anyOf", "allOf"] {
            self.combination(place, combination, left, right);
        }
    }

    /// The values of an enumeration, each for itself; their order means nothing.
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

    /// The properties of an object, and which of them have to be there.
    fn fields(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
        for (name, first, second) in both(named(left.get("properties")), named(right.get("properties"))) {
            let place = join(&place_of_fields(place), &name);
            let was_expected = first.is_some();
            let first = self.expected(&place, first);
            let (was_required, is_required) = (left.requires(&name), right.requires(&name));
            match (first, second) {
                (Some(first), Some(second)) => {
                    self.schema(&place, &first, &second);
                    if was_required != is_required && was_expected {
                        let (was, is) = (json!(was_required), json!(is_required));
                        self.add(&place, "required", Some(was), Some(is), false, self.pointer(left));
                    }
                }
                (None, None) => {}
                (first, second) => {
                    let required = if second.is_some() { is_required } else { was_required };
                    let (was, is) =
                        (first.map(|it| normalize::node(&it)), second.map(|it| normalize::node(&it)));
                    self.add(&place, "field", was, is, required, self.pointer(left));
                }
            }
        }
    }

    /// What an object may hold besides its properties: anything, unless it says otherwise.
    fn others(&mut self, place: &str, left: &Node<'a>, right: &Node<'a>) {
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

    /// Alternatives, whose order means nothing: those that say the same belong together, then those in the same
    /// place.
    fn combination(&mut self, place: &str, combination: &str, left: &Node<'a>, right: &Node<'a>) {
        let items = |node: &Node<'a>| node.get(combination).map(|it| it.items()).unwrap_or_default();
        let mut open = items(right);
        let mut unlike = Vec::new();
        for (index, first) in items(left).into_iter().enumerate() {
            let place = join(&place_of_fields(place), &format!("({combination} {index})"));
            match open.iter().position(|second| self.is_same(&place, &first, second)) {
                // Once more for the deviations that are met on the way.
                Some(same) => self.schema(&place, &first, &open.remove(same)),
                None => unlike.push((place, first)),
            }
        }
        let mut open = open.into_iter();
        for (place, first) in unlike {
            match open.next() {
                Some(second) => self.schema(&place, &first, &second),
                None => self.one_sided(&place, combination, left, Some(first), None),
            }
        }
        for second in open {
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
            open: self.open.clone(),
        };
        comparison.schema(place, left, right);
        comparison.found.is_empty()
    }
}

/// Where the fields of a body are: `request` has them at `request /name`, `request /name` at `request /name/name`.
fn place_of_fields(place: &str) -> String {
    if place.contains(" /") || place.ends_with(' ') { place.to_owned() } else { format!("{place} ") }
}

/// Whether a member says the same on both sides.
pub(super) fn same(name: &str, left: Option<&Value>, right: Option<&Value>) -> bool {
    let unsaid = match name {
        "minLength" | "minItems" | "minProperties" => json!(0),
        "nullable" | "deprecated" | "readOnly" | "writeOnly" | "uniqueItems" | "exclusiveMinimum"
        | "exclusiveMaximum" | "required" | "allowEmptyValue" | "allowReserved" => json!(false),
        _ => Value::Null,
    };
    let (left, right) = (left.unwrap_or(&unsaid), right.unwrap_or(&unsaid));
    left == right || matches!((left.as_f64(), right.as_f64()), (Some(left), Some(right)) if left == right)
}
