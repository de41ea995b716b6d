//! HTTP: what caches and crawlers are told with a page, and instead of one.

use std::time::Duration;

use axum::http::header::{
    AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, RETRY_AFTER, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use social_plus_bot::Error;

use crate::address::Address;

pub const HTML: &str = "text/html; charset=utf-8";
pub const ATOM: &str = "application/atom+xml; charset=utf-8";
pub const XML: &str = "application/xml; charset=utf-8";

/// A copy is fresh as long as the page that it was made from, so that their ages don't add up, and can be used for days
/// while this server does not respond.
const CACHING: &str = "public, max-age=21600, stale-while-revalidate=86400, stale-if-error=604800";

/// There are no scripts. If markup of a user ever gets into a page, it can't do anything.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src https: http:; base-uri 'none'; form-action 'none'";

/// The wait of crawlers if the service did not say how long it takes.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// A page as it is sent.
pub struct Rendered {
    pub content_type: &'static str,
    pub body: String,
    /// The time since the service sent what is on it.
    pub age: Duration,
    /// When that changed.
    pub modified: Option<DateTime<Utc>>,
}

impl Rendered {
    /// The response, or 304 if `request` says that its sender has the page.
    pub fn respond(self, request: &HeaderMap) -> Response {
        let digest: String =
            Sha256::digest(&self.body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = format!("\"{digest}\"");
        // Whole seconds are what the header has.
        let modified = self.modified.and_then(|time| DateTime::from_timestamp(time.timestamp(), 0));
        let is_known = match request.get(IF_NONE_MATCH) {
            Some(tags) => tags.to_str().is_ok_and(|tags| {
                tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
            }),
            None => modified.zip(since(request)).is_some_and(|(modified, since)| modified <= since),
        };
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let headers =
            [(ETAG, etag), (AGE, self.age.as_secs().to_string()), (CACHE_CONTROL, CACHING.to_owned())];
        let mut response = (status, headers).into_response();
        if self.content_type == HTML {
            // People are led to the app.
            response.headers_mut().insert(VARY, HeaderValue::from_static("user-agent"));
        }
        let more = modified.and_then(|time| httpdate::fmt_http_date(time.into()).parse().ok());
        response.headers_mut().extend(more.map(|time| (LAST_MODIFIED, time)));
        if !is_known {
            let headers = [
                (CONTENT_TYPE, self.content_type),
                (CONTENT_SECURITY_POLICY, POLICY),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            response = (response.into_parts().0, headers, self.body).into_response();
        }
        response
    }
}

fn since(request: &HeaderMap) -> Option<DateTime<Utc>> {
    let since = request.get(IF_MODIFIED_SINCE)?.to_str().ok()?;
    httpdate::parse_http_date(since).ok().map(DateTime::from)
}

/// For people, the way to the app. Crawlers can't run it.
pub fn way_to_app(request: &HeaderMap, address: &Address) -> Option<Response> {
    let agent = request.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let headers = [(LOCATION, address.in_app()), (VARY, "user-agent".to_owned())];
    (!iscrawl::is_crawler(agent)).then(|| (StatusCode::FOUND, headers).into_response())
}

/// Why there is no page.
#[derive(Debug)]
pub enum Failure {
    NotFound,
    /// There will be one after this time.
    Unavailable(Duration),
    /// The service refuses, or sends something else.
    BadGateway,
}

impl Failure {
    pub fn of(path: &str, error: &Error) -> Self {
        if error.status() == Some(StatusCode::NOT_FOUND) {
            return Self::NotFound;
        }
        eprintln!("{path}: {error}");
        match error.is_transient() {
            true => Self::Unavailable(error.retry_after().unwrap_or(DEFAULT_WAIT)),
            false => Self::BadGateway,
        }
    }

    pub fn until(time: DateTime<Utc>) -> Self {
        Self::Unavailable((time - Utc::now()).to_std().unwrap_or_default())
    }
}

/// Statuses that crawlers understand: they come back after a 503, and keep what they have meanwhile.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let no_store = [(CACHE_CONTROL, "no-store")];
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, no_store).into_response(),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, no_store).into_response(),
            Self::Unavailable(wait) => {
                let wait = [(RETRY_AFTER, wait.as_secs().max(1).to_string())];
                (StatusCode::SERVICE_UNAVAILABLE, no_store, wait).into_response()
            }
        }
    }
}
