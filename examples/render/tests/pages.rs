//! What crawlers find on the pages.

use atom_syndication::Feed;
use serde_json::json;

use super::{BROWSER, Fixture, assert_contains};

#[tokio::test]
async fn a_community_page_has_its_tags_and_links_its_posts() {
    let fixture = Fixture::new().await;
    let html = fixture.html("/community/gardening").await;
    assert_contains(
        &html,
        &[
            "<title>Gardening</title>",
            r#"<meta name="description" content="Beds, borders &amp; balconies: what grows, what doesn't, and what to try next year.">"#,
            r#"<link rel="canonical" href="https://www.example.com/community/gardening">"#,
            r#"<link rel="alternate" type="application/atom+xml" title="Gardening" href="/community/gardening/feed.atom">"#,
            r#"<meta property="og:type" content="website">"#,
            r#"<meta property="og:title" content="Gardening">"#,
            r#"<meta property="og:url" content="https://www.example.com/community/gardening">"#,
            r#"<a href="/post/rose-pruning">Pruned too early?</a>"#,
            r#"<a href="/user/dora" rel="author"><bdi>Dóra Kiss</bdi></a>"#,
            r#"<a href="https://app.example.com/community/gardening">"#,
        ],
    );
    let image = format!(r#"<meta property="og:image" content="{}/api/v3/files/"#, fixture.sandbox.base_url());
    assert_contains(&html, &[&image]);
    assert!(!html.contains(fixture.bot.access_token().await.unwrap().expose_secret()));
}

#[tokio::test]
async fn a_post_page_has_all_comments_with_their_replies() {
    let fixture = Fixture::new().await;
    // The post carries five comments and no replies, so the list is read.
    let data = fixture.data("/post/tomatoes-on-a-balcony").await;
    let comments = data["comment"].as_array().unwrap();
    assert_eq!((comments.len(), data["commentCount"].as_u64()), (6, Some(7)));
    assert_eq!(comments[0]["comment"][0]["text"].as_str().unwrap().split(' ').next(), Some("Black"));
    assert_eq!(fixture.used().await, 2);

    let html = fixture.html("/post/tomatoes-on-a-balcony").await;
    assert_contains(
        &html,
        &[
            "<title>Tomatoes on a balcony: what I learned in three years</title>",
            r#"<meta property="og:type" content="article">"#,
            r#"<meta property="og:image:alt" content="Ripe tomatoes on a balcony">"#,
            r#"<a href="/community/gardening"><bdi>Gardening</bdi></a>"#,
            r#"<article class="comment" id="tomatoes-7">"#,
            "Saved this for next year.",
        ],
    );
    assert_eq!(fixture.used().await, 2);
}

#[tokio::test]
async fn of_a_comment_that_was_read_twice_the_newer_one_is_shown() {
    let fixture = Fixture::new().await;
    fixture.html("/post/first-frost").await;
    // The list of comments is kept, and the post is read again.
    fixture.sandbox.edit_item("first-frost-1", |comment| comment["data"]["text"] = json!("Edited."));
    fixture.bot.forget("/api/v3/posts/first-frost").await.unwrap();
    assert_contains(&fixture.html("/post/first-frost").await, &["Edited.", "Two layers then."]);
}

#[tokio::test]
async fn a_user_page_has_the_profile_and_the_posts_on_it() {
    let fixture = Fixture::new().await;
    let html = fixture.html("/user/ada").await;
    assert_contains(
        &html,
        &[
            "<title>Ada Okafor</title>",
            r#"<meta property="og:type" content="profile">"#,
            "Grows vegetables on four square metres of roof.",
            r#"<a href="/post/roof-plan">"#,
        ],
    );
}

#[tokio::test]
async fn only_public_files_are_linked() {
    let fixture = Fixture::new().await;
    // The portrait and the picture are for members of the network.
    for path in ["/user/bao", "/post/rose-pruning"] {
        let html = fixture.html(path).await;
        assert!(!html.contains("/api/v3/files/"), "{html}");
    }
    assert!(fixture.sandbox.edit_item("roses", |file| file["accessType"] = json!("public")));
    fixture.bot.forget("/api/v3/posts/rose-pruning").await.unwrap();
    assert_contains(&fixture.html("/post/rose-pruning").await, &["/api/v3/files/roses/download"]);
}

#[tokio::test]
async fn a_post_without_text_or_author_has_a_headline() {
    let fixture = Fixture::new().await;
    fixture.sandbox.edit_item("rose-pruning", |post| post["data"] = json!({}));
    let html = fixture.html("/post/rose-pruning").await;
    assert_contains(&html, &["<title>Post by Dóra Kiss</title>"]);
    fixture.sandbox.remove_item("dora");
    fixture.bot.forget("/api/v3/posts/rose-pruning").await.unwrap();
    let html = fixture.html("/post/rose-pruning").await;
    assert_contains(&html, &["<title>Post by Deleted user</title>"]);
}

#[tokio::test]
async fn an_item_that_is_not_understood_does_not_cost_the_page() {
    let fixture = Fixture::new().await;
    fixture.sandbox.edit_item("hot-heap", |post| post["createdAt"] = json!("yesterday"));
    fixture.sandbox.edit_item("tomatoes", |file| file["fileUrl"] = json!(7));
    fixture.sandbox.edit_item("tomatoes-1", |comment| comment["data"] = json!("?"));
    assert_contains(&fixture.html("/community/composting").await, &["<title>Composting</title>"]);
    let data = fixture.data("/post/tomatoes-on-a-balcony").await;
    assert_eq!(data["comment"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn people_are_led_to_the_app_without_a_read() {
    let fixture = Fixture::new().await;
    for path in ["/community/gardening", "/post/first-frost", "/user/ada"] {
        let response = fixture.get(path, BROWSER).await;
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()["location"], format!("https://app.example.com{path}"));
        assert_eq!(response.headers()["vary"], "user-agent");
    }
    assert_eq!(fixture.sandbox.requests().len(), 0);
}

#[tokio::test]
async fn ids_are_encoded_and_those_of_other_paths_are_not_found() {
    let fixture = Fixture::new().await;
    for path in [
        "/community/..%2Fposts",
        "/post/a%3Fb",
        "/user/%20",
        "/user/%2e%2e",
        "/post/a%00",
        "/",
        "/community/",
    ] {
        assert_eq!(fixture.crawl(path).await.status(), 404, "{path}");
    }
    assert_eq!(fixture.sandbox.requests().len(), 0);

    fixture.sandbox.edit_item("first-frost", |post| post["postedUserId"] = json!("auth0|ö@example.com"));
    fixture.sandbox.stub_get(
        "/api/v3/users/auth0%7C%C3%B6%40example.com",
        json!({ "users": [
        { "userId": "auth0|ö@example.com", "displayName": "Öde", "createdAt": "2025-01-01T00:00:00Z" }
    ] }),
    );
    assert_contains(&fixture.html("/user/auth0%7C%C3%B6%40example.com").await, &["<title>Öde</title>"]);
}

#[tokio::test]
async fn the_feed_has_the_newest_posts() {
    let fixture = Fixture::new().await;
    let response = fixture.get("/community/plant-diary/feed.atom", BROWSER).await;
    assert_eq!(response.headers()["content-type"], "application/atom+xml; charset=utf-8");
    let feed: Feed = response.text().await.unwrap().parse().unwrap();
    assert_eq!(
        (feed.title.as_str(), feed.id.as_str()),
        ("Plant diary", "https://www.example.com/community/plant-diary")
    );
    assert_eq!(feed.entries.len(), 50);
    let entry = &feed.entries[0];
    assert_eq!(entry.id, "https://www.example.com/post/diary-10000");
    assert_eq!(entry.links[0].href, entry.id);
    assert_eq!(entry.updated, feed.updated);
    assert!(entry.published.is_some() && !entry.authors[0].name.is_empty());
    assert!(feed.entries.is_sorted_by(|newer, older| newer.published >= older.published));
    assert_eq!(fixture.crawl("/community/nothing/feed.atom").await.status(), 404);
}
