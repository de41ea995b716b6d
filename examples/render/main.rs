//! A site for search engines: the pages of communities, posts and users, from a bot's 100 reads a day.
//!
//! Crawlers can't run the app that shows a community. They get pages with titles, descriptions, canonical links, Open
//! Graph tags and structured data, a `sitemap.xml`, and an Atom feed for each community. People who follow a search
//! result are led to the app.
//!
//! | path | is |
//! |---|---|
//! | `/community/{id}` | a community and its newest posts |
//! | `/community/{id}/feed.atom` | the same as a feed |
//! | `/post/{id}` | a post and its comments |
//! | `/user/{id}` | a user and their posts |
//! | `/sitemap.xml`, `/robots.txt` | all pages that are known |
//!
//! Every page is served from the client's cache, with its age. The cache is filled from lists of posts, which carry a
//! hundred posts each, and filled again over the day; a long discussion or a new page takes a read of its own, as long as
//! there are enough. Pages stay for a week if the service can't be reached. Only without any are crawlers asked to come
//! back, with a 503 and `Retry-After`.
//!
//! If `SOCIAL_PLUS_API_KEY`, `SOCIAL_PLUS_REGION` and `SOCIAL_PLUS_DEVICE_ID` are set, it reads from the service.
//! Otherwise it reads from a sandbox:
//!
//! ```sh
//! cargo run --example render --features sandbox,read-cache
//! curl --user-agent Googlebot http://127.0.0.1:8080/community/gardening
//! ```
//!
//! With the feature `read-cache-file` the pages are kept in files, and are there after a restart. To make it yours, set
//! the addresses in `address.rs`, and put a proxy with TLS in front. The service can call a webhook when something was
//! deleted; let it call [`BotClient::forget`](social_plus_bot::BotClient::forget).

mod address;
mod discussion;
mod feed;
mod filler;
mod html;
mod model;
mod pages;
mod reader;
mod response;
mod sitemap;
mod split;
mod structured;
mod text;

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;
use social_plus_bot::sandbox::Sandbox;
use social_plus_bot::{BotClientBuilder, ReadCache};

use reader::Reader;

/// Where to listen, unless `LISTEN` says so.
const LISTEN: &str = "127.0.0.1:8080";

const STYLE: &str = include_str!("style.css");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().seed_network().start().await?;
    let builder = if env::var_os("SOCIAL_PLUS_API_KEY").is_some() {
        keep_in_files(BotClientBuilder::from_env())?
    } else {
        sandbox.client()
    };
    let reader = Reader::new(builder.read_cache(cache()).build()?, filler::LISTS_PER_DAY);
    tokio::spawn(filler::run(reader.clone(), filler::EVERY));
    let address = env::var("LISTEN").unwrap_or_else(|_| LISTEN.to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router(reader)).await?)
}

/// Ten thousand posts take about 70 MB with the lists that they came in.
fn cache() -> ReadCache {
    ReadCache::in_memory()
        .fresh_for(Duration::from_secs(6 * 60 * 60))
        .stale_for(Duration::from_secs(7 * 24 * 60 * 60))
        .reserved_reads(filler::LISTS_PER_DAY)
        .max_memory_bytes(256 << 20)
        .max_body_bytes(16 << 20)
}

#[cfg(feature = "read-cache-file")]
fn keep_in_files(builder: BotClientBuilder) -> Result<BotClientBuilder, social_plus_bot::Error> {
    Ok(builder.store(social_plus_bot::store::FileStore::in_state_folder()?))
}

#[cfg(not(feature = "read-cache-file"))]
fn keep_in_files(builder: BotClientBuilder) -> Result<BotClientBuilder, social_plus_bot::Error> {
    Ok(builder)
}

fn router(reader: Reader) -> Router {
    Router::new()
        .route("/community/{id}", get(pages::community))
        .route("/community/{id}/feed.atom", get(feed::feed))
        .route("/post/{id}", get(pages::post))
        .route("/user/{id}", get(pages::user))
        .route("/sitemap.xml", get(sitemap::sitemap))
        .route("/robots.txt", get(sitemap::robots))
        .route(
            "/style.css",
            get(([(CONTENT_TYPE, "text/css"), (CACHE_CONTROL, "public, max-age=86400")], STYLE)),
        )
        .with_state(reader)
}

#[cfg(test)]
mod tests;
