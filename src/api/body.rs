//! Reads response bodies up to a limit, and restores them so that they can be read again.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use reqwest::{Response, ResponseBuilderExt, Url};
use tokio::time::{Instant, timeout_at};

/// The maximum initial capacity of the buffer. `Content-Length` alone must not make the client allocate more.
const INITIAL_CAPACITY: usize = 64 * 1024;

/// How reading a body ended.
pub(crate) enum End {
    /// The body was read completely.
    Complete,
    /// The body exceeds the limit. Holds the chunk that does; the rest is unread.
    TooLong(Bytes),
    /// The rest did not arrive in time.
    Late,
    /// The connection failed.
    Failed(reqwest::Error),
}

/// Reads a body up to `limit` bytes, until `until`. A body with a larger `Content-Length` is not read at all.
pub(crate) async fn read(response: &mut Response, limit: usize, until: Option<Instant>) -> (Vec<u8>, End) {
    let announced = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limit {
        return (Vec::new(), End::TooLong(Bytes::new()));
    }
    let mut body = Vec::with_capacity(announced.min(INITIAL_CAPACITY));
    loop {
        let chunk = match until {
            Some(until) => timeout_at(until, response.chunk()).await,
            None => Ok(response.chunk().await),
        };
        let Ok(chunk) = chunk else { return (body, End::Late) };
        match chunk {
            Ok(Some(chunk)) if chunk.len() > limit - body.len() => return (body, End::TooLong(chunk)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, End::Complete),
            Err(error) => return (body, End::Failed(error)),
        }
    }
}

/// Restores a response after its body was read: the new body yields what was read, and then the rest.
pub(crate) fn put_back(response: Response, read: Vec<u8>, end: End) -> Response {
    let (parts, url, rest) = parts(response);
    let (beyond, rest) = match end {
        End::Complete => return self::response(parts, url, read),
        End::TooLong(beyond) => (beyond, Rest::Unread(rest)),
        End::Late => (Bytes::new(), Rest::Unread(rest)),
        End::Failed(error) => (Bytes::new(), Rest::Failed(Some(error))),
    };
    let body = PutBack { read: [read.into(), beyond].into_iter(), rest };
    self::response(parts, url, reqwest::Body::wrap(body))
}

/// Splits a response, without losing its URL.
pub(crate) fn parts(response: Response) -> (Parts, Url, reqwest::Body) {
    let url = response.url().clone();
    let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    (parts, url, body)
}

/// Builds a response from its parts.
pub(crate) fn response(parts: Parts, url: Url, body: impl Into<reqwest::Body>) -> Response {
    // reqwest keeps the URL in an extension that only its own builder can set.
    let mut rebuilt = http::Response::builder().url(url).body(()).unwrap_or_default();
    rebuilt.extensions_mut().extend(parts.extensions);
    *rebuilt.status_mut() = parts.status;
    *rebuilt.version_mut() = parts.version;
    *rebuilt.headers_mut() = parts.headers;
    rebuilt.map(|()| body.into()).into()
}

/// A body that yields what was read before, and then the rest.
struct PutBack {
    read: std::array::IntoIter<Bytes, 2>,
    rest: Rest,
}

enum Rest {
    Unread(reqwest::Body),
    /// The error is returned once.
    Failed(Option<reqwest::Error>),
}

impl Body for PutBack {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if let Some(read) = self.read.find(|read| !read.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        match &mut self.rest {
            Rest::Unread(rest) => Pin::new(rest).poll_frame(context),
            Rest::Failed(error) => Poll::Ready(error.take().map(Err)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.read.as_slice().iter().map(|read| read.len() as u64).sum();
        match &self.rest {
            Rest::Unread(rest) => rest
                .size_hint()
                .exact()
                .map_or_else(SizeHint::default, |rest| SizeHint::with_exact(read.saturating_add(rest))),
            Rest::Failed(_) => SizeHint::default(),
        }
    }
}
