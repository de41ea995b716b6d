//! The requests and violations that a sandbox recorded.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use http::{HeaderMap, Method};
use hyper::body::Bytes;

use super::lock;

/// The number of items that a history keeps.
const CAPACITY: usize = 1000;

/// A request that a [`Sandbox`](super::Sandbox) recorded.
///
/// `Debug` does not show the API key, the token or the body.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, without the `?` and as it was sent, percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The headers. Those with a secret are marked as [sensitive](http::HeaderValue::set_sensitive),
    /// so `Debug` does not show them.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, truncated to 64 KiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The most recent items, in the order of their arrival.
pub(super) struct History<T>(Mutex<VecDeque<T>>);

impl<T: Clone> History<T> {
    pub(super) fn push(&self, item: T) {
        let mut items = lock(&self.0);
        if items.len() == CAPACITY {
            items.pop_front();
        }
        items.push_back(item);
    }

    pub(super) fn list(&self) -> Vec<T> {
        lock(&self.0).iter().cloned().collect()
    }
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
