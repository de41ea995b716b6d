//! What differs between two documents, as far as it travels.
//!
//! One comparison serves two questions: what the vendor says otherwise than the contract, and what the contract
//! says otherwise than it did at the last commit. References are followed on both sides, so it does not matter
//! what is named and what is written out; prose, examples and tags are not looked at. Each difference is one
//! thing at one place, told in the words of the wire: `response 200 /users/0/flagCount`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::contract;
use super::deviations::{Deviation, Met};
use super::node::{Node, join};
use super::plain;

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
) -> (Vec<Difference>, Vec<Met>) {
    let mut walk = Walk {
        first,
        deviations,
        met: vec![Met::default(); deviations.len()],
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
        walk.operation.clone_from(&name);
        match (left, right) {
            (Some((left_item, left)), Some((right_item, right))) => {
                walk.operation(&left, &left_item, &right, &right_item);
            }
            (left, right) => {
                walk.direction = Direction::Operation;
                let said = |side: Option<(String, Node<'_>)>| side.map(|(_, it)| json!(it.text("summary")));
                walk.add("", "operation", said(left), said(right), false, None);
            }
        }
    }
    (walk.found, walk.met)
}

/// Whether two schemas say the same at `place`, deviations applied to the first.
pub fn same_schema<'a>(
    first: &Node<'a>,
    second: &Node<'a>,
    operation: &str,
    place: &str,
    deviations: &'a [Deviation],
) -> bool {
    let mut walk = Walk {
        first: first.value,
        deviations,
        met: vec![Met::default(); deviations.len()],
        found: Vec::new(),
        operation: operation.to_owned(),
        direction: Direction::Response,
        open: Vec::new(),
    };
    walk.schema(place, first, second);
    walk.found.is_empty()
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

/// A walk along two documents.
struct Walk<'a> {
    first: &'a Value,
    deviations: &'a [Deviation],
    met: Vec<Met>,
    found: Vec<Difference>,
    operation: String,
    direction: Direction,
    /// Pairs of schemas that the walk is in: where one comes again, the schemas refer to themselves.
    open: Vec<(*const Value, *const Value)>,
}

impl<'a> Walk<'a> {
    fn operation(&mut self, left: &Node<'a>, left_item: &str, right: &Node<'a>, right_item: &str) {
        self.direction = Direction::Operation;
        for keyword in ["operationId", "deprecated"] {
            let said = self.expected(keyword, left.get(keyword));
            self.leaf(keyword, keyword, (left, said.map(|it| it.value)), right.value.get(keyword));
        }
        let (left_root, right_root) = (left.document(), right.document());
        let around = |node: &Node<'a>, root: &Node<'a>, item: &str, what: &str| {
            node.get(what).or_else(|| root.find(&format!("{item}/{what}"))).or_else(|| root.get(what))
        };
        let servers = |servers: Option<Node<'a>>| -> BTreeMap<String, Node<'a>> {
            let servers = servers.map(|it| it.items()).unwrap_or_default();
            servers.into_iter().map(|it| (it.text("url").to_owned(), it)).collect()
        };
        let first = servers(around(left, &left_root, left_item, "servers"));
        let second = servers(around(right, &right_root, right_item, "servers"));
        for (url, left, right) in both(first, second) {
            let place = format!("server {url}");
            let left = self.expected(&place, left);
            if left.is_some() != right.is_some() {
                let said = |side: Option<Node<'_>>| side.map(|_| json!(url));
                self.add(&place, "server", said(left), said(right), false, Some("/servers".to_owned()));
            }
        }
        let first = security(&left_root, around(left, &left_root, left_item, "security"));
        let second = security(&right_root, around(right, &right_root, right_item, "security"));
        let said = self.expected("security", None).map_or(first, |it| it.value.clone());
        self.leaf("security", "security", (left, Some(&said)), Some(&second));

        self.direction = Direction::Request;
        let first = parameters(left, left_root.find(&format!("{left_item}/parameters")));
        let second = parameters(right, right_root.find(&format!("{right_item}/parameters")));
        for (name, first, second) in both(first, second) {
            self.parameter(&format!("parameter {name}"), "parameter", left, first, second);
        }
        self.body(left, left.get("requestBody"), right.get("requestBody"));

        self.direction = Direction::Response;
        for (status, first, second) in both(named(left.get("responses")), named(right.get("responses"))) {
            self.response(&status, left, first, second);
        }
    }

