//! What all pages have: the head with its tags, the header and the parts of lists.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use crate::address::Address;
use crate::model::{File, Items, Post, User};
use crate::text;

/// The most characters of a headline, a description and an excerpt.
const HEADLINE: usize = 110;
const DESCRIPTION: usize = 160;
const EXCERPT: usize = 300;

/// What search engines and link previews take from a page's head.
pub struct Head<'a> {
    pub address: &'a Address,
    pub title: String,
    pub description: String,
    /// The type of Open Graph.
    pub kind: &'static str,
    pub image: Option<&'a File>,
    pub feed: Option<String>,
    pub data: Value,
}

pub fn page(head: &Head, body: &Markup) -> Markup {
    let url = head.address.url();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (head.title) }
                meta name="description" content=(head.description);
                link rel="canonical" href=(url);
                @if let Some(feed) = &head.feed {
                    link rel="alternate" type="application/atom+xml" title=(head.title) href=(feed);
                }
                meta property="og:type" content=(head.kind);
                meta property="og:title" content=(head.title);
                meta property="og:description" content=(head.description);
                meta property="og:url" content=(url);
                @if let Some(image) = head.image {
                    meta property="og:image" content=(image.file_url.as_str());
                    @if let Some(alt) = &image.alt_text { meta property="og:image:alt" content=(**alt); }
                }
                meta name="twitter:card" content=(if head.image.is_some() { "summary_large_image" } else { "summary" });
                link rel="stylesheet" href="/style.css";
                script type="application/ld+json" { (json(&head.data)) }
            }
            body {
                main { (body) }
                footer { a href=(head.address.in_app()) { "Join the conversation in the app" } }
            }
        }
    }
}

/// JSON within a `script` element, where nothing is escaped: it ends at `</script`, wherever that is.
fn json(data: &Value) -> PreEscaped<String> {
    PreEscaped(data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// A post's headline, and the text that comes after it.
pub fn headline<'a>(post: &'a Post, author: Option<&User>) -> (String, &'a str) {
    match text::headline(post.text(), HEADLINE) {
        (headline, _) if headline.is_empty() => (format!("Post by {}", name(author)), post.text()),
        found => found,
    }
}

/// A description of a page with this text, or else with this title.
pub fn description(text: &str, title: &str) -> String {
    match text::line(text, DESCRIPTION) {
        line if line.is_empty() => title.to_owned(),
        line => line,
    }
}

pub fn name(author: Option<&User>) -> &str {
    author.map_or("Deleted user", User::name)
}

/// The author and the time of a post or a comment.
pub fn byline(author: Option<&User>, time: DateTime<Utc>) -> Markup {
    html! {
        p.byline {
            @match author {
                Some(user) => a href=(user.address().path()) rel="author" { bdi { (user.name()) } },
                None => span { (name(None)) },
            }
            " · "
            time datetime=(timestamp(time)) { (time.format("%-d %B %Y")) }
        }
    }
}

/// A text in paragraphs. Each has its own direction, from left to right or from right to left.
pub fn paragraphs(text: &str) -> Markup {
    html! {
        @for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            p dir="auto" {
                @for (number, line) in paragraph.lines().enumerate() {
                    @if number > 0 { br; }
                    (line)
                }
            }
        }
    }
}

pub fn image(file: &File) -> Markup {
    let alt = file.alt_text.as_deref().unwrap_or_default();
    html! { img src=(file.file_url.as_str()) alt=(alt) loading="lazy" referrerpolicy="no-referrer"; }
}

/// A list of posts, with links to their pages.
pub fn posts(items: &Items) -> Markup {
    html! {
        @for post in items.posts.iter().filter(|post| !post.is_deleted) {
            @let author = post.posted_user_id.as_ref().and_then(|id| items.user(id));
            @let (headline, rest) = headline(post, author);
            article {
                h2 dir="auto" { a href=(post.address().path()) { (headline) } }
                (byline(author, post.created_at))
                @let excerpt = text::line(rest, EXCERPT);
                @if !excerpt.is_empty() { p dir="auto" { (excerpt) } }
                p.counts { (count(post.reactions_count, "reaction")) " · " (count(post.comments_count, "comment")) }
            }
        }
    }
}

pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
