//! The hooks of the generated client.
//!
//! They reject requests to another address than the key's, add the key, and remove an undocumented header that the
//! generator adds. They read the response body up to a limit, and decode it before the generated code does, whose own
//! decoding error would contain the body and with it a token.

use std::fmt;

use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use reqwest::{Request, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::body::{self, End};
use crate::api::checked::{self, Limit, MAX_VALUES};
use crate::api::generated::{Client, Error, ResponseValue, types};
use crate::api::{Lenient, redact};
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
    base_url: BaseUrl,
    connections: reqwest::Client,
    body_limit: usize,
}

impl Transport {
    pub(crate) fn new(
        api_key: ApiKey,
        base_url: BaseUrl,
        connections: reqwest::Client,
        body_limit: usize,
    ) -> Self {
        Self { api_key, base_url, connections, body_limit }
    }

    /// Whether the key and its tokens may be sent to this address.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        self.base_url.covers(url)
    }

    /// The key, to be redacted.
    pub(crate) fn secret(&self) -> &str {
        self.api_key.expose_secret()
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
        let secrets = [self.inner.secret()];
        let mut response = self.inner.connections.execute(request).await?;
        redact::headers(response.headers_mut(), &secrets);
        let status = response.status();
        if status == StatusCode::OK {
            let decoded = match body::read(&mut response, self.inner.body_limit).await {
                (body, End::Complete) => {
                    Lenient::<types::BotSession>::decode(&body, &secrets).map_err(Unusable)
                }
                (_, End::TooLong(_)) => {
                    Err(Unusable(format!("it is longer than {} bytes", self.inner.body_limit)))
                }
                (_, End::Failed(error)) => return Err(error),
            };
            match decoded {
                Ok(session) => drop(response.extensions_mut().insert(session)),
                Err(reason) => drop(response.extensions_mut().insert(reason)),
            }
            return Ok(response);
        }
        let body = if status.is_client_error() || status.is_server_error() {
            // If the body can't be read, the status is enough.
            match body::read(&mut response, self.inner.body_limit).await {
                (body, End::Complete) => envelope(&body, &secrets),
                _ => envelope(&[], &secrets),
            }
        } else {
            Vec::new()
        };
        Ok(with_body(response, body))
    }

    async fn post<E>(&self, result: &reqwest::Result<Response>, _: &OperationInfo) -> Result<(), Error<E>> {
        match result.as_ref().ok().and_then(|response| response.extensions().get::<Unusable>()) {
            Some(Unusable(reason)) => Err(Error::Custom(format!("the response is not a session: {reason}"))),
            None => Ok(()),
        }
    }
}

impl Client {
    /// Reads and decodes an error body, and returns it with the response, whose unchanged body can be read again. If
    /// the body is too long or not an error body, the returned one is empty. The key and `token` are redacted in it.
    pub(crate) async fn read_error(
        &self,
        mut response: Response,
        token: &str,
    ) -> (Response, types::ErrorBody) {
        let secrets = [self.inner.secret(), token];
        let (read, end) = body::read(&mut response, self.inner.body_limit).await;
        let body = if matches!(end, End::Complete) { envelope(&read, &secrets) } else { Vec::new() };
        let decoded =
            Lenient::<types::ErrorBody>::decode(&body, &secrets).map(|answer| answer.into_parts().0);
        let empty = types::ErrorBody { code: None, data: None, message: None, status: None };
        (body::put_back(response, read, end), decoded.unwrap_or(empty))
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

/// Why the body of a 200 can't be decoded. Passed from `exec` to `post`.
#[derive(Clone)]
struct Unusable(String);

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

/// The error body with secrets redacted, or an empty object if the body is not a JSON object.
fn envelope(body: &[u8], secrets: &[&str]) -> Vec<u8> {
    let value = checked::value(&body::as_text(body), &mut Limit::new(MAX_VALUES)).ok();
    let value = value.filter(Value::is_object).unwrap_or_else(|| serde_json::json!({}));
    redact::value(value, secrets).to_string().into_bytes()
}
