//! The hooks of the generated client.
//!
//! They reject requests to another address than the key's, add the key, and remove an undocumented header that the
//! generator adds. They read the response body up to a limit, and decode it before the generated code does, whose own
//! decoding error would contain the body and with it a token.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};
use reqwest::{Request, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use crate::api::body::{self, End};
use crate::api::error_body;
use crate::api::generated::{Client, Error, ResponseValue, types};
use crate::api::{Lenient, redact, trace};
use crate::config::ApiKey;
use crate::config::region::BaseUrl;

/// The key of a client, its base URL, and its connections. It can't be constructed outside the crate.
///
/// A [`Client`] that is constructed with a `Transport` and another base URL sends nothing. One that is constructed
/// with another [`reqwest::Client`] still uses the connections of the `Transport`, since others could send the key
/// elsewhere: by following redirects, or through a proxy.
#[derive(Clone)]
pub struct Transport {
    api_key: ApiKey,
    /// The key in hex and base64.
    encoded: Arc<[SecretString]>,
    base_url: BaseUrl,
    connections: reqwest::Client,
    body_limit: usize,
    /// When requests end.
    until: Option<Instant>,
}

/// The wait for the body of an error, which says more than the status, but is not worth a whole attempt.
const ERROR_BODY: Duration = Duration::from_secs(2);

/// A longer body with status 200 is no error.
const LONGEST_HIDDEN_ERROR: usize = 16 * 1024;

impl Transport {
    pub(crate) fn new(
        api_key: ApiKey,
        base_url: BaseUrl,
        connections: reqwest::Client,
        body_limit: usize,
    ) -> Self {
        let encoded = redact::encoded(api_key.expose_secret()).into();
        Self { api_key, encoded, base_url, connections, body_limit, until: None }
    }

    /// Whether the key and its tokens may be sent to this address.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        self.base_url.covers(url)
    }

    /// Until when to wait for the body of an error.
    fn error_until(&self) -> Instant {
        let until = Instant::now() + ERROR_BODY;
        self.until.map_or(until, |end| until.min(end))
    }

    /// The key in all its forms and `others`, to be redacted.
    pub(crate) fn secrets<'a>(&'a self, others: &[&'a str]) -> Vec<&'a str> {
        let encoded = self.encoded.iter().map(|form| form.expose_secret());
        std::iter::once(self.api_key.expose_secret()).chain(encoded).chain(others.iter().copied()).collect()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("base_url", &self.base_url.as_str())
            .field("body_limit", &self.body_limit)
            .finish_non_exhaustive()
    }
}

impl ClientHooks<Transport> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        if !self.inner.covers(request.url()) {
            let address = self.inner.base_url.as_str();
            let rule = format!("the URL is outside the client's base URL {address}");
            return Err(Error::InvalidRequest(rule));
        }
        request.headers_mut().remove(HeaderName::from_static("api-version"));
        Ok(())
    }

    async fn exec(&self, mut request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        // The hooks are public and can be called separately, so `pre` may not have checked this URL.
        if self.inner.covers(request.url())
            && let Some(key) = self.inner.api_key.header()
        {
            request.headers_mut().insert(HeaderName::from_static("x-api-key"), key);
        }
        let secrets = self.inner.secrets(&[]);
        let span = self.inner.span(&request, &[]);
        let response = self.inner.connections.execute(request).instrument(span.clone()).await;
        trace::record(&span, response.as_ref().map_err(|error| trace::error_type(error)));
        let mut response = response?;
        redact::headers(response.headers_mut(), &secrets);
        let status = response.status();
        let limit = self.inner.body_limit;
        if status == StatusCode::OK {
            let fault = match body::read(&mut response, limit, self.inner.until).await {
                (body, End::Complete) => match Lenient::<types::BotSession>::decode(&body, &secrets) {
                    Ok(session) => {
                        response.extensions_mut().insert(session);
                        return Ok(response);
                    }
                    Err(reason) => {
                        match error_body::read(&body).filter(|body| error_body::is_error(body, false)) {
                            Some(body) => Fault::Error(decoded_error(body, &secrets)),
                            None => Fault::Unusable(reason),
                        }
                    }
                },
                (_, End::TooLong(_)) => Fault::Unusable(format!("it is longer than {limit} bytes")),
                (_, End::Late) => Fault::Late,
                (_, End::Failed(error)) => Fault::Broken(Arc::new(Mutex::new(Some(error)))),
            };
            response.extensions_mut().insert(fault);
            return Ok(response);
        }
        let body = if status.is_client_error() || status.is_server_error() {
            // If the body can't be read, the status is enough.
            let (body, _) = body::read(&mut response, limit, Some(self.inner.error_until())).await;
            envelope(&body, &secrets)
        } else {
            Vec::new()
        };
        Ok(with_body(response, body))
    }

    async fn post<E>(&self, result: &reqwest::Result<Response>, _: &OperationInfo) -> Result<(), Error<E>> {
        let Some(response) = result.as_ref().ok() else { return Ok(()) };
        match response.extensions().get::<Fault>() {
            None => Ok(()),
            Some(Fault::Unusable(reason)) => {
                Err(Error::Custom(format!("the response is not a session: {reason}")))
            }
            Some(fault) => {
                if let Fault::Broken(error) = fault
                    && let Some(error) = error.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    return Err(Error::ResponseBodyError(error));
                }
                Err(Error::UnexpectedResponse(unexpected(response, fault.clone())))
            }
        }
    }
}

