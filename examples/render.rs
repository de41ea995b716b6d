//! Renders the public page of a community for search engines.
//!
//! A community lives in an app that a crawler can't run. So crawlers get a page with its title, its description
//! and Open Graph tags, read as a bot; everyone else gets a page that leads to the app. A bot has 100 reads a
//! day, and each page is one: put a cache in front. When they are used up, crawlers are asked to come back.
//!
//! With `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` and `SOCIAL_PLUS_DEVICE_ID` set it reads from the service,
//! without them from a sandbox of its own:
//!
//! ```sh
//! cargo run --example render --features sandbox
//! curl --user-agent Googlebot http://127.0.0.1:8080/community/gardening
//! ```

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;

/// Where the app is that people use.
const APP: &str = "https://app.example.com";

/// How long a crawler is asked to stay away if the service did not say.
const A_MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    let bot = if env::var_os("SOCIAL_PLUS_API_KEY").is_some() {
        BotClient::from_env()?
    } else {
        let community = serde_json::json!({ "displayName": "Gardening", "description": "Beds & borders." });
        let read = serde_json::json!({ "communities": [community] });
        sandbox.stub_get("/api/v3/communities/gardening", read);
        sandbox.client().build()?
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router(bot)).await?)
}

pub fn router(bot: BotClient) -> Router {
    Router::new().route("/community/{id}", get(community)).with_state(bot)
}

/// What the service says of communities, as far as it is shown.
#[derive(Deserialize)]
struct Read {
    communities: Vec<Community>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Community {
    display_name: String,
    description: Option<String>,
}

async fn community(State(bot): State<BotClient>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    // What else is in a path would make another request of it.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if !iscrawl::is_crawler(agent) {
        return page(leads_to_app(&id));
    }
    let response = match bot.get(&format!("/api/v3/communities/{id}")).await {
        Ok(response) => response,
        Err(error) => return failure(&id, &error),
    };
    match response.json::<Read>().await.map(|read| read.communities.into_iter().next()) {
        Ok(Some(community)) => page(shows(&community, &id)),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            eprintln!("{id}: {error}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

/// What a crawler is told, so that it comes back when that helps.
fn failure(id: &str, error: &social_plus_bot::Error) -> Response {
    eprintln!("{id}: {error}");
    if error.is_transient() {
        let wait = error.retry_after().unwrap_or(A_MINUTE).as_secs().max(1);
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, wait.to_string())]).into_response();
    }
    match error.status() {
        Some(404) => StatusCode::NOT_FOUND.into_response(),
        _ => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn page(markup: Markup) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (VARY, "user-agent")], markup.into_string()).into_response()
}

fn shows(community: &Community, id: &str) -> Markup {
    let Community { display_name: title, description } = community;
    let address = format!("{APP}/community/{id}");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                link rel="canonical" href=(address);
                meta property="og:type" content="website";
                meta property="og:title" content=(title);
                meta property="og:url" content=(address);
                @if let Some(description) = description {
                    meta name="description" content=(description);
                    meta property="og:description" content=(description);
                }
            }
            body {
                h1 { (title) }
                @if let Some(description) = description { p { (description) } }
                p { a href=(address) { "Join the conversation" } }
            }
        }
    }
}

fn leads_to_app(id: &str) -> Markup {
    let address = format!("{APP}/community/{id}");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Community" }
                link rel="canonical" href=(address);
            }
            body { p { a href=(address) { "Open in the app" } } }
        }
    }
}
