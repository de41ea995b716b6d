//! The rules that Google publishes for the structured data of forums and profiles, on the pages "Discussion forum" and
//! "Profile page" of its documentation for search.

use chrono::DateTime;
use reqwest::Url;
use serde_json::{Value, json};

/// What the rules find in structured data.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    /// Without these there is no rich result.
    pub errors: Vec<String>,
    /// Properties that are recommended, where a page has such content.
    pub missing: Vec<String>,
}

/// Checks the data of a page.
pub fn check(data: &Value) -> Findings {
    let mut findings = Findings::default();
    if data["@context"] != "https://schema.org" {
        findings.errors.push("@context".to_owned());
    }
    match data["@type"].as_str() {
        Some("DiscussionForumPosting") => findings.posting("", data),
        Some("ProfilePage") => findings.profile(data),
        other => findings.errors.push(format!("@type {other:?}")),
    }
    findings
}

impl Findings {
    fn posting(&mut self, place: &str, posting: &Value) {
        self.contribution(place, posting);
        let recommended = [
            "author.url",
            "comment",
            "dateModified",
            "headline",
            "interactionStatistic",
            "isPartOf",
            "text",
            "url",
        ];
        self.recommend(place, posting, &recommended);
        self.comments(place, posting);
    }

    fn comments(&mut self, place: &str, parent: &Value) {
        for (index, comment) in parent["comment"].as_array().into_iter().flatten().enumerate() {
            let place = format!("{place}comment[{index}].");
            if comment["@type"] != "Comment" {
                self.errors.push(format!("{place}@type"));
            }
            self.contribution(&place, comment);
            self.recommend(&place, comment, &["author.url", "dateModified", "interactionStatistic", "url"]);
            self.comments(&place, comment);
        }
    }

    /// What postings and comments have in common.
    fn contribution(&mut self, place: &str, item: &Value) {
        self.require(place, item, &["author.name", "datePublished"]);
        if !matches!(item["author"]["@type"].as_str(), Some("Person" | "Organization")) {
            self.errors.push(format!("{place}author.@type"));
        }
        if ["text", "image", "video"].iter().all(|name| !has(item, name)) {
            self.errors.push(format!("{place}text, image or video"));
        }
        for (index, counter) in item["interactionStatistic"].as_array().into_iter().flatten().enumerate() {
            let is_valid = counter["@type"] == "InteractionCounter"
                && counter["userInteractionCount"].is_u64()
                && matches!(
                    counter["interactionType"].as_str(),
                    Some("https://schema.org/LikeAction" | "https://schema.org/CommentAction")
                );
            if !is_valid {
                self.errors.push(format!("{place}interactionStatistic[{index}]"));
            }
        }
        self.values(place, item);
    }

    fn profile(&mut self, page: &Value) {
        let entity = &page["mainEntity"];
        self.require("", page, &["mainEntity.name"]);
        if !matches!(entity["@type"].as_str(), Some("Person" | "Organization")) {
            self.errors.push("mainEntity.@type".to_owned());
        }
        self.recommend("", page, &["dateCreated", "dateModified"]);
        let recommended = [
            "agentInteractionStatistic",
            "alternateName",
            "description",
            "identifier",
            "image",
            "interactionStatistic",
            "sameAs",
        ];
        self.recommend("mainEntity.", entity, &recommended);
        self.values("", page);
        self.values("mainEntity.", entity);
        for (index, part) in page["hasPart"].as_array().into_iter().flatten().enumerate() {
            self.contribution(&format!("hasPart[{index}]."), part);
        }
    }

    /// Dates have a time zone, and links are complete.
    fn values(&mut self, place: &str, item: &Value) {
        for name in ["datePublished", "dateModified", "dateCreated"] {
            let is_date =
                |value: &Value| value.as_str().is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok());
            if item.get(name).is_some_and(|value| !is_date(value)) {
                self.errors.push(format!("{place}{name}"));
            }
        }
        for name in ["/url", "/author/url", "/isPartOf/url", "/image", "/image/0"] {
            let link = item.pointer(name).and_then(Value::as_str);
            if link.is_some_and(|link| !Url::parse(link).is_ok_and(|url| url.has_host())) {
                self.errors.push(format!("{place}{}", &name[1..]));
            }
        }
    }

    fn require(&mut self, place: &str, item: &Value, names: &[&str]) {
        let missing = names.iter().filter(|name| !has(item, name));
        self.errors.extend(missing.map(|name| format!("{place}{name}")));
    }

    fn recommend(&mut self, place: &str, item: &Value, names: &[&str]) {
        let missing = names.iter().filter(|name| !has(item, name));
        self.missing.extend(missing.map(|name| format!("{place}{name}")));
    }
}

/// Whether there is a value that says something.
fn has(item: &Value, name: &str) -> bool {
    match item.pointer(&format!("/{}", name.replace('.', "/"))) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

#[test]
fn the_rules_find_what_is_missing_or_wrong() {
    let person = json!({ "@type": "Person", "name": "Ada", "url": "https://example.com/user/ada" });
    let comment = json!({ "@type": "Comment", "author": person, "datePublished": "2025-03-02T08:40:00Z", "text": "Yes." });
    let posting = json!({
        "@context": "https://schema.org", "@type": "DiscussionForumPosting",
        "author": person, "datePublished": "2025-03-02T08:15:00Z", "text": "Really?", "comment": [comment],
    });
    assert!(check(&posting).errors.is_empty());
    let wrong = [
        ("/@context", json!("https://example.com"), "@context"),
        ("/@type", json!("Article"), "@type Some(\"Article\")"),
        ("/author/name", json!(" "), "author.name"),
        ("/author/@type", json!("Thing"), "author.@type"),
        ("/author/url", json!("/user/ada"), "author/url"),
        ("/datePublished", json!("2025-03-02"), "datePublished"),
        ("/text", json!(""), "text, image or video"),
        ("/comment/0/datePublished", Value::Null, "comment[0].datePublished"),
        ("/comment/0/text", Value::Null, "comment[0].text, image or video"),
    ];
    for (place, value, expected) in wrong {
        let mut posting = posting.clone();
        *posting.pointer_mut(place).unwrap() = value;
        assert!(check(&posting).errors.iter().any(|error| error == expected), "{:?}", check(&posting));
    }
    let profile = json!({ "@context": "https://schema.org", "@type": "ProfilePage", "mainEntity": { "@type": "Person" } });
    assert_eq!(check(&profile).errors, ["mainEntity.name"]);
}
