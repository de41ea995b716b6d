//! What a list carries: a response for each of its items, as a read of the item alone returns it.
//!
//! That is how a hundred reads make thousands of pages. A response of the service names what belongs to its items, and
//! has it beside them: the author's id is in a post, and the author in `users`.

use serde_json::{Map, Value};

use crate::address::{Address, Id};

/// The parts of a response that have items, and the names of their ids.
const PARTS: [(&str, &str); 7] = [
    ("posts", "postId"),
    ("postChildren", "postId"),
    ("comments", "commentId"),
    ("commentChildren", "commentId"),
    ("communities", "communityId"),
    ("users", "userId"),
    ("files", "fileId"),
];

/// Where items name what belongs to them: the part of the item, the field, and the part of what it names.
const LINKS: [(&str, &str, &str); 13] = [
    ("posts", "/children", "postChildren"),
    ("posts", "/comments", "comments"),
    ("posts", "/targetId", "communities"),
    ("posts", "/postedUserId", "users"),
    ("postChildren", "/postedUserId", "users"),
    ("comments", "/userId", "users"),
    ("communities", "/userId", "users"),
    ("posts", "/data/fileId", "files"),
    ("postChildren", "/data/fileId", "files"),
    ("comments", "/data/fileId", "files"),
    ("users", "/avatarFileId", "files"),
    ("communities", "/avatarFileId", "files"),
    ("communities", "/categoryIds", "categories"),
];

/// The parts of the response to a read of one item. Others than those of `PARTS` are passed on as they are in the list if
/// nothing is in them.
const OF_POST: &[&str] = &[
    "posts",
    "postChildren",
    "comments",
    "communities",
    "users",
    "files",
    "communityUsers",
    "categories",
    "feeds",
    "videoStreamings",
    "polls",
];
const OF_COMMUNITY: &[&str] = &["communities", "users", "files", "communityUsers", "categories", "feeds"];
const OF_USER: &[&str] = &["users", "files"];

/// The pages that a list can fill, with their bodies.
pub fn split(list: &Value) -> Vec<(Address, Value)> {
    let mut pages = Vec::new();
    for (part, parts) in [("posts", OF_POST), ("communities", OF_COMMUNITY), ("users", OF_USER)] {
        for item in items(list, part) {
            let Some(id) = id(part, item).and_then(|id| Id::try_from(id.to_owned()).ok()) else { continue };
            let address = match part {
                "posts" => Address::Post(id),
                "communities" => Address::Community(id),
                _ => Address::User(id),
            };
            pages.push((address, single(list, part, item, parts)));
        }
    }
    pages
}

/// The response with one item and what belongs to it.
fn single(list: &Value, part: &str, item: &Value, parts: &[&str]) -> Value {
    let mut body: Map<_, _> =
        parts.iter().map(|part| ((*part).to_owned(), Value::Array(Vec::new()))).collect();
    body.insert(part.to_owned(), vec![item.clone()].into());
    // In the order of the links: what a child names is looked for after the child.
    for (from, field, to) in LINKS {
        if to == part || !parts.contains(&to) {
            continue;
        }
        let mut named: Vec<&str> = Vec::new();
        for field in body
            .get(from)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|item| item.pointer(field))
        {
            named.extend(field.as_str());
            named.extend(field.as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        let has = |item: &&Value, ids: &[&str]| id(to, item).is_some_and(|id| ids.contains(&id));
        let known: Vec<&str> = items_of(&body, to).filter_map(|item| id(to, item)).collect();
        named.extend(known);
        // All of them again, so that they are in the order of the list.
        let found: Vec<Value> = items(list, to).filter(|item| has(item, &named)).cloned().collect();
        body.insert(to.to_owned(), found.into());
    }
    body.into()
}

fn items<'a>(list: &'a Value, part: &str) -> impl Iterator<Item = &'a Value> {
    list.get(part).and_then(Value::as_array).into_iter().flatten()
}

fn items_of<'a>(body: &'a Map<String, Value>, part: &str) -> impl Iterator<Item = &'a Value> {
    body.get(part).and_then(Value::as_array).into_iter().flatten()
}

fn id<'a>(part: &str, item: &'a Value) -> Option<&'a str> {
    let (_, name) = PARTS.iter().find(|(name, _)| *name == part).copied().unwrap_or((part, "_id"));
    item.get(name)?.as_str()
}