impl Client {
    /// The same client for requests that end then. What has arrived by then is not lost.
    pub(crate) fn until(&self, until: Instant) -> Self {
        let mut client = self.clone();
        client.inner.until = Some(until);
        client
    }

    /// Reads and decodes an error body, as far as it arrives, and returns it with the response, whose unchanged body
    /// can be read again. If it is not an error body, the returned one is empty. The key and `token` are redacted in it.
    pub(crate) async fn read_error(
        &self,
        mut response: Response,
        token: &str,
    ) -> (Response, types::ErrorBody) {
        let secrets = self.inner.secrets(&[token]);
        let until = Some(self.inner.error_until());
        let (read, end) = body::read(&mut response, self.inner.body_limit, until).await;
        let body = decoded_error(error_body::read(&read).unwrap_or_default(), &secrets);
        (body::put_back(response, read, end), body.into_parts().0)
    }

    /// As [`read_error`](Self::read_error) for a response with status 200, if it is an error in JSON all the same.
    pub(crate) async fn read_hidden_error(
        &self,
        mut response: Response,
        token: &str,
    ) -> (Response, Option<types::ErrorBody>) {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|content_type| content_type.contains("json"));
        if response.status() != StatusCode::OK || !is_json {
            return (response, None);
        }
        let limit = self.inner.body_limit.min(LONGEST_HIDDEN_ERROR);
        let (read, end) = body::read(&mut response, limit, Some(self.inner.error_until())).await;
        let body = matches!(end, End::Complete).then(|| error_body::read(&read)).flatten();
        let body = body.filter(|body| error_body::is_error(body, true));
        let secrets = self.inner.secrets(&[token]);
        let body = body.map(|body| decoded_error(body, &secrets).into_parts().0);
        (body::put_back(response, read, end), body)
    }
}

/// Decodes a response for the generated code: takes what the hooks have decoded, or decodes the body.
pub(crate) async fn decoded<T, E>(mut response: Response) -> Result<ResponseValue<T>, Error<E>>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    match response.extensions_mut().remove::<T>() {
        Some(body) => {
            let headers = std::mem::take(response.headers_mut());
            Ok(ResponseValue::new(body, response.status(), headers))
        }
        None => ResponseValue::from_response(response).await,
    }
}

/// Why the response with status 200 has no session. Passed from `exec` to `post`, and on to the caller.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The body can't be decoded.
    Unusable(String),
    /// The body is an error.
    Error(Lenient<types::ErrorBody>),
    /// The connection failed within the body.
    Broken(Arc<Mutex<Option<reqwest::Error>>>),
    /// The body was not complete in time.
    Late,
}

/// A response of the same status and headers, with a fault in place of its body.
fn unexpected(response: &Response, fault: Fault) -> Response {
    let mut parts = http::Response::new(()).into_parts().0;
    parts.status = response.status();
    parts.version = response.version();
    parts.headers = response.headers().clone();
    parts.extensions.insert(fault);
    body::response(parts, response.url().clone(), Vec::new())
}

/// Replaces the body of a response.
fn with_body(response: Response, body: Vec<u8>) -> Response {
    let (mut parts, url, _) = body::parts(response);
    // These headers describe the former body.
    parts.headers.remove(TRANSFER_ENCODING);
    if parts.headers.remove(CONTENT_LENGTH).is_some() && !body.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    body::response(parts, url, body)
}

/// The error body with secrets redacted, or an empty object if the body is none.
fn envelope(body: &[u8], secrets: &[&str]) -> Vec<u8> {
    let value = error_body::read(body).unwrap_or_else(|| serde_json::json!({}));
    redact::value(value, secrets).to_string().into_bytes()
}

fn decoded_error(body: Value, secrets: &[&str]) -> Lenient<types::ErrorBody> {
    let body = redact::value(body, secrets).to_string();
    let empty = types::ErrorBody { code: None, data: None, message: None, status: None };
    Lenient::decode(body.as_bytes(), secrets).unwrap_or_else(|_| Lenient::matching(empty))
}
