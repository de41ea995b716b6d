//! The pages of communities, posts and users.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use crate::address::{Address, Id};
use crate::discussion::Discussion;
use crate::html::{self, Head};
use crate::reader::{Read, Reader};
use crate::response::{Failure, HTML, Rendered, way_to_app};
use crate::structured;

pub async fn community(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let address = Address::Community(id_of(id)?);
    if let Some(response) = way_to_app(&request, &address) {
        return Ok(response);
    }
    // The list first: it fills the page of the community as well.
    let list = reader.list(&address.list_in_api()).await?;
    let page = reader.page(&address).await?;
    let community = page.items.community(address.id()).ok_or(Failure::NotFound)?;
    let (title, image) =
        (community.display_name.to_string(), page.items.image(community.avatar_file_id.as_ref()));
    let text = community.description.as_deref().unwrap_or_default();
    let body = html! {
        @if let Some(image) = image { (html::image(image)) }
        h1 dir="auto" { (title) }
        (html::paragraphs(text))
        (html::posts(&list.items))
    };
    let head = Head {
        address: &address,
        description: html::description(text, &title),
        title,
        kind: "website",
        image,
        feed: Some(format!("{}/feed.atom", address.path())),
        data: structured::community(community, &list.items),
    };
    let newest = list.items.posts.iter().map(|post| post.modified()).max();
    Ok(rendered(&head, &body, &[&page, &list], newest.max(Some(community.modified()))).respond(&request))
}

pub async fn post(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let address = Address::Post(id_of(id)?);
    if let Some(response) = way_to_app(&request, &address) {
        return Ok(response);
    }
    let page = reader.page(&address).await?;
    let post = page.items.post(address.id()).ok_or(Failure::NotFound)?;
    let more = match Discussion::new(&[&page.items]).len() < post.comments_count {
        // The page is worth showing without them.
        true => reader.list(&address.list_in_api()).await.ok(),
        false => None,
    };
    let mut responses: Vec<_> = more.iter().chain([&page]).collect();
    responses.sort_by_key(|read| read.age);
    let discussion = Discussion::new(&responses.iter().map(|read| &read.items).collect::<Vec<_>>());
    let author = post.posted_user_id.as_ref().and_then(|id| page.items.user(id));
    let (title, text) = html::headline(post, author);
    let images = page.items.images(post);
    let body = html! {
        @if let Some(target @ Address::Community(id)) = &post.target() && let Some(community) = page.items.community(id) {
            p { a href=(target.path()) { bdi { (*community.display_name) } } }
        }
        h1 dir="auto" { (title) }
        (html::byline(author, post.created_at))
        (html::paragraphs(text))
        @for image in &images { (html::image(image)) }
        p.counts { (html::count(post.reactions_count, "reaction")) }
        h2 { (html::count(post.comments_count, "comment")) }
        (comments(&discussion, None))
    };
    let head = Head {
        address: &address,
        description: html::description(if text.is_empty() { post.text() } else { text }, &title),
        title,
        kind: "article",
        image: images.first().copied(),
        feed: None,
        data: structured::post(post, &page.items, &discussion),
    };
    let modified = discussion.modified().max(Some(post.modified()));
    Ok(rendered(&head, &body, &responses, modified).respond(&request))
}

fn comments(discussion: &Discussion, parent: Option<&str>) -> Markup {
    html! {
        @for (comment, author) in discussion.replies(parent) {
            article.comment id=(comment.comment_id) {
                (html::byline(author, comment.created_at))
                (html::paragraphs(comment.text()))
                @if parent.is_none() { (comments(discussion, Some(comment.comment_id.as_str()))) }
            }
        }
    }
}

pub async fn user(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let address = Address::User(id_of(id)?);
    if let Some(response) = way_to_app(&request, &address) {
        return Ok(response);
    }
    let page = reader.page(&address).await?;
    let user = page.items.user(address.id()).ok_or(Failure::NotFound)?;
    // The page is worth showing without them.
    let posts = reader.list(&address.list_in_api()).await.ok();
    let responses: Vec<_> = posts.iter().chain([&page]).collect();
    let (title, image) = (user.name().to_owned(), page.items.image(user.avatar_file_id.as_ref()));
    let text = user.description.as_deref().unwrap_or_default();
    let body = html! {
        @if let Some(image) = image { div.portrait { (html::image(image)) } }
        h1 dir="auto" { (title) }
        (html::paragraphs(text))
        p.counts { "Member since " (user.created_at.format("%B %Y")) }
        @if let Some(posts) = &posts { (html::posts(&posts.items)) }
    };
    let head = Head {
        address: &address,
        description: html::description(text, &title),
        title,
        kind: "profile",
        image,
        feed: None,
        data: structured::user(user, &page.items, posts.as_ref().map(|read| &read.items)),
    };
    let newest = posts.iter().flat_map(|read| &read.items.posts).map(|post| post.modified()).max();
    Ok(rendered(&head, &body, &responses, newest.max(Some(user.modified()))).respond(&request))
}

fn id_of(id: String) -> Result<Id, Failure> {
    Id::try_from(id).map_err(|_| Failure::NotFound)
}

/// A page is as old as the oldest of what is on it.
fn rendered(
    head: &Head,
    body: &Markup,
    reads: &[&Read],
    modified: Option<chrono::DateTime<chrono::Utc>>,
) -> Rendered {
    Rendered {
        content_type: HTML,
        body: html::page(head, body).into_string(),
        age: reads.iter().map(|read| read.age).max().unwrap_or_default(),
        modified,
    }
}
