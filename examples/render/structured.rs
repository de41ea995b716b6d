//! Structured data (JSON-LD), with the properties that search engines require and recommend.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::address::Address;
use crate::discussion::Discussion;
use crate::html::{headline, name, timestamp};
use crate::model::{Community, Items, Post, User};

/// A list of posts: their pages have the rest.
pub fn community(community: &Community, items: &Items) -> Value {
    let elements: Vec<_> = items
        .posts
        .iter()
        .filter(|post| !post.is_deleted)
        .enumerate()
        .map(|(index, post)| json!({ "@type": "ListItem", "position": index + 1, "url": post.address().url() }))
        .collect();
    present(json!({
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "url": community.address().url(),
        "name": &*community.display_name,
        "description": text(community.description.as_ref()),
        "image": items.image(community.avatar_file_id.as_ref()).map(|file| file.file_url.as_str()),
        "dateCreated": timestamp(community.created_at),
        "dateModified": timestamp(community.modified()),
        "mainEntity": { "@type": "ItemList", "itemListElement": elements },
    }))
}

pub fn post(post: &Post, items: &Items, discussion: &Discussion) -> Value {
    let author = post.posted_user_id.as_ref().and_then(|id| items.user(id));
    let (headline, _) = headline(post, author);
    let url = post.address().url();
    let images: Vec<_> = items.images(post).iter().map(|file| file.file_url.as_str()).collect();
    let target = post.target();
    let community = match &target {
        Some(Address::Community(id)) => items.community(id),
        _ => None,
    };
    let text = if post.text().is_empty() { headline.as_str() } else { post.text() };
    present(json!({
        "@context": "https://schema.org",
        "@type": "DiscussionForumPosting",
        "mainEntityOfPage": url,
        "url": url,
        "headline": headline,
        "text": text,
        "image": images,
        "author": person(author),
        "datePublished": timestamp(post.created_at),
        "dateModified": timestamp(post.modified()),
        "isPartOf": target.map(|target| json!({
            "@type": "CollectionPage",
            "url": target.url(),
            "name": community.map(|community| &*community.display_name),
        })),
        "commentCount": post.comments_count,
        "interactionStatistic": [
            counter("LikeAction", post.reactions_count),
            counter("CommentAction", post.comments_count),
        ],
        "comment": comments(&url, discussion, None),
    }))
}

/// The comments on the post, or the replies to a comment.
fn comments(url: &str, discussion: &Discussion, parent: Option<&str>) -> Vec<Value> {
    let found = discussion.replies(parent).filter(|(comment, _)| !comment.text().is_empty());
    found
        .map(|(comment, author)| {
            // There are no replies to replies.
            let replies = match parent {
                None => comments(url, discussion, Some(comment.comment_id.as_str())),
                Some(_) => Vec::new(),
            };
            json!({
                "@type": "Comment",
                "url": format!("{url}#{}", comment.comment_id),
                "text": comment.text(),
                "author": person(author),
                "datePublished": timestamp(comment.created_at),
                "dateModified": timestamp(comment.modified()),
                "interactionStatistic": [counter("LikeAction", comment.reactions_count)],
                "comment": replies,
            })
        })
        .collect()
}

/// A user's profile, with the posts on it if they are there.
pub fn user(user: &User, items: &Items, posts: Option<&Items>) -> Value {
    let posts = posts.into_iter().flat_map(|items| &items.posts).filter(|post| !post.is_deleted);
    let posts: Vec<_> = posts
        .map(|post| {
            let (headline, _) = headline(post, Some(user));
            let text = if post.text().is_empty() { headline.as_str() } else { post.text() };
            json!({
                "@type": "DiscussionForumPosting",
                "url": post.address().url(),
                "headline": headline,
                "text": text,
                "author": person(Some(user)),
                "datePublished": timestamp(post.created_at),
            })
        })
        .collect();
    present(json!({
        "@context": "https://schema.org",
        "@type": "ProfilePage",
        "url": user.address().url(),
        "dateCreated": timestamp(user.created_at),
        "dateModified": timestamp(user.modified()),
        "mainEntity": {
            "@type": "Person",
            "name": user.name(),
            "alternateName": text(user.profile_handle.as_ref()),
            "identifier": user.user_id.as_str(),
            "description": text(user.description.as_ref()),
            "image": items.image(user.avatar_file_id.as_ref()).map(|file| file.file_url.as_str()),
            "url": user.address().url(),
        },
        "hasPart": posts,
    }))
}

fn person(user: Option<&User>) -> Value {
    json!({ "@type": "Person", "name": name(user), "url": user.map(|user| user.address().url()) })
}

fn counter(action: &str, count: u64) -> Value {
    json!({
        "@type": "InteractionCounter",
        "interactionType": format!("https://schema.org/{action}"),
        "userInteractionCount": count,
    })
}

fn text<T: Deref<Target = str>>(text: Option<&T>) -> Option<&str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

/// The data without properties that have no value, which validators report.
fn present(data: Value) -> Value {
    let is_present =
        |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
    match data {
        Value::Object(properties) => properties
            .into_iter()
            .map(|(name, value)| (name, present(value)))
            .filter(|(_, value)| is_present(value))
            .collect(),
        Value::Array(items) => items.into_iter().map(present).collect(),
        value => value,
    }
}
