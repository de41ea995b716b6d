//! The Atom feed of a community: its newest posts.

use atom_syndication::{Content, Entry, Feed, Link, Person, Text};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::address::{Address, Id};
use crate::html::{headline, name};
use crate::model::{Items, Post};
use crate::reader::Reader;
use crate::response::{ATOM, Failure, Rendered};

/// The most posts in a feed.
const MAX_ENTRIES: usize = 50;

/// Anyone gets the feed: who subscribes to it is not led to the app.
pub async fn feed(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let address = Address::Community(Id::try_from(id).map_err(|_| Failure::NotFound)?);
    let list = reader.list(&address.list_in_api()).await?;
    let page = reader.page(&address).await?;
    let community = page.items.community(address.id()).ok_or(Failure::NotFound)?;
    let posts = || list.items.posts.iter().filter(|post| !post.is_deleted).take(MAX_ENTRIES);
    let updated = posts().map(Post::modified).max().unwrap_or_else(|| community.modified());
    let feed = Feed {
        title: Text::plain(&*community.display_name),
        subtitle: community.description.as_deref().map(Text::plain),
        id: address.url(),
        updated: updated.into(),
        links: vec![
            link("alternate", address.url(), "text/html"),
            link("self", format!("{}/feed.atom", address.url()), "application/atom+xml"),
        ],
        entries: posts().map(|post| entry(post, &list.items)).collect(),
        ..Feed::default()
    };
    let age = page.age.max(list.age);
    let feed = Rendered { content_type: ATOM, body: feed.to_string(), age, modified: Some(updated) };
    Ok(feed.respond(&request))
}

fn entry(post: &Post, items: &Items) -> Entry {
    let author = post.posted_user_id.as_ref().and_then(|id| items.user(id));
    let (title, _) = headline(post, author);
    let url = post.address().url();
    let uri = author.map(|user| user.address().url());
    Entry {
        title: Text::plain(title),
        id: url.clone(),
        updated: post.modified().into(),
        published: Some(post.created_at.into()),
        authors: vec![Person { name: name(author).to_owned(), uri, ..Person::default() }],
        links: vec![link("alternate", url, "text/html")],
        content: Some(Content {
            value: Some(post.text().to_owned()),
            content_type: Some("text".to_owned()),
            ..Content::default()
        }),
        ..Entry::default()
    }
}

fn link(rel: &str, href: String, mime_type: &str) -> Link {
    Link { href, rel: rel.to_owned(), mime_type: Some(mime_type.to_owned()), ..Link::default() }
}
