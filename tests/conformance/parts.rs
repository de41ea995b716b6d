//! What the contract consists of, and what has to be shown of each part.
//!
//! The parts are found by walking the document. A keyword that nobody thought of becomes a part like any
//! other, with something to be shown of it that no check shows, so that it fails the suite by its name
//! until one does. What has to be shown depends only on the kind of a part and on which way it travels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::contract::{Contract, SCHEMAS, escaped, items, members};

/// Something that is shown of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The client sends it so.
    Sent,
    /// The client can't send what breaks it.
    Unsendable,
    /// The sandbox refuses what breaks it.
    Refused,
    /// The sandbox answers so.
    Answered,
    /// The client reads it, and what it writes of it is the same.
    Read,
    /// The client survives what breaks it, and says where.
    Tolerated,
    /// The public types say the same.
    Typed,
    /// The documented text, or an example of ours, says the same.
    Documented,
}

use Proof::{Answered, Documented, Read, Refused, Sent, Tolerated, Typed, Unsendable};

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// A part of the contract, and how to take it out of a copy.
#[derive(Clone)]
pub struct Part {
    /// Names the part: a JSON pointer, in which entries of an array are named by what they say.
    pub id: String,
    /// Where the object or array is that it is a part of.
    pub within: String,
    pub entry: Entry,
    pub due: BTreeSet<Proof>,
}

#[derive(Clone)]
pub enum Entry {
    Member(String),
    Item(Value),
}

impl Part {
    /// Takes the part out of `contract`.
    pub fn remove_from(&self, contract: &mut Contract) {
        let within = contract.document.pointer_mut(&self.within).unwrap();
        match &self.entry {
            Entry::Member(name) => drop(within.as_object_mut().unwrap().remove(name)),
            Entry::Item(item) => within.as_array_mut().unwrap().retain(|other| other != item),
        }
    }
}

/// Everything that the contract consists of.
pub fn parts(contract: &Contract) -> Vec<Part> {
    let mut found = Found { contract, parts: BTreeMap::new(), seen: BTreeSet::new() };
    for server in items(contract.at("/servers")) {
        let url = server.get("url").and_then(Value::as_str).unwrap_or_default();
        found.item("/servers", url, server, &[Sent]);
    }
    for operation in contract.operations() {
        found.operation(&operation.pointer, operation.path, operation.method, operation.value);
    }
    for (name, scheme) in members(contract.at("/components/securitySchemes")) {
        found.plain(&format!("/components/securitySchemes/{name}"), scheme, &[Sent, Refused]);
    }
    // What nothing refers to can't be exercised, and is named for it.
    for (name, _) in members(contract.at(SCHEMAS)) {
        found.schema(&format!("{SCHEMAS}/{name}"), Way::Unknown);
    }
    found.parts.into_values().collect()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Request,
    Response,
    Unknown,
}

struct Found<'a> {
    contract: &'a Contract,
    parts: BTreeMap<String, Part>,
    seen: BTreeSet<(String, Way)>,
}

