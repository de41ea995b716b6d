//! The seeded network.

use std::collections::HashSet;

use http::Method;
use serde_json::{Value, json};
use social_plus_bot::sandbox::Sandbox;

use crate::requests::{Response, date, names, plain, token, use_token};

struct Fixture {
    sandbox: Sandbox,
    token: String,
}

impl Fixture {
    async fn new() -> Self {
        let sandbox = Sandbox::builder().seed_network().daily_reads(1000).start().await.unwrap();
        let token = token(&sandbox).await;
        Self { sandbox, token }
    }

    async fn get(&self, path: &str) -> Response {
        use_token(&self.sandbox, Method::GET, path, &self.token).await
    }

    async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status, 200, "{path}: {}", String::from_utf8_lossy(&response.body));
        response.json()
    }
}

/// The ids of these items.
fn ids(items: &Value, name: &str) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn without_a_network_reads_are_empty() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;

    let response = use_token(&sandbox, Method::GET, "/api/v3/communities/gardening", &token).await;

    assert_eq!(response.json(), json!({}));
    assert!(!sandbox.edit_item("gardening", |_| panic!("there is no such item")));
    assert!(!sandbox.remove_item("gardening"));
}

#[tokio::test]
async fn a_community_comes_with_its_owner_and_image() {
    let fixture = Fixture::new().await;

    let response = fixture.read("/api/v3/communities/gardening").await;

    let documented = ["categories", "communities", "communityUsers", "feeds", "files", "users"];
    assert!(names(&response).iter().eq(documented));
    assert_eq!(response["communities"][0]["displayName"], "Gardening");
    assert_eq!(ids(&response["users"], "userId"), ["ada"]);
    assert_eq!(ids(&response["files"], "fileId"), ["ada-portrait", "gardening-cover"]);
    let list = fixture.read("/api/v3/communities").await;
    assert_eq!(ids(&list["communities"], "communityId"), ["plant-diary", "composting", "gardening"]);
    assert_eq!(list["communities"][2], response["communities"][0]);
    assert_eq!(list["paging"], json!({}));
}

#[tokio::test]
async fn a_post_comes_with_all_that_belongs_to_it() {
    let fixture = Fixture::new().await;

    let response = fixture.read("/api/v3/posts/tomatoes-on-a-balcony").await;

    let post = &response["posts"][0];
    assert_eq!((&post["postedUserId"], &post["targetId"]), (&json!("chidi"), &json!("gardening")));
    assert_eq!(post["commentsCount"], 7);
    let comments = ids(&response["comments"], "commentId");
    assert_eq!(comments, ["tomatoes-1", "tomatoes-3", "tomatoes-4", "tomatoes-5", "tomatoes-6"]);
    assert_eq!(post["comments"], json!(comments));
    assert_eq!(response["postChildren"][0]["data"], json!({ "fileId": "tomatoes" }));
    assert_eq!(ids(&response["communities"], "communityId"), ["gardening"]);
    let users = ["ada", "bao", "chidi", "dora", "member-4", "member-9"];
    assert_eq!(ids(&response["users"], "userId"), users);
    let files = ["ada-portrait", "bao-portrait", "gardening-cover", "tomatoes"];
    assert_eq!(ids(&response["files"], "fileId"), files);
    let child = fixture.read("/api/v3/posts/tomatoes-on-a-balcony-image").await;
    assert_eq!(child["posts"], response["postChildren"]);
}

#[tokio::test]
async fn posts_of_a_community_and_of_a_user_are_listed() {
    let fixture = Fixture::new().await;
    let newest = ["rose-pruning", "tomatoes-on-a-balcony", "first-frost"];

    let gardening = fixture.read("/api/v4/posts?targetId=gardening&targetType=community").await;
    assert_eq!(ids(&gardening["posts"], "postId"), newest);
    let dates: Vec<_> =
        gardening["posts"].as_array().unwrap().iter().map(|post| date(&post["createdAt"])).collect();
    assert!(dates.is_sorted_by(|newer, older| newer > older));
    let oldest = fixture.read("/api/v4/posts?targetId=gardening&sortBy=firstCreated").await;
    assert!(ids(&oldest["posts"], "postId").iter().rev().eq(&newest));
    let ada = fixture.read("/api/v4/posts?targetId=ada&targetType=user").await;
    assert_eq!(ids(&ada["posts"], "postId"), ["roof-plan"]);
    assert_eq!(ada["communities"], json!([]));
}

