//! An answer on its way out, and the ways in which it can go wrong there.
//!
//! The body never tells its own length; the `content-length` header does. That way what is announced and
//! what is sent can differ, which is what some faults are.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Bytes, Frame};
use serde::Serialize;

use crate::api::types::{ErrorBody, ErrorData, ErrorDetail, ErrorDetailList};
use crate::error::ErrorCode;

const PADDING: &[u8] = &[b' '; 16 * 1024];

/// An answer.
#[derive(Clone)]
pub(super) struct ResponseTemplate {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer that refuses, in the words of the contract.
pub(super) struct ErrorResponse {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
    pub(super) detail: Vec<String>,
}

impl ResponseTemplate {
    pub(super) fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // Nothing that the sandbox answers with can fail to be JSON; an empty body would show if it did.
        let mut template = Self::new(status, serde_json::to_vec(body).unwrap_or_default());
        template.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        template
    }

    /// Sets `headers` in place of those of the same name.
    pub(super) fn with(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The answer as it should be.
    pub(super) fn complete(self) -> Response<ResponseBody> {
        let length = self.body.len() as u64;
        self.send(Some(length), |body| ResponseBody::Padded { padding: 0, body })
    }

    /// Announced whole, of which half is sent.
    pub(super) fn cut_short(self) -> Response<ResponseBody> {
        let length = self.body.len() as u64;
        self.send(Some(length), |mut body| ResponseBody::Cut {
            half: body.split_to(body.len() / 2),
            sent: false,
        })
    }

    /// Grown to `bytes`, if it is not that long anyway.
    pub(super) fn oversized(self, bytes: u64, announced: bool) -> Response<ResponseBody> {
        let length = bytes.max(self.body.len() as u64);
        let padding = length - self.body.len() as u64;
        self.send(announced.then_some(length), |body| ResponseBody::Padded { padding, body })
    }

    fn send(
        self,
        length: Option<u64>,
        outgoing: impl FnOnce(Bytes) -> ResponseBody,
    ) -> Response<ResponseBody> {
        let mut response = Response::new(outgoing(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        // How the body is framed is said here alone; what a fault says of it would only confuse hyper.
        response.headers_mut().remove(TRANSFER_ENCODING);
        response.headers_mut().remove(CONTENT_LENGTH);
        if let Some(length) = length.filter(|_| self.status != StatusCode::NO_CONTENT) {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response
    }
}

impl From<ErrorResponse> for ResponseTemplate {
    fn from(refusal: ErrorResponse) -> Self {
        let detail = ErrorDetail::List(ErrorDetailList(refusal.detail));
        let body = ErrorBody {
            status: Some("error".to_owned()),
            code: Some(refusal.code),
            message: Some(refusal.message.to_owned()),
            data: Some(ErrorData { detail: Some(detail) }),
        };
        Self::json(refusal.status, &body)
    }
}

/// The body could hold a token.
impl fmt::Debug for ResponseTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseTemplate")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The body of an answer, made while it is sent.
pub(super) enum ResponseBody {
    /// So many spaces, then the body.
    Padded { padding: u64, body: Bytes },
    /// Half of a body, then a failure that closes the connection.
    Cut { half: Bytes, sent: bool },
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Padded { padding: 0, body } if body.is_empty() => Poll::Ready(None),
            Self::Padded { padding: 0, body } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Self::Padded { padding, .. } => {
                let chunk =
                    Bytes::from_static(PADDING).split_to((*padding).min(PADDING.len() as u64) as usize);
                *padding -= chunk.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Self::Cut { half, .. } if !half.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(half)))))
            }
            // What came before is only sent once the body has nothing ready.
            Self::Cut { sent, .. } if !*sent => {
                *sent = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Cut { .. } => Poll::Ready(Some(Err(io::Error::other("cut short")))),
        }
    }
}