impl Found<'_> {
    fn add(&mut self, id: String, within: &str, entry: Entry, due: &[Proof]) {
        let part =
            Part { id: id.clone(), within: within.to_owned(), entry, due: due.iter().copied().collect() };
        self.parts.entry(id).or_insert(part).due.extend(due);
    }

    fn member(&mut self, within: &str, name: &str, due: &[Proof]) {
        self.add(format!("{within}/{}", escaped(name)), within, Entry::Member(name.to_owned()), due);
    }

    fn item(&mut self, within: &str, name: &str, item: &Value, due: &[Proof]) {
        self.add(format!("{within}/{}", escaped(name)), within, Entry::Item(item.clone()), due);
    }

    /// An object whose members are parts, all of the same kind.
    fn plain(&mut self, pointer: &str, value: &Value, due: &[Proof]) {
        for (name, _) in members(value).filter(|(name, _)| !is_prose(name)) {
            self.member(pointer, name, due);
        }
    }

    fn operation(&mut self, pointer: &str, path: &str, method: &str, operation: &Value) {
        self.member(&format!("/paths/{}", escaped(path)), method, &[Sent, Answered]);
        for (name, value) in members(operation).filter(|(name, _)| !is_prose(name)) {
            match name {
                "security" => {
                    for requirement in items(value) {
                        for (scheme, _) in members(requirement) {
                            self.item(&format!("{pointer}/security"), scheme, requirement, &[Sent, Refused]);
                        }
                    }
                }
                "requestBody" => self.request(&format!("{pointer}/requestBody"), value),
                "responses" => {
                    for (status, response) in members(value) {
                        self.member(&format!("{pointer}/responses"), status, &[Read, Answered]);
                        self.response(&format!("{pointer}/responses/{status}"), response);
                    }
                }
                _ => self.member(pointer, name, &[Sent, Answered]),
            }
        }
    }

    fn request(&mut self, pointer: &str, body: &Value) {
        for (name, value) in members(body).filter(|(name, _)| !is_prose(name)) {
            match name {
                "content" => self.content(pointer, value, Way::Request),
                _ => self.member(pointer, name, &[Refused]),
            }
        }
    }

    fn response(&mut self, pointer: &str, response: &Value) {
        for (name, value) in members(response).filter(|(name, _)| !is_prose(name)) {
            match name {
                "content" => self.content(pointer, value, Way::Response),
                _ => self.member(pointer, name, &[Read, Answered]),
            }
        }
    }

    fn content(&mut self, pointer: &str, content: &Value, way: Way) {
        let due = if way == Way::Request { [Sent, Refused] } else { [Read, Answered] };
        for (media, value) in members(content) {
            self.member(&format!("{pointer}/content"), media, &due);
            let pointer = format!("{pointer}/content/{}", escaped(media));
            for (name, value) in members(value) {
                match name {
                    "schema" => self.schema(&format!("{pointer}/schema"), way),
                    "examples" => self.plain(&format!("{pointer}/examples"), value, &[Documented]),
                    _ => self.member(&pointer, name, &[Documented]),
                }
            }
        }
    }

    fn schema(&mut self, pointer: &str, way: Way) {
        let pointer = self.contract.resolved(pointer);
        let known = self.seen.iter().any(|(seen, _)| *seen == pointer);
        if (way == Way::Unknown && known) || !self.seen.insert((pointer.clone(), way)) {
            return;
        }
        let contract = self.contract;
        for (keyword, value) in members(contract.at(&pointer)).filter(|(name, _)| !is_prose(name)) {
            let place = format!("{pointer}/{keyword}");
            let due = due(keyword, way);
            match keyword {
                "properties" => {
                    for (name, _) in members(value) {
                        self.member(&place, name, due);
                        self.schema(&format!("{place}/{}", escaped(name)), way);
                    }
                }
                "required" | "enum" => {
                    if keyword == "enum" {
                        self.member(&pointer, keyword, due);
                    }
                    for item in items(value) {
                        let due = if keyword == "enum" { one_of_many(way) } else { due };
                        self.item(&place, item.as_str().unwrap_or_default(), item, due);
                    }
                }
                "oneOf" => {
                    for (at, item) in items(value).iter().enumerate() {
                        self.item(&place, &alternative(item), item, due);
                        self.schema(&format!("{place}/{at}"), way);
                    }
                }
                "items" => {
                    self.member(&pointer, keyword, due);
                    self.schema(&place, way);
                }
                _ => self.member(&pointer, keyword, due),
            }
        }
    }
}

/// The name of one of several alternatives.
pub fn alternative(schema: &Value) -> String {
    let reference = schema.get("$ref").and_then(Value::as_str).unwrap_or_default();
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}

/// What has to be shown of a schema's keyword.
fn due(keyword: &str, way: Way) -> &'static [Proof] {
    match (way, keyword) {
        (Way::Request, "properties") => &[Sent, Typed],
        (Way::Request, "required" | "type" | "enum") => &[Unsendable, Refused, Typed],
        (Way::Request, _) => &[Sent, Unsendable, Refused, Typed],
        (Way::Response, "properties") => &[Read, Tolerated, Typed, Answered],
        (Way::Response, "required") => &[Tolerated, Answered],
        (Way::Response, "enum") => &[Tolerated, Typed],
        // What breaks the pattern of the token and can be sent all the same is used: the check `usable` has the limit.
        (Way::Response, "items" | "additionalProperties" | "oneOf" | "pattern") => &[Read, Typed],
        (Way::Response, _) => &[Read, Tolerated, Typed],
        (Way::Unknown, _) => &[Typed],
    }
}

/// What has to be shown of each value of an enumeration.
fn one_of_many(way: Way) -> &'static [Proof] {
    match way {
        Way::Request => &[Sent, Typed],
        Way::Response => &[Read, Typed],
        Way::Unknown => &[Typed],
    }
}

/// What is there for people and generators and says nothing about the wire. A reference is not a part: what
/// it leads to is.
fn is_prose(name: &str) -> bool {
    let prose = ["description", "summary", "title", "tags", "operationId", "externalDocs", "$ref"];
    prose.contains(&name)
}
