//! What differs between two documents, as far as it travels.
//!
//! One comparison serves two questions: what the vendor says otherwise than the contract, and what the contract
//! says otherwise than it did at the last commit. References are followed on both sides, so it does not matter
//! what is named and what is written out; prose, examples and tags are not looked at. Each difference is one
//! thing at one place, told in the words of the wire: `response 200 /users/0/flagCount`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract;
use super::deviations::{Deviation, Matched};
use super::node::{Node, join};
use super::normalize;

mod operation;
mod schema;

/// Which way something travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It is about the operation itself.
    Operation,
    /// From the caller to the service.
    Request,
    /// From the service to the caller.
    Response,
}

/// One thing that differs at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Method and path.
    pub operation: String,
    /// Where on the wire.
    pub place: String,
    /// Which way it travels.
    pub direction: Direction,
    /// What of the place differs: a word of OpenAPI.
    pub keyword: String,
    /// What the first document says, written out; nothing if it does not have it.
    pub was: Option<Value>,
    /// What the second one says.
    pub is: Option<Value>,
    /// Whether it has to be there, if it is a field, a header or a parameter.
    pub required: bool,
    /// Where the first document has it or its owner: a JSON pointer; nothing within a deviation.
    pub at: Option<String>,
}

/// All differences between `first`, as changed by `deviations`, and `second`; and what became of the deviations.
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
        open: Vec::new(),
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
    for (name, left, right) in both(first, second) {
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

/// Whether two schemas say the same at `place`, deviations applied to the first.
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
        open: Vec::new(),
    };
    comparison.schema(place, first, second);
    comparison.found.is_empty()
}

/// The members of two maps, side by side.
fn both<T>(first: BTreeMap<String, T>, second: BTreeMap<String, T>) -> Vec<(String, Option<T>, Option<T>)> {
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

/// A comparison along two documents.
struct Comparison<'a> {
    first: &'a Value,
    deviations: &'a [Deviation],
    matched: Vec<Matched>,
    found: Vec<Difference>,
    operation: String,
    direction: Direction,
    /// Pairs of schemas that the comparison is in: where one comes again, the schemas refer to themselves.
    open: Vec<(*const Value, *const Value)>,
}

impl<'a> Comparison<'a> {
    /// What the first document is expected to say at `place`: what a deviation notes, or else what it says.
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

    /// Notes something that only one side has.
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

    /// Compares one member of both sides; an absent one says the default.
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
        was: Option<Value>,
        is: Option<Value>,
        required: bool,
        at: Option<String>,
    ) {
        self.found.push(Difference {
            operation: self.operation.clone(),
            place: place.to_owned(),
            direction: self.direction,
            keyword: keyword.to_owned(),
            was,
            is,
            required,
            at,
        });
    }
}