#[tokio::test]
async fn one_hundred_reads_list_ten_thousand_posts() {
    let sandbox = Sandbox::builder().seed_network().start().await.unwrap();
    let token = token(&sandbox).await;
    let mut posts = HashSet::new();
    let mut texts = HashSet::new();
    let mut next = String::new();
    for read in 1..=100 {
        let path = format!("/api/v4/posts?targetId=plant-diary&options%5Blimit%5D=100&options[token]={next}");
        // The first page has no token.
        let path = path.trim_end_matches("&options[token]=");

        let response = use_token(&sandbox, Method::GET, path, &token).await;

        // A client takes responses of up to 1 MiB.
        assert!(response.body.len() < 1 << 20, "{} bytes", response.body.len());
        let body = response.json();
        posts.extend(ids(&body["posts"], "postId"));
        texts.extend(body["posts"].as_array().unwrap().iter().map(|post| post["data"]["text"].to_string()));
        let authors: HashSet<_> = ids(&body["users"], "userId").into_iter().collect();
        assert!(ids(&body["posts"], "postedUserId").iter().all(|author| authors.contains(author)));
        next = body["paging"]["next"].as_str().unwrap_or_default().to_owned();
        assert_eq!(next.is_empty(), read == 100);
    }
    assert_eq!((posts.len(), texts.len()), (10_000, 10_000));
}

#[tokio::test]
async fn an_item_is_the_same_in_a_list_and_on_its_own() {
    let fixture = Fixture::new().await;

    let list = fixture.read("/api/v4/posts?targetId=plant-diary&options[limit]=3").await;
    let batch = fixture
        .read("/api/v3/posts/list?postIds=diary-10000&postIds[]=diary-9999&postIds[2]=diary-9998")
        .await;
    let one = fixture.read("/api/v3/posts/diary-9999").await;
    let comment = fixture.read("/api/v3/comments/diary-9999-comment-3").await;
    let another = Fixture::new().await.read("/api/v3/posts/diary-9999").await;

    assert_eq!(list["posts"], batch["posts"]);
    assert_eq!(list["posts"][1], one["posts"][0]);
    assert_eq!(one["comments"][2], comment["comments"][0]);
    assert_eq!(one["posts"], another["posts"]);
}

#[tokio::test]
async fn comments_are_paged_and_come_with_replies() {
    let fixture = Fixture::new().await;
    let path = "/api/v3/comments?referenceId=tomatoes-on-a-balcony&referenceType=post&sortBy=firstCreated&options[limit]=4";

    let first = fixture.read(path).await;
    let next = first["paging"]["next"].as_str().unwrap();
    let second = fixture.read(&format!("{path}&options[token]={next}")).await;

    assert_eq!(
        ids(&first["comments"], "commentId"),
        ["tomatoes-1", "tomatoes-3", "tomatoes-4", "tomatoes-5"]
    );
    assert_eq!(ids(&first["commentChildren"], "commentId"), ["tomatoes-2"]);
    assert_eq!(ids(&first["users"], "userId"), ["ada", "bao", "chidi", "dora", "member-4"]);
    assert_eq!(ids(&second["comments"], "commentId"), ["tomatoes-6", "tomatoes-7"]);
    assert_eq!(names(&second["paging"]).iter().collect::<Vec<_>>(), ["previous"]);
}

#[tokio::test]
async fn users_are_read_and_listed() {
    let fixture = Fixture::new().await;

    let ada = fixture.read("/api/v3/users/ada").await;
    let all = fixture.read("/api/v3/users?options[limit]=100").await;

    assert_eq!(ada["users"][0]["displayName"], "Ada Okafor");
    assert_eq!(ids(&ada["files"], "fileId"), ["ada-portrait"]);
    assert_eq!(all["users"].as_array().unwrap().len(), 24);
}

#[tokio::test]
async fn only_public_files_are_downloaded_without_a_token() {
    let fixture = Fixture::new().await;
    let file = |id: &str| format!("/api/v3/files/{id}");

    let public = fixture.read(&file("tomatoes")).await;
    let network = fixture.read(&file("roses")).await;

    assert_eq!(
        (&public["data"]["accessType"], &network["data"]["accessType"]),
        (&json!("public"), &json!("network"))
    );
    let download =
        async |file: &Value| Response::of(plain().get(file["data"]["fileUrl"].as_str().unwrap())).await;
    let image = download(&public).await;
    assert_eq!((image.status, &image.headers["content-type"]), (200, &"image/svg+xml".parse().unwrap()));
    assert!(image.body.starts_with(b"<svg "));
    download(&network).await.refuses(401, 400_100);
}

