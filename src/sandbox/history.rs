//! What came in, kept for the test to look at.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use http::{HeaderMap, Method};
use hyper::body::Bytes;

use super::lock;

/// Of each kind, so many are kept.
const KEPT: usize = 1000;

/// A request that a [`Sandbox`](super::Sandbox) received.
///
/// `Debug` shows neither the API key, nor the token, nor the body.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
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

    /// The headers. Those that carry a secret are marked as [sensitive](http::HeaderValue::set_sensitive),
    /// so `Debug` does not show them.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, up to 64 KiB of it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The last ones of many.
pub(super) struct History<T>(Mutex<VecDeque<T>>);

impl<T: Clone> History<T> {
    pub(super) fn push(&self, item: T) {
        let mut kept = lock(&self.0);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(item);
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
