//! Renders the public page of a community for search engines.
//!
//! Crawlers can't run the app that shows a community. They get a page with its title, its description and Open
//! Graph tags, which the bot reads from the service. Everyone else gets a page with a link to the app. A bot has 100
//! reads per day and each page takes one, so put a cache in front. Once the reads are used up, crawlers get a 503
//! with `Retry-After`.
//!
//! If `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` and `SOCIAL_PLUS_DEVICE_ID` are set, it reads from the service.
//! Otherwise it reads from a sandbox:
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

/// The base URL of the app.
const APP: &str = "https://app.example.com";

/// The `Retry-After` for crawlers if the service did not send one.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);

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

/// The fields of a communities response that the page shows.
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
    // Other characters, such as `/` or `?`, would change the path of the request to the service.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if !iscrawl::is_crawler(agent) {
        return page(app_page(&id));
    }
    let response = match bot.get(&format!("/api/v3/communities/{id}")).await {
        Ok(response) => response,
        Err(error) => return failure(&id, &error),
    };
    match response.json::<Read>().await.map(|read| read.communities.into_iter().next()) {
        Ok(Some(community)) => page(community_page(&community, &id)),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            eprintln!("{id}: {error}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

/// The response to a crawler when a read fails: transient errors become a 503 with `Retry-After`.
fn failure(id: &str, error: &social_plus_bot::Error) -> Response {
    eprintln!("{id}: {error}");
    if error.is_transient() {
        let wait = error.retry_after().unwrap_or(DEFAULT_RETRY_AFTER).as_secs().max(1);
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

fn community_page(community: &Community, id: &str) -> Markup {
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

fn app_page(id: &str) -> Markup {
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

#[cfg(test)]
mod tests;