#[tokio::test]
async fn what_is_not_in_the_network_is_not_found() {
    let fixture = Fixture::new().await;
    let paths = [
        "/api/v3/communities/none",
        "/api/v3/posts/gardening",
        "/api/v3/posts/diary-0",
        "/api/v3/posts/diary-10001",
        "/api/v3/posts/diary-01",
        "/api/v3/posts/diary-+1",
        "/api/v3/posts/roof-plan-image",
        "/api/v3/comments/diary-4-comment-1",
        "/api/v3/users/member-21",
        "/api/v3/files/none",
        "/api/v3/posts/list?postIds=none",
        "/api/v3/comments?referenceId=none",
        "/api/v4/posts?targetId=none",
        "/api/v4/posts?targetId=ada&targetType=community",
    ];
    for path in paths {
        let response = fixture.get(path).await;
        assert_eq!((response.status, &response.json()["code"]), (404, &json!(400_400)), "{path}");
    }
    assert_eq!(fixture.read("/api/v3/elsewhere").await, json!({}));
}

#[tokio::test]
async fn an_invalid_parameter_is_named() {
    let fixture = Fixture::new().await;
    let many = "&postIds=diary-1".repeat(101);
    let cases = [
        ("v4/posts", "targetId: missing (required)"),
        ("v4/posts?targetId=ada&targetType=content", "targetType: not one of community, user"),
        ("v4/posts?targetId=gardening&options[limit]=0", "options[limit]: not a number from 1 to 100"),
        ("v4/posts?targetId=gardening&options[limit]=101", "options[limit]: not a number from 1 to 100"),
        ("v4/posts?targetId=gardening&options[token]=x", "options[token]: not a token of this list"),
        (
            "v4/posts?targetId=gardening&sortBy=likes",
            "sortBy: not one of firstCreated, lastCreated, firstUpdated, lastUpdated",
        ),
        ("v3/comments", "referenceId: missing (required)"),
        ("v3/users/list", "userIds: missing (required)"),
        (&format!("v3/posts/list?{many}"), "postIds: 101 items (maxItems 100)"),
    ];
    for (path, violation) in cases {
        let response = fixture.get(&format!("/api/{path}")).await;
        response.refuses(400, 400_000);
        assert_eq!(response.details(), [violation], "{path}");
    }
}

#[tokio::test]
async fn an_edited_item_is_changed_wherever_it_is_read() {
    let fixture = Fixture::new().await;
    let before = fixture.read("/api/v3/posts/diary-5").await;
    let change = |text| move |post: &mut Value| post["data"]["text"] = json!(text);

    assert!(fixture.sandbox.edit_item("diary-9", change("first")));
    assert!(fixture.sandbox.edit_item("diary-5", change("second")));
    assert!(fixture.sandbox.edit_item("member-6", |user| user["displayName"] = json!("Someone else")));

    let after = fixture.read("/api/v3/posts/diary-5").await;
    assert_eq!(after["posts"][0]["data"]["text"], "second");
    let author = after["users"].as_array().unwrap().iter().find(|user| user["userId"] == "member-6").unwrap();
    assert_eq!(author["displayName"], "Someone else");
    assert_eq!(after["posts"][0]["createdAt"], before["posts"][0]["createdAt"]);
    for changed in ["updatedAt", "editedAt"] {
        assert!(date(&after["posts"][0][changed]) > date(&before["posts"][0][changed]));
    }
    let list = "/api/v4/posts?targetId=plant-diary&options[limit]=3&sortBy=";
    let updated = fixture.read(&format!("{list}lastUpdated")).await;
    assert_eq!(ids(&updated["posts"], "postId"), ["diary-5", "diary-9", "diary-10000"]);
    assert_eq!(updated["posts"][0], after["posts"][0]);
    let created = fixture.read(&format!("{list}lastCreated")).await;
    assert_eq!(ids(&created["posts"], "postId"), ["diary-10000", "diary-9999", "diary-9998"]);
}

#[tokio::test]
async fn a_removed_item_is_gone_everywhere() {
    let fixture = Fixture::new().await;

    assert!(fixture.sandbox.remove_item("rose-pruning"));
    assert!(!fixture.sandbox.remove_item("rose-pruning"));
    assert!(fixture.sandbox.remove_item("tomatoes-1"));

    fixture.get("/api/v3/posts/rose-pruning").await.refuses(404, 400_400);
    let list = fixture.read("/api/v4/posts?targetId=gardening").await;
    assert_eq!(ids(&list["posts"], "postId"), ["tomatoes-on-a-balcony", "first-frost"]);
    let post = fixture.read("/api/v3/posts/tomatoes-on-a-balcony").await;
    assert!(!ids(&post["comments"], "commentId").contains(&"tomatoes-1".to_owned()));
}

#[tokio::test]
async fn a_stub_replaces_what_the_network_has() {
    let fixture = Fixture::new().await;
    fixture.sandbox.stub_get("/api/v3/users/ada", json!({ "users": [] }));

    assert_eq!(fixture.read("/api/v3/users/ada").await, json!({ "users": [] }));
    fixture.read("/api/v3/users/bao").await;
}
