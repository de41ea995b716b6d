//! Responses that replace the usual ones of reads.

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::fault::header_value;
use super::response::ResponseTemplate;

/// The response to reads of a path, set with [`Sandbox::stub_get`](super::Sandbox::stub_get): status 200, this body,
/// and headers such as `Cache-Control`, `Age`, `Date` and `Last-Modified`.
///
/// If it has an `ETag` and the request's `If-None-Match` names it, the response is 304 with the headers and without the
/// body. It counts as a read.
///
/// ```
/// use http::header::{CACHE_CONTROL, ETAG};
/// use serde_json::json;
/// use social_plus_bot::sandbox::{Sandbox, Stub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sandbox = Sandbox::start().await?;
/// let stub = Stub::new(json!({ "communities": [] })).header(ETAG, "\"1\"").header(CACHE_CONTROL, "max-age=60");
/// sandbox.stub_get("/api/v3/communities", stub);
///
/// let response = sandbox.client().build()?.get("/api/v3/communities").await?;
/// assert_eq!(response.headers()[ETAG], "\"1\"");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Stub {
    body: Value,
    headers: HeaderMap,
}

impl Stub {
    /// Responds with this body.
    pub fn new(body: Value) -> Self {
        Self { body, headers: HeaderMap::new() }
    }

    /// Sets a response header, replacing any of the same name. It follows the rules of
    /// [`Fault::header`](super::Fault::header).
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(value) = header_value(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The response to a request with these headers.
    pub(super) fn respond(&self, request: &HeaderMap) -> ResponseTemplate {
        let response = if self.is_known(request) {
            ResponseTemplate::new(StatusCode::NOT_MODIFIED, Vec::new())
        } else {
            ResponseTemplate::json(StatusCode::OK, &self.body)
        };
        response.with(self.headers.clone())
    }

    /// Whether the request's `If-None-Match` names the stub's `ETag`, by the weak comparison that HTTP prescribes.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let Some(current) = self.headers.get(ETAG).and_then(text).map(opaque) else { return false };
        let mut known =
            request.get_all(IF_NONE_MATCH).iter().filter_map(text).flat_map(|tags| tags.split(','));
        known.any(|tag| tag.trim() == "*" || opaque(tag) == current)
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

impl From<Value> for Stub {
    fn from(body: Value) -> Self {
        Self::new(body)
    }
}