    fn parameter(
        &mut self,
        place: &str,
        keyword: &str,
        owner: &Node<'a>,
        left: Option<Node<'a>>,
        right: Option<Node<'a>>,
    ) {
        match (self.expected(place, left), right) {
            (Some(left), Some(right)) => {
                self.leaf(
                    place,
                    "required",
                    (&left, left.value.get("required")),
                    right.value.get("required"),
                );
                for keyword in ["deprecated", "style", "explode", "allowEmptyValue", "allowReserved"] {
                    let (was, is) = (left.value.get(keyword), right.value.get(keyword));
                    self.leaf(place, keyword, (&left, was), is);
                }
                if let (Some(left), Some(right)) = (left.get("schema"), right.get("schema")) {
                    self.schema(place, &left, &right);
                }
            }
            (left, right) => self.one_side(place, keyword, owner, left, right),
        }
    }

    fn body(&mut self, owner: &Node<'a>, left: Option<Node<'a>>, right: Option<Node<'a>>) {
        match (self.expected("request", left), right) {
            (Some(left), Some(right)) => {
                self.leaf(
                    "request",
                    "required",
                    (&left, left.value.get("required")),
                    right.value.get("required"),
                );
                self.content("request", &left, &right);
            }
            (left, right) => self.one_side("request", "requestBody", owner, left, right),
        }
    }

    fn response(&mut self, status: &str, owner: &Node<'a>, left: Option<Node<'a>>, right: Option<Node<'a>>) {
        let place = format!("response {status}");
        match (self.expected(&place, left), right) {
            (Some(left), Some(right)) => {
                let headers = |response: &Node<'a>| -> BTreeMap<String, Node<'a>> {
                    let headers = named(response.get("headers")).into_iter();
                    headers.map(|(name, header)| (name.to_lowercase(), header)).collect()
                };
                for (name, first, second) in both(headers(&left), headers(&right)) {
                    self.parameter(&format!("{place} header {name}"), "header", &left, first, second);
                }
                self.content(&place, &left, &right);
            }
            (left, right) => self.one_side(&place, "response", owner, left, right),
        }
    }

    fn content(&mut self, place: &str, owner: &Node<'a>, other: &Node<'a>) {
        for (media, left, right) in both(named(owner.get("content")), named(other.get("content"))) {
            let place =
                if media == "application/json" { place.to_owned() } else { format!("{place} {media}") };
            match (left, right) {
                (Some(left), Some(right)) => match (left.get("schema"), right.get("schema")) {
                    (Some(left), Some(right)) => self.schema(&place, &left, &right),
                    (left, right) => self.one_side(&place, "schema", owner, left, right),
                },
                (left, right) => self.one_side(&place, "content", owner, left, right),
            }
        }
    }

    /// What the first document is expected to say at `place`: what a deviation notes, or else what it says.
    fn expected(&mut self, place: &str, said: Option<Node<'a>>) -> Option<Node<'a>> {
        let deviations = self.deviations;
        for (deviation, met) in deviations.iter().zip(&mut self.met) {
            if deviation.operation == self.operation && deviation.is_at(place) {
                met.visited = true;
                let noted = deviation.vendor.as_ref().map(Node::root);
                met.differs |= noted.as_ref().map(plain::of) != said.as_ref().map(plain::of);
                return noted;
            }
        }
        said
    }

    /// Notes something that only one side has.
    fn one_side(
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
        self.add(place, keyword, left.map(|it| plain::of(&it)), right.map(|it| plain::of(&it)), required, at);
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

/// What has to be shown to be let in: the alternatives, each with its schemes.
fn security<'a>(root: &Node<'a>, alternatives: Option<Node<'a>>) -> Value {
    let mut found = Vec::new();
    for alternative in alternatives.map(|it| it.items()).unwrap_or_default() {
        let mut schemes = Vec::new();
        for (name, scopes) in alternative.members() {
            let scheme = root.find(&join("/components/securitySchemes", name));
            let mut scheme = scheme.map_or_else(|| json!(name), |it| plain::of(&it));
            if let Some(Value::String(header)) = scheme.get_mut("name") {
                *header = header.to_lowercase();
            }
            schemes.push(json!({ "scheme": scheme, "scopes": scopes.value }));
        }
        schemes.sort_by_key(Value::to_string);
        found.push(Value::Array(schemes));
    }
    found.sort_by_key(Value::to_string);
    Value::Array(found)
}

/// Parameters of an operation and of its path, by where they are and what they are called.
fn parameters<'a>(operation: &Node<'a>, of_path: Option<Node<'a>>) -> BTreeMap<String, Node<'a>> {
    let mut found = BTreeMap::new();
    for list in [of_path, operation.get("parameters")].into_iter().flatten() {
        for parameter in list.items() {
            let (place, name) = (parameter.text("in"), parameter.text("name"));
            let name = if place == "header" { name.to_lowercase() } else { name.to_owned() };
            found.insert(format!("{place} {name}"), parameter);
        }
    }
    found
}
