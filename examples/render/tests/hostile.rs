//! Content of users who attack the site, or its readers.

use atom_syndication::Feed;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Fixture, assert_contains};

/// Ends what it is in, and would run a script then.
pub const MARKUP: &str = r#"</title></script><script>document.title='ran'</script>" onload="document.title='ran'"><img src=//elsewhere.example/ onerror="document.title='ran'"><!-- ]]> &amp; {{7*7}}"#;

/// Turns the direction of what comes after it, and has characters that XML does not allow.
pub const CONTROLS: &str = "a\u{0}\u{8}\u{1b}[31m\u{202e}evil\u{2066}\u{fffe}b";

/// Puts it wherever users can write.
pub fn attack(fixture: &Fixture, text: &str) {
    for id in ["gardening", "ada"] {
        assert!(fixture.sandbox.edit_item(id, |item| {
            item["displayName"] = json!(text);
            item["description"] = json!(text);
            item["avatarCustomUrl"] = json!("javascript:document.title='ran'");
            item["tags"] = json!([text]);
        }));
    }
    for id in ["first-frost", "first-frost-1", "first-frost-2"] {
        assert!(fixture.sandbox.edit_item(id, |item| item["data"]["text"] = json!(text)));
    }
    for id in ["tomatoes", "gardening-cover", "ada-portrait"] {
        assert!(fixture.sandbox.edit_item(id, |file| {
            file["altText"] = json!(text);
            file["attributes"]["name"] = json!(text);
        }));
    }
}

const PATHS: [&str; 3] = ["/community/gardening", "/post/first-frost", "/user/ada"];

#[tokio::test]
async fn markup_is_text() {
    let fixture = Fixture::new().await;
    attack(&fixture, MARKUP);
    for path in PATHS {
        let html = fixture.html(path).await;
        // One of the page's own, and nothing that leaves an attribute.
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        assert_eq!(html.matches("</script").count(), 1, "{html}");
        let (head, _) = html.split_once("<script").unwrap();
        assert!(!html.contains("<img src=/") && !head.contains(r#"" onload"#), "{html}");
        assert_contains(&html, &["&lt;script&gt;", "&quot; onload=", "&amp;amp; {{7*7}}"]);
    }
    let data = fixture.data("/post/first-frost").await;
    assert_eq!(data["text"], MARKUP);
    let feed: Feed = fixture.html("/community/gardening/feed.atom").await.parse().unwrap();
    assert!(MARKUP.starts_with(feed.title.as_str().trim_end_matches('…')), "{feed:?}");
    let entry = feed.entries.iter().find(|entry| entry.id.ends_with("first-frost")).unwrap();
    assert_eq!(entry.content.as_ref().unwrap().value.as_deref(), Some(MARKUP));
}

#[tokio::test]
async fn a_policy_forbids_scripts_all_the_same() {
    let fixture = Fixture::new().await;
    let policy = HeaderName::from_static("content-security-policy");
    for path in PATHS {
        let response = fixture.crawl(path).await;
        let policy = response.headers()[&policy].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script-src"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], HeaderValue::from_static("nosniff"));
    }
}

#[tokio::test]
async fn only_links_to_the_web_are_links() {
    let fixture = Fixture::new().await;
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "//",
        "vbscript:x",
        " java\nscript:alert(1)",
        "file:///etc/passwd",
    ] {
        for file in ["gardening-cover", "ada-portrait"] {
            assert!(fixture.sandbox.edit_item(file, |file| file["fileUrl"] = json!(url)));
        }
        for (path, read) in
            [("/user/ada", "/api/v3/users/ada"), ("/community/gardening", "/api/v3/communities/gardening")]
        {
            fixture.bot.forget(read).await.unwrap();
            let html = fixture.html(path).await;
            assert!(!html.contains("<img") && !html.contains("og:image"), "{url}: {html}");
        }
    }
}

#[tokio::test]
async fn ids_of_items_can_not_leave_their_links() {
    let fixture = Fixture::new().await;
    let list = |id: &str| {
        let post = json!({ "postId": id, "postedUserId": id, "createdAt": "2025-01-01T00:00:00Z", "data": { "text": "Found." } });
        let user = json!({ "userId": id, "displayName": "Found", "createdAt": "2025-01-01T00:00:00Z" });
        let community = json!({ "communityId": "hostile", "displayName": "Hostile", "createdAt": "2025-01-01T00:00:00Z" });
        json!({ "posts": [post], "users": [user], "communities": [community], "paging": {} })
    };
    let mut found = Vec::new();
    for id in ["../../x", "a/b", "\"><script>", "a?b#c", "%2e%2e", "javascript:alert(1)", "quote'\"<>"] {
        fixture.sandbox.stub_get("/api/v4/posts", list(id));
        let path = "/api/v4/posts?targetId=hostile&targetType=community&options[limit]=100";
        fixture.bot.forget(path).await.unwrap();
        let html = fixture.html("/community/hostile").await;
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        found.extend(
            html.split("href=\"/post/").nth(1).map(|link| link.split('"').next().unwrap().to_owned()),
        );
    }
    assert_eq!(found, ["%22%3E%3Cscript%3E", "javascript%3Aalert%281%29", "quote%27%22%3C%3E"]);
}

#[tokio::test]
async fn text_stays_in_its_place_and_xml_stays_valid() {
    let fixture = Fixture::new().await;
    attack(&fixture, CONTROLS);
    for path in PATHS {
        let html = fixture.html(path).await;
        assert!(!html.contains(['\u{0}', '\u{8}', '\u{1b}', '\u{202e}', '\u{2066}', '\u{fffe}']), "{html}");
        assert_contains(&html, &["<h1 dir=\"auto\">a[31mevilb</h1>"]);
    }
    let feed: Feed = fixture.html("/community/gardening/feed.atom").await.parse().unwrap();
    assert_eq!(feed.title.as_str(), "a[31mevilb");

    // Words in languages from right to left keep the marks between them.
    fixture.sandbox.edit_item("ada", |user| user["displayName"] = json!("שלום\u{200f}!"));
    fixture.bot.forget("/api/v3/users/ada").await.unwrap();
    assert_contains(&fixture.html("/user/ada").await, &["<h1 dir=\"auto\">שלום\u{200f}!</h1>"]);
}

#[tokio::test]
async fn a_text_of_a_megabyte_is_cut() {
    for text in ["\n".repeat(1 << 10) + &"x".repeat(1 << 20), "é\u{301} ".repeat(1 << 18)] {
        let fixture = Fixture::new().await;
        // The description of a community, and what a post says.
        for id in ["gardening", "first-frost"] {
            assert!(fixture.sandbox.edit_item(id, |item| {
                item["displayName"] = json!(text);
                item["description"] = json!(text);
                item["data"]["text"] = json!(text);
            }));
        }
        for path in ["/community/gardening", "/post/first-frost"] {
            let html = fixture.html(path).await;
            assert!(html.len() < 200_000, "{path}: {} bytes", html.len());
            let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
            assert!(title.chars().count() <= 110, "{title}");
        }
    }
}

#[tokio::test]
async fn a_response_of_the_wrong_shape_is_a_bad_gateway() {
    let fixture = Fixture::new().await;
    for body in [json!([7]), json!({ "users": 7 }), json!({ "users": { "ada": {} } }), Value::Null] {
        fixture.sandbox.stub_get("/api/v3/users/ada", body.clone());
        fixture.bot.forget("/api/v3/users/ada").await.unwrap();
        assert_eq!(fixture.crawl("/user/ada").await.status(), 502, "{body}");
    }
}
