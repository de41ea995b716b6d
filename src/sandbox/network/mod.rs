//! The seeded network of a sandbox: communities, users, posts and comments that can be read.
//!
//! A request is matched with an item or a list here, `query` reads its parameters, and `response` adds what belongs to
//! the items. The items are written in `content` and generated in `diary`, and `item` gives them the documented shapes.
//! Nothing is kept but the items that were edited.

mod content;
mod diary;
mod item;
mod query;
mod response;

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{SubsecRound, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::lock;
use super::response::ErrorResponse;
use crate::error::ErrorCode;
use query::Query;
use response::View;

/// Where the paths of files begin.
const FILES: &str = "/api/v3/files/";

/// The kinds of items. An id is unique within its kind.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(super) enum Kind {
    Community,
    User,
    Post,
    Comment,
    File,
}

/// A network whose items are the seeded ones, apart from those that were edited or removed.
#[derive(Debug, Default)]
pub(super) struct Network {
    edits: Mutex<Edits>,
}

#[derive(Debug, Default)]
struct Edits {
    count: u64,
    by_id: HashMap<(Kind, String), Edit>,
}

#[derive(Debug)]
struct Edit {
    /// Later edits have larger numbers.
    number: u64,
    /// `None` if the item was removed.
    item: Option<Value>,
}

impl Network {
    /// Responds to a read of this path, if it is one of the network's. `origin` is the sandbox's base URL.
    pub(super) fn read(
        &self,
        path: &str,
        query: Option<&str>,
        origin: &str,
    ) -> Option<Result<Value, ErrorResponse>> {
        let view = View { network: self, origin };
        let query = Query::parse(query.unwrap_or_default());
        let segments: Vec<&str> = path.strip_prefix("/api/")?.split('/').collect();
        Some(match *segments.as_slice() {
            ["v3", "communities"] => view.communities(&query),
            ["v3", "communities", "list"] => view.batch(Kind::Community, &query, "communityIds", 100),
            ["v3", "communities", id] => view.one(Kind::Community, id),
            ["v4", "posts"] => view.posts(&query),
            ["v3", "posts", "list"] => view.batch(Kind::Post, &query, "postIds", 100),
            ["v3", "posts", id] => view.one(Kind::Post, id),
            ["v3", "comments"] => view.comments(&query),
            ["v3", "comments", "list"] => view.batch(Kind::Comment, &query, "commentIds", 10),
            ["v3", "comments", id] => view.one(Kind::Comment, id),
            ["v3", "users"] => view.users(&query),
            ["v3", "users", "list"] => view.batch(Kind::User, &query, "userIds", 100),
            ["v3", "users", id] => view.one(Kind::User, id),
            ["v3", "files", id] => view.file(id),
            _ => return None,
        })
    }

    /// The image that is downloaded from this path, if it is a public file's.
    pub(super) fn public_image(&self, path: &str) -> Option<String> {
        let id = path.strip_prefix(FILES)?.strip_suffix("/download")?;
        let file = self.item(Kind::File, id, "")?;
        (file.get("accessType") == Some(&json!("public"))).then(|| item::image(id))
    }

    /// Changes an item, and sets its `updatedAt` and `editedAt` before. Returns whether there is one.
    pub(super) fn edit(&self, id: &str, origin: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let Some((kind, mut item)) = self.find(id, origin) else { return false };
        let now = json!(Utc::now().trunc_subsecs(3));
        if let Some(item) = item.as_object_mut() {
            if item.contains_key("editedAt") {
                item.insert("editedAt".to_owned(), now.clone());
            }
            item.insert("updatedAt".to_owned(), now);
        }
        // Without the lock: it is the caller's code, which can use the sandbox.
        edit(&mut item);
        self.set(kind, id, Some(item));
        true
    }

    /// Removes an item. Returns whether there was one.
    pub(super) fn remove(&self, id: &str) -> bool {
        let Some((kind, _)) = self.find(id, "") else { return false };
        self.set(kind, id, None);
        true
    }

    fn set(&self, kind: Kind, id: &str, item: Option<Value>) {
        let mut edits = lock(&self.edits);
        edits.count += 1;
        let edit = Edit { number: edits.count, item };
        edits.by_id.insert((kind, id.to_owned()), edit);
    }

    fn find(&self, id: &str, origin: &str) -> Option<(Kind, Value)> {
        let kinds = [Kind::Post, Kind::Comment, Kind::Community, Kind::User, Kind::File];
        kinds.into_iter().find_map(|kind| Some((kind, self.item(kind, id, origin)?)))
    }

    /// The item, unless there is none or it was removed.
    fn item(&self, kind: Kind, id: &str, origin: &str) -> Option<Value> {
        match lock(&self.edits).by_id.get(&(kind, id.to_owned())) {
            Some(edit) => edit.item.clone(),
            None => item::seeded(kind, id, origin),
        }
    }

    /// Sorts these by their last edit, those without one first.
    fn sort_by_edit(&self, kind: Kind, ids: &mut [String]) {
        let edits = &lock(&self.edits).by_id;
        if !edits.is_empty() {
            ids.sort_by_cached_key(|id| edits.get(&(kind, id.clone())).map(|edit| edit.number));
        }
    }
}

fn not_found(id: &str) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::NOT_FOUND,
        code: ErrorCode::NOT_FOUND,
        message: "not found",
        detail: vec![format!("{id}: not in the network")],
    }
}

fn bad_request(violation: String) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::BAD_REQUEST,
        code: ErrorCode::BAD_REQUEST,
        message: "bad request",
        detail: vec![violation],
    }
}
