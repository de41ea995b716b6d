//! Compares two OpenAPI documents.
//!
//! It is used for two comparisons: the contract with the vendor's description, and the contract with its version of
//! the last commit. References are resolved on both sides, so it makes no difference whether a schema is named or
//! inlined. Prose, examples and tags are ignored. Each difference is a single change at a single location, such as
//! `response 200 /users/0/flagCount`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract;
use super::deviations::{Deviation, Matched};
use super::node::{Node, join};
use super::normalize;

mod operation;
mod schema;

/// Which part of an operation a difference is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The operation itself.
    Operation,
    /// The request, from the caller to the service.
    Request,
    /// The response, from the service to the caller.
    Response,
}

/// A single difference between two documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Method and path.
    pub operation: String,
    /// The location, for example `request /deviceId`.
    pub place: String,
    /// The part of the operation.
    pub direction: Direction,
    /// The OpenAPI keyword that differs.
    pub keyword: String,
    /// The normalized value in the first document, if any.
    pub before: Option<Value>,
    /// The normalized value in the second document, if any.
    pub after: Option<Value>,
    /// Whether a field, header or parameter is required.
    pub required: bool,
    /// A JSON pointer to the value or its owner in the first document. `None` within a deviation.
    pub at: Option<String>,
}

/// Compares `first`, modified by `deviations`, with `second`. Returns the differences, and how each deviation matched.
pub fn documents<'a>(
    first: &'a Value,
    second: &'a Value,
    deviations: &'a [Deviation],
) -> (Vec<Difference>, Vec<Matched>) {
    let mut comparison = Comparison {
        first,
        deviations,
        matched: vec![Matched::default(); deviations.len()],
        found: Vec::new(),
        operation: String::new(),
        direction: Direction::Operation,
        in_progress: Vec::new(),
    };
    let operations = |document| -> BTreeMap<String, (String, Node<'a>)> {
        let found = contract::operations(document).into_iter();
        let operation = |(path, method, pointer): (String, String, String)| {
            let name = contract::name(&path, &method);
            Some((name, (join("/paths", &path), Node::root(document).find(&pointer)?)))
        };
        found.filter_map(operation).collect()
    };
    let (first, second) = (operations(first), operations(second));
    for (name, left, right) in pair_by_name(first, second) {
        comparison.operation.clone_from(&name);
        match (left, right) {
            (Some((left_item, left)), Some((right_item, right))) => {
                comparison.operation(&left, &left_item, &right, &right_item);
            }
            (left, right) => {
                comparison.direction = Direction::Operation;
                let value = |side: Option<(String, Node<'_>)>| side.map(|(_, it)| json!(it.text("summary")));
                comparison.add("", "operation", value(left), value(right), false, None);
            }
        }
    }
    (comparison.found, comparison.matched)
}

/// Returns whether two schemas are equivalent at `place`, with deviations applied to the first.
pub fn same_schema<'a>(
    first: &Node<'a>,
    second: &Node<'a>,
    operation: &str,
    place: &str,
    deviations: &'a [Deviation],
) -> bool {
    let mut comparison = Comparison {
        first: first.value,
        deviations,
        matched: vec![Matched::default(); deviations.len()],
        found: Vec::new(),
        operation: operation.to_owned(),
        direction: Direction::Response,
        in_progress: Vec::new(),
    };
    comparison.schema(place, first, second);
    comparison.found.is_empty()
}

/// Pairs the values of two maps by name.
fn pair_by_name<T>(
    first: BTreeMap<String, T>,
    second: BTreeMap<String, T>,
) -> Vec<(String, Option<T>, Option<T>)> {
    let mut sides: BTreeMap<String, (Option<T>, Option<T>)> = BTreeMap::new();
    for (name, left) in first {
        sides.entry(name).or_insert((None, None)).0 = Some(left);
    }
    for (name, right) in second {
        sides.entry(name).or_insert((None, None)).1 = Some(right);
    }
    sides.into_iter().map(|(name, (left, right))| (name, left, right)).collect()
}

fn named<'a>(node: Option<Node<'a>>) -> BTreeMap<String, Node<'a>> {
    let members = node.map(|node| node.members()).unwrap_or_default();
    members.into_iter().map(|(name, member)| (name.to_owned(), member)).collect()
}

/// The state of a comparison.
struct Comparison<'a> {
    first: &'a Value,
    deviations: &'a [Deviation],
    matched: Vec<Matched>,
    found: Vec<Difference>,
    operation: String,
    direction: Direction,
    /// The pairs of schemas that are being compared. A pair that occurs again within itself is a cycle.
    in_progress: Vec<(*const Value, *const Value)>,
}

impl<'a> Comparison<'a> {
    /// Returns the expected value at `place`: that of a deviation, or else that of the first document.
    fn expected(&mut self, place: &str, value: Option<Node<'a>>) -> Option<Node<'a>> {
        let deviations = self.deviations;
        for (deviation, matched) in deviations.iter().zip(&mut self.matched) {
            if deviation.operation == self.operation && deviation.is_at(place) {
                matched.visited = true;
                let noted = deviation.vendor.as_ref().map(Node::root);
                matched.differs |= noted.as_ref().map(normalize::node) != value.as_ref().map(normalize::node);
                return noted;
            }
        }
        value
    }

    /// Records a value that only one side has.
    fn one_sided(
        &mut self,
        place: &str,
        keyword: &str,
        owner: &Node<'a>,
        left: Option<Node<'a>>,
        right: Option<Node<'a>>,
    ) {
        if left.is_none() && right.is_none() {
            return;
        }
        let required = right.as_ref().or(left.as_ref()).is_some_and(|it| it.is("required"));
        let at = self.pointer(owner);
        self.add(
            place,
            keyword,
            left.map(|it| normalize::node(&it)),
            right.map(|it| normalize::node(&it)),
            required,
            at,
        );
    }

    /// Compares a member of both sides. An absent member has its default value.
    fn leaf(&mut self, place: &str, keyword: &str, left: (&Node<'a>, Option<&Value>), right: Option<&Value>) {
        let (owner, left) = left;
        if !schema::same(keyword, left, right) {
            let at = self.pointer(owner);
            self.add(place, keyword, left.cloned(), right.cloned(), false, at);
        }
    }

    fn pointer(&self, node: &Node<'a>) -> Option<String> {
        node.is_in(self.first).then(|| node.pointer.clone())
    }

    fn add(
        &mut self,
        place: &str,
        keyword: &str,
        before: Option<Value>,
        after: Option<Value>,
        required: bool,
        at: Option<String>,
    ) {
        self.found.push(Difference {
            operation: self.operation.clone(),
            place: place.to_owned(),
            direction: self.direction,
            keyword: keyword.to_owned(),
            before,
            after,
            required,
            at,
        });
    }
}
