//! Responses with items and what belongs to them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::query::{Page, Query};
use super::{Kind, Network, bad_request, item, not_found};
use crate::sandbox::response::ErrorResponse;

/// A network as it is read at one address.
pub(super) struct View<'a> {
    pub(super) network: &'a Network,
    /// The sandbox's base URL, which is in the links to files.
    pub(super) origin: &'a str,
}

impl View<'_> {
    pub(super) fn one(&self, kind: Kind, id: &str) -> Result<Value, ErrorResponse> {
        let items = self.items(kind, [id]);
        if items.is_empty() { Err(not_found(id)) } else { Ok(self.with_related(kind, items).into()) }
    }

    /// Those of the named items that are in the network.
    pub(super) fn batch(
        &self,
        kind: Kind,
        query: &Query,
        parameter: &str,
        limit: usize,
    ) -> Result<Value, ErrorResponse> {
        let ids = query.array(parameter, limit)?;
        let items = self.items(kind, ids.iter().copied());
        if items.is_empty() {
            return Err(not_found(&ids.join(", ")));
        }
        Ok(self.with_related(kind, items).into())
    }

    pub(super) fn communities(&self, query: &Query) -> Result<Value, ErrorResponse> {
        let mut ids = item::communities();
        ids.reverse();
        self.list(Kind::Community, query.page(&ids)?)
    }

    pub(super) fn users(&self, query: &Query) -> Result<Value, ErrorResponse> {
        self.list(Kind::User, query.page(&item::users())?)
    }

    pub(super) fn posts(&self, query: &Query) -> Result<Value, ErrorResponse> {
        let target = query.required("targetId")?;
        let target_type = query.get("targetType").unwrap_or("community");
        let kind = match target_type {
            "community" => Kind::Community,
            "user" => Kind::User,
            _ => return Err(bad_request("targetType: not one of community, user".to_owned())),
        };
        self.network.item(kind, target, self.origin).ok_or_else(|| not_found(target))?;
        let mut ids = item::posts(target_type, target);
        self.sort(Kind::Post, query, &mut ids)?;
        self.list(Kind::Post, query.page(&ids)?)
    }

    pub(super) fn comments(&self, query: &Query) -> Result<Value, ErrorResponse> {
        let post = query.required("referenceId")?;
        self.network.item(Kind::Post, post, self.origin).ok_or_else(|| not_found(post))?;
        let mut ids = item::comments(post);
        self.sort(Kind::Comment, query, &mut ids)?;
        self.list(Kind::Comment, query.page(&ids)?)
    }

    pub(super) fn file(&self, id: &str) -> Result<Value, ErrorResponse> {
        let file = self.network.item(Kind::File, id, self.origin).ok_or_else(|| not_found(id))?;
        Ok(json!({ "status": "success", "data": file }))
    }

    /// Sorts these, which are in the order of their creation.
    fn sort(&self, kind: Kind, query: &Query, ids: &mut [String]) -> Result<(), ErrorResponse> {
        let order = query.get("sortBy").unwrap_or("lastCreated");
        match order {
            "firstCreated" | "lastCreated" => {}
            "firstUpdated" | "lastUpdated" => self.network.sort_by_edit(kind, ids),
            _ => {
                let orders = "firstCreated, lastCreated, firstUpdated, lastUpdated";
                return Err(bad_request(format!("sortBy: not one of {orders}")));
            }
        }
        if order.starts_with("last") {
            ids.reverse();
        }
        Ok(())
    }

    fn list(&self, kind: Kind, page: Page) -> Result<Value, ErrorResponse> {
        let items = self.items(kind, page.ids.iter().map(String::as_str));
        let mut body = self.with_related(kind, items);
        let tokens = [("next", page.next), ("previous", page.previous)];
        let paging: Map<_, _> =
            tokens.into_iter().filter_map(|(name, token)| Some((name.to_owned(), token?.into()))).collect();
        body.insert("paging".to_owned(), paging.into());
        Ok(body.into())
    }

    fn items<'a>(&self, kind: Kind, ids: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
        ids.into_iter().filter_map(|id| self.network.item(kind, id, self.origin)).collect()
    }

    /// The items of this kind that `lists` name at `places`, which hold an id or several.
    fn related(&self, kind: Kind, lists: &[(&[Value], &str)]) -> Vec<Value> {
        let mut ids = BTreeSet::new();
        for (items, place) in lists {
            for named in items.iter().filter_map(|item| item.pointer(place)) {
                ids.extend(named.as_str());
                ids.extend(named.as_array().into_iter().flatten().filter_map(Value::as_str));
            }
        }
        self.items(kind, ids)
    }

    /// The response with these items and with what belongs to them, under the documented names.
    fn with_related(&self, kind: Kind, items: Vec<Value>) -> Map<String, Value> {
        let mut body = Map::new();
        let (posts, comments, mut communities, mut users) = match kind {
            Kind::Post => (items, Vec::new(), Vec::new(), Vec::new()),
            Kind::Comment => (Vec::new(), items, Vec::new(), Vec::new()),
            Kind::Community => (Vec::new(), Vec::new(), items, Vec::new()),
            Kind::User | Kind::File => (Vec::new(), Vec::new(), Vec::new(), items),
        };
        let mut add = |name: &str, items: &[Value]| drop(body.insert(name.to_owned(), items.into()));
        let mut first_comments = Vec::new();
        let mut children = Vec::new();
        let empty: &[&str] = match kind {
            Kind::Post => {
                children = self.related(Kind::Post, &[(&posts, "/children")]);
                first_comments = self.related(Kind::Comment, &[(&posts, "/comments")]);
                communities = self.related(Kind::Community, &[(&posts, "/targetId")]);
                add("posts", &posts);
                add("postChildren", &children);
                add("comments", &first_comments);
                add("communities", &communities);
                &["communityUsers", "categories", "feeds", "videoStreamings", "polls"]
            }
            Kind::Comment => {
                children = self.related(Kind::Comment, &[(&comments, "/children")]);
                add("comments", &comments);
                add("commentChildren", &children);
                &["communityUsers"]
            }
            Kind::Community => {
                add("communities", &communities);
                &["communityUsers", "categories", "feeds"]
            }
            Kind::User | Kind::File => &[],
        };
        if !matches!(kind, Kind::User) {
            let authors: [(&[Value], _); 6] = [
                (&posts, "/postedUserId"),
                (&children, "/postedUserId"),
                (&first_comments, "/userId"),
                (&comments, "/userId"),
                (&children, "/userId"),
                (&communities, "/userId"),
            ];
            users = self.related(Kind::User, &authors);
        }
        let files: [(&[Value], _); 4] = [
            (&posts, "/data/fileId"),
            (&children, "/data/fileId"),
            (&users, "/avatarFileId"),
            (&communities, "/avatarFileId"),
        ];
        add("users", &users);
        add("files", &self.related(Kind::File, &files));
        for name in empty {
            add(name, &[]);
        }
        body
    }
}
