//! The site in Chromium: what a crawler sees, and that nothing that users wrote does anything.

use std::path::PathBuf;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;

use super::chromium::Browser;
use super::hostile::{self, CONTROLS, MARKUP};
use super::{BROWSER, CRAWLER, Fixture, assert_contains, data, rich_results};

const PATHS: [&str; 3] = ["/community/gardening", "/post/tomatoes-on-a-balcony", "/user/ada"];

/// The text between these in a document.
fn between<'a>(document: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = document.split_once(start).unwrap_or_else(|| panic!("no {start} in {document}"));
    rest.split_once(end).unwrap().0
}

#[tokio::test]
async fn a_crawler_sees_titles_canonical_links_and_structured_data() {
    let fixture = Fixture::new().await;
    let browser = Browser::new(CRAWLER).await;
    let titles = ["Gardening", "Tomatoes on a balcony: what I learned in three years", "Ada Okafor"];
    let mut all = Vec::new();
    for (path, title) in PATHS.iter().zip(titles) {
        let document = browser.document(&format!("{}{path}", fixture.address)).await;
        assert_eq!(between(&document, "<title>", "</title>"), title);
        let canonical = between(&document, r#"<link rel="canonical" href=""#, "\"");
        assert_eq!(canonical, format!("https://www.example.com{path}"));
        let data = data(&document);
        assert_eq!(data["url"], canonical);
        all.push(data);
    }
    let [community, post, user] = all.try_into().unwrap();

    let elements = community["mainEntity"]["itemListElement"].as_array().unwrap();
    let urls: Vec<_> = elements.iter().map(|element| element["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 3);
    assert_eq!(
        elements.iter().map(|element| element["position"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(urls.contains(&post["url"].as_str().unwrap()), "{urls:?}");

    let findings = rich_results::check(&post);
    assert_eq!(findings, rich_results::Findings::default());
    assert!(post["image"][0].is_string() && post["comment"][0]["comment"][0].is_object());

    let findings = rich_results::check(&user);
    assert_eq!(findings.errors, Vec::<String>::new());
    // The service does not say who follows a user, or where else they are.
    let missing = ["agentInteractionStatistic", "interactionStatistic", "sameAs"]
        .map(|name| format!("mainEntity.{name}"));
    assert_eq!(findings.missing, missing);

    // The pages are whole: their style and their public images were loaded, and nothing from elsewhere.
    let requests = fixture.sandbox.requests();
    for file in ["gardening-cover", "tomatoes", "ada-portrait"] {
        let path = format!("/api/v3/files/{file}/download");
        assert!(requests.iter().any(|request| request.path() == path), "{path}: {requests:?}");
    }
    assert_eq!(browser.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn no_script_of_a_user_runs() {
    for text in [MARKUP, CONTROLS] {
        let fixture = Fixture::new().await;
        hostile::attack(&fixture, text);
        let browser = Browser::new(CRAWLER).await;
        for path in ["/community/gardening", "/post/first-frost", "/user/ada"] {
            let document = browser.document(&format!("{}{path}", fixture.address)).await;
            assert_ne!(between(&document, "<title>", "</title>"), "ran", "{path}");
            // The browser has found no element in what users wrote.
            let html = fixture.html(path).await;
            for element in ["script", "img", "link", "a", "p", "h1"] {
                let count = |text: &str| {
                    text.matches(&format!("<{element} ")).count()
                        + text.matches(&format!("<{element}>")).count()
                };
                assert_eq!(count(&document), count(&html), "{element} in {document}");
            }
            let data: Value = data(&document);
            assert!(data["@type"].is_string(), "{data}");
        }
        assert_eq!(browser.asked(), Vec::<String>::new());
    }
}

/// That the test above would notice.
#[tokio::test]
async fn the_same_markup_runs_and_asks_elsewhere_in_a_page_that_does_not_escape_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = format!("<!DOCTYPE html><title>{MARKUP}");
    let router = Router::new().route("/", get(|| async { Html(page) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let browser = Browser::new(CRAWLER).await;
    let document = browser.document(&url).await;
    assert_eq!(between(&document, "<title>", "</title>"), "ran");
    assert_contains(&browser.asked().join("\n"), &["GET http://elsewhere.example/"]);
}

#[tokio::test]
async fn a_person_is_led_to_the_app() {
    let fixture = Fixture::new().await;
    let browser = Browser::new(BROWSER).await;
    browser.document(&format!("{}/post/first-frost", fixture.address)).await;
    assert_contains(&browser.asked().join("\n"), &["CONNECT app.example.com:443"]);
}

/// Pictures for people to look at, in the folder `SCREENSHOTS` if that is set.
#[tokio::test]
async fn the_pages_can_be_shown() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("SCREENSHOTS").map_or(temporary.path().to_owned(), PathBuf::from);
    let fixture = Fixture::new().await;
    let browser = Browser::new(CRAWLER).await;
    for path in PATHS.iter().chain(&["/community/plant-diary", "/post/diary-10000"]) {
        show(&fixture, &browser, path, &folder.join(format!("{}.png", path[1..].replace('/', "-")))).await;
    }
    for (text, file) in [(MARKUP, "markup.png"), (CONTROLS, "direction.png")] {
        hostile::attack(&fixture, text);
        fixture.bot.forget("/api/v3/posts/first-frost").await.unwrap();
        // Another one, as pages may be kept for hours.
        let browser = Browser::new(CRAWLER).await;
        show(&fixture, &browser, "/post/first-frost", &folder.join(file)).await;
    }
}

async fn show(fixture: &Fixture, browser: &Browser, path: &str, file: &std::path::Path) {
    browser.screenshot(&format!("{}{path}", fixture.address), file).await;
    let picture = std::fs::read(file).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "{path}");
    // A page without anything on it takes less.
    assert!(picture.len() > 10_000, "{path}: {} bytes", picture.len());
}
