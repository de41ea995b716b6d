//! Requests that are built step by step and sent by a call that blocks.

use std::time::Duration;

use reqwest::Request;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::client::blocking::{BotClient, Response};
use crate::error::Error;

/// A [`crate::RequestBuilder`] whose [`send`](Self::send) blocks.
#[derive(Debug)]
#[must_use = "nothing is sent until `send` is called"]
pub struct RequestBuilder {
    pub(super) request: crate::client::RequestBuilder,
    pub(super) client: BotClient,
}

impl RequestBuilder {
    /// See [`crate::RequestBuilder::query`].
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        Self { request: self.request.query(query), ..self }
    }

    /// See [`crate::RequestBuilder::header`].
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        Self { request: self.request.header(name, value), ..self }
    }

    /// See [`crate::RequestBuilder::headers`].
    pub fn headers(self, headers: HeaderMap) -> Self {
        Self { request: self.request.headers(headers), ..self }
    }

    /// See [`crate::RequestBuilder::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { request: self.request.timeout(timeout), ..self }
    }

    /// See [`crate::RequestBuilder::build`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build(self) -> Result<Request, Error> {
        self.request.build()
    }

    /// Sends the request as [`BotClient::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`crate::RequestBuilder::send`].
    pub fn send(self) -> Result<Response, Error> {
        self.client.send(self.request.build()?)
    }
}
