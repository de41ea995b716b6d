//! Compares two operations, except for their schemas.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Comparison, Direction, Node, join, named, normalize, pair_by_name};

impl<'a> Comparison<'a> {
    /// Compares two operations. The `_item` arguments are the JSON pointers of their path items.
    pub(super) fn operation(&mut self, left: &Node<'a>, left_item: &str, right: &Node<'a>, right_item: &str) {
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
        for (url, left, right) in pair_by_name(first, second) {
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
        for (name, first, second) in pair_by_name(first, second) {
            self.parameter(&format!("parameter {name}"), "parameter", left, first, second);
        }
        self.body(left, left.get("requestBody"), right.get("requestBody"));

        self.direction = Direction::Response;
        for (status, first, second) in
            pair_by_name(named(left.get("responses")), named(right.get("responses")))
        {
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
                    let (before, after) = (left.value.get(keyword), right.value.get(keyword));
                    self.leaf(place, keyword, (&left, before), after);
                }
                if let (Some(left), Some(right)) = (left.get("schema"), right.get("schema")) {
                    self.schema(place, &left, &right);
                }
            }
            (left, right) => self.one_sided(place, keyword, owner, left, right),
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
            (left, right) => self.one_sided("request", "requestBody", owner, left, right),
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
                for (name, first, second) in pair_by_name(headers(&left), headers(&right)) {
                    self.parameter(&format!("{place} header {name}"), "header", &left, first, second);
                }
                self.content(&place, &left, &right);
            }
            (left, right) => self.one_sided(&place, "response", owner, left, right),
        }
    }

    fn content(&mut self, place: &str, owner: &Node<'a>, other: &Node<'a>) {
        for (media, left, right) in pair_by_name(named(owner.get("content")), named(other.get("content"))) {
            let place =
                if media == "application/json" { place.to_owned() } else { format!("{place} {media}") };
            match (left, right) {
                (Some(left), Some(right)) => match (left.get("schema"), right.get("schema")) {
                    (Some(left), Some(right)) => self.schema(&place, &left, &right),
                    (left, right) => self.one_sided(&place, "schema", owner, left, right),
                },
                (left, right) => self.one_sided(&place, "content", owner, left, right),
            }
        }
    }
}

/// Normalizes security requirements: the alternatives, each with its schemes and scopes, in a stable order.
fn security<'a>(root: &Node<'a>, alternatives: Option<Node<'a>>) -> Value {
    let mut found = Vec::new();
    for alternative in alternatives.map(|it| it.items()).unwrap_or_default() {
        let mut schemes = Vec::new();
        for (name, scopes) in alternative.members() {
            let scheme = root.find(&join("/components/securitySchemes", name));
            let mut scheme = scheme.map_or_else(|| json!(name), |it| normalize::node(&it));
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

/// Returns the parameters of an operation and of its path item, by location and name.
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
