//! A response whose body is read by calls that block.

use std::fmt;
use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::api::Transport;
use crate::api::redact;
use crate::client::blocking::worker::Worker;
use crate::client::failure;
use crate::config::AccessToken;
use crate::error::{Error, Limit};

/// A response whose body has not been read yet. The request's timeout includes reading it.
pub struct Response {
    pub(super) response: reqwest::Response,
    /// The token of the request.
    pub(super) token: AccessToken,
    pub(super) transport: Transport,
    pub(super) limit: Limit,
    pub(super) worker: Arc<Worker>,
}

/// Omits the headers: one of them may contain the token.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Response {
    /// The status. It is never 4xx or 5xx: those are returned as an [`Error`].
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Reads the body, of any size.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Timeout`](crate::ErrorKind::Timeout) if the body does not
    /// arrive completely.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let (status, limit) = (self.status(), self.limit);
        let body = async { self.response.bytes().await.map_err(|error| failure::body(error, status, limit)) };
        Ok(self.worker.block_on(body)?.into())
    }

    /// Reads the body as text. Invalid UTF-8 becomes replacement characters.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// As for [`bytes`](Self::bytes), and [`InvalidResponse`](crate::ErrorKind::InvalidResponse) if the body can't be
    /// decoded as `T`.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let status = self.status();
        let (transport, token) = (self.transport.clone(), self.token.clone());
        serde_json::from_slice(&self.bytes()?).map_err(|error| {
            // serde's messages can quote the body.
            let reason = redact::text(&error.to_string(), &transport.secrets(&[token.expose_secret()]));
            Error::invalid_response(status, format!("the body can't be decoded: {reason}"))
        })
    }
}
