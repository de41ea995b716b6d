//! Responses, and the faults that affect how they are sent.
//!
//! The body type reports no length; only the `content-length` header states one. So a fault can announce a
//! length that differs from what is sent.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Bytes, Frame};
use serde::Serialize;
use serde_json::Value;

use crate::api::types::{ErrorBody, ErrorData, ErrorDetail, ErrorDetailList};
use crate::error::ErrorCode;

const PADDING: &[u8] = &[b' '; 16 * 1024];

/// A response that is not sent yet: its body is complete, and a fault can still change how it is sent.
#[derive(Clone)]
pub(super) struct ResponseTemplate {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// An error response with the contract's error body.
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
        // Every body of the sandbox can be written as JSON. If one could not, tests would see an empty body.
        let mut template = Self::new(status, serde_json::to_vec(body).unwrap_or_default());
        template.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        template
    }

    /// Adds `headers`, replacing those of the same name.
    pub(super) fn with(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Modifies the body of a successful response.
    pub(super) fn map_body(mut self, alter: &dyn Fn(&mut Value)) -> Self {
        if let Some(mut body) =
            self.status.is_success().then(|| serde_json::from_slice(&self.body).ok()).flatten()
        {
            alter(&mut body);
            self.body = serde_json::to_vec(&body).unwrap_or_default().into();
        }
        self
    }

    /// Sends the response without a fault.
    pub(super) fn complete(self) -> Response<ResponseBody> {
        let length = self.body.len() as u64;
        self.send(Some(length), |body| ResponseBody::Padded { padding: 0, body })
    }

    /// Announces the full length and sends half of the body.
    pub(super) fn cut_short(self) -> Response<ResponseBody> {
        let length = self.body.len() as u64;
        self.send(Some(length), |mut body| ResponseBody::Cut {
            half: body.split_to(body.len() / 2),
            sent: false,
        })
    }

    /// Pads the body to `bytes`, unless it is longer.
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
        // Framing headers that a fault sets would contradict what hyper sends.
        response.headers_mut().remove(TRANSFER_ENCODING);
        response.headers_mut().remove(CONTENT_LENGTH);
        if let Some(length) =
            length.filter(|_| !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))
        {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response
    }
}

impl From<ErrorResponse> for ResponseTemplate {
    fn from(error: ErrorResponse) -> Self {
        let detail = ErrorDetail::List(ErrorDetailList(error.detail));
        let body = ErrorBody {
            status: Some("error".to_owned()),
            code: Some(error.code),
            message: Some(error.message.to_owned()),
            data: Some(ErrorData { detail: Some(detail) }),
        };
        Self::json(error.status, &body)
    }
}

/// Leaves out the body, which can contain a token.
impl fmt::Debug for ResponseTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseTemplate")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A response body that is produced while it is sent.
pub(super) enum ResponseBody {
    /// `padding` spaces, then the body.
    Padded { padding: u64, body: Bytes },
    /// Half of a body, then an error that closes the connection.
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
            // hyper flushes the first half only once the body is pending.
            Self::Cut { sent, .. } if !*sent => {
                *sent = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Cut { .. } => Poll::Ready(Some(Err(io::Error::other("cut short")))),
        }
    }
}
