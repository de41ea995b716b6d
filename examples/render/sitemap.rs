//! `sitemap.xml` and `robots.txt`: what there is for crawlers.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sitemap_rs::url::Url;
use sitemap_rs::url_set::UrlSet;

use crate::address::SITE;
use crate::reader::Reader;
use crate::response::{Failure, Rendered, XML};

/// The most URLs that a sitemap may have.
const MAX_URLS: usize = 50_000;

/// The wait for the first pages, soon after the start.
const FILLING: Duration = Duration::from_secs(60);

/// The pages that are known, the ones that changed last before others.
pub async fn sitemap(State(reader): State<Reader>, request: HeaderMap) -> Result<Response, Failure> {
    let mut pages = reader.pages();
    pages.sort_by(|(a, at), (b, bt)| bt.cmp(at).then_with(|| a.cmp(b)));
    pages.truncate(MAX_URLS);
    let Some((_, modified)) = pages.first().cloned() else { return Err(Failure::Unavailable(FILLING)) };
    let urls = pages.iter().filter_map(|(address, modified)| {
        let mut url = Url::builder(address.url());
        if let Ok(modified) = modified.format("%Y-%m-%dT%H:%M:%S+00:00[+00:00]").to_string().parse() {
            url.last_modified(modified);
        }
        url.build().ok()
    });
    let mut body = Vec::new();
    let is_written = UrlSet::new(urls.collect()).is_ok_and(|urls| urls.write(&mut body).is_ok());
    let body = String::from_utf8(body).ok().filter(|_| is_written).ok_or(Failure::BadGateway)?;
    let sitemap = Rendered { content_type: XML, body, age: Duration::ZERO, modified: Some(modified) };
    Ok(sitemap.respond(&request))
}

pub async fn robots() -> String {
    format!("User-agent: *\nAllow: /\n\nSitemap: {SITE}/sitemap.xml\n")
}
