//! Bodies that are read up to a limit, and put back for those who want to read them too.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use reqwest::{Response, ResponseBuilderExt, Url};

/// Room is made beforehand for so many bytes of a body that is announced, whatever its length and the limit: an
/// announcement costs nothing. The rest is made as they come.
const INITIAL_CAPACITY: usize = 64 * 1024;

/// How the reading of a body ended.
pub(crate) enum End {
    /// With the body.
    Complete,
    /// With the limit. What came beyond it is here, the rest not read.
    TooLong(Bytes),
    /// With the connection.
    Failed(reqwest::Error),
}

/// Reads a body up to `limit`. What is announced to be longer is not read at all.
pub(crate) async fn read(response: &mut Response, limit: usize) -> (Vec<u8>, End) {
    let announced = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limit {
        return (Vec::new(), End::TooLong(Bytes::new()));
    }
    let mut body = Vec::with_capacity(announced.min(INITIAL_CAPACITY));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() > limit - body.len() => return (body, End::TooLong(chunk)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, End::Complete),
            Err(error) => return (body, End::Failed(error)),
        }
    }
}

/// A body as UTF-8, with a question mark for what is none. It is not any longer than the body.
pub(crate) fn as_text(body: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(body).is_ok() {
        return Cow::Borrowed(body);
    }
    let mut text = Vec::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        text.extend((!chunk.invalid().is_empty()).then_some(b'?'));
    }
    Cow::Owned(text)
}

/// The response as it was before its body was read: what was read comes again, and then the rest.
pub(crate) fn put_back(response: Response, read: Vec<u8>, end: End) -> Response {
    let (parts, url, rest) = parts(response);
    let (beyond, rest) = match end {
        End::Complete => return self::response(parts, url, read),
        End::TooLong(beyond) => (beyond, Rest::Unread(rest)),
        End::Failed(error) => (Bytes::new(), Rest::Failed(Some(error))),
    };
    let body = PutBack { read: [read.into(), beyond].into_iter(), rest };
    self::response(parts, url, reqwest::Body::wrap(body))
}

/// What a response is made of.
pub(crate) fn parts(response: Response) -> (Parts, Url, reqwest::Body) {
    let url = response.url().clone();
    let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    (parts, url, body)
}

/// A response made of that.
pub(crate) fn response(parts: Parts, url: Url, body: impl Into<reqwest::Body>) -> Response {
    // The URL is known to reqwest's own builder only, which leaves it in the extensions.
    let mut rebuilt = http::Response::builder().url(url).body(()).unwrap_or_default();
    rebuilt.extensions_mut().extend(parts.extensions);
    *rebuilt.status_mut() = parts.status;
    *rebuilt.version_mut() = parts.version;
    *rebuilt.headers_mut() = parts.headers;
    rebuilt.map(|()| body.into()).into()
}

/// A body of which a part was read.
struct PutBack {
    read: std::array::IntoIter<Bytes, 2>,
    rest: Rest,
}

enum Rest {
    Unread(reqwest::Body),
    /// It does not, and the reader is told once.
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
