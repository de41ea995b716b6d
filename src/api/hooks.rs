//! The hooks that each request of the generated client passes.
//!
//! They send it to the address that the key is for or not at all, add the key, drop a header that the generator adds
//! and nobody documents, read the body up to a limit, and decode the response, so that the generated code only decodes
//! what can be decoded: its own error for the other case would print the body, and a token with it.

use std::fmt;

use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use reqwest::{Request, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::body::{self, End};
use crate::api::generated::{Client, Error, ResponseValue, types};
use crate::api::{Answer, bounded, redact};
use crate::config::ApiKey;
use crate::config::region::BaseUrl;

/// What every request of a client needs: the key, the address that it is for, and the connections to send it on. Only
/// the crate can make one.
///
/// A [`Client`] that is made with one for another address sends nothing, and one that is made with another
/// [`reqwest::Client`] sends on the connections of this one all the same, since others could lead elsewhere: by
/// redirects, or through a proxy.
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

    /// What of this client must not be shown.
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
            let rule = format!("the client is for another address than its key, which is for {address}");
            return Err(Error::InvalidRequest(rule));
        }
        request.headers_mut().remove(HeaderName::from_static("api-version"));
        Ok(())
    }

    async fn exec(&self, mut request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        // The hooks are public, so the address may not be the one that was looked at before.
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
            let answer = match body::read(&mut response, self.inner.body_limit).await {
                (body, End::Complete) => Answer::<types::BotSession>::decode(&body, &secrets).map_err(Unusable),
                (_, End::TooLong(_)) => {
                    Err(Unusable(format!("it is longer than {} bytes", self.inner.body_limit)))
                }
                (_, End::Failed(error)) => return Err(error),
            };
            let mut response = with_body(response, Vec::new());
            match answer {
                Ok(answer) => drop(response.extensions_mut().insert(answer)),
                Err(reason) => drop(response.extensions_mut().insert(reason)),
            }
            return Ok(response);
        }
        let body = if status.is_client_error() || status.is_server_error() {
            // The status says enough, should the body not arrive.
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
    /// Reads the body of an error, and returns what it says with the response, whose body can be read again, whole
    /// and as it came. Of a body that is too long, or no error's, nothing is left to be said. What is said shows
    /// neither the key nor `token`.
    pub(crate) async fn read_error(
        &self,
        mut response: Response,
        token: &str,
    ) -> (Response, types::ErrorBody) {
        let secrets = [self.inner.secret(), token];
        let (read, end) = body::read(&mut response, self.inner.body_limit).await;
        let said = if matches!(end, End::Complete) { envelope(&read, &secrets) } else { Vec::new() };
        let said = Answer::<types::ErrorBody>::decode(&said, &secrets).map(|said| said.into_parts().0);
        let nothing = types::ErrorBody { code: None, data: None, message: None, status: None };
        (body::put_back(response, read, end), said.unwrap_or(nothing))
    }
}

/// What the generated code makes of a response: the answer that the hooks decoded, or else the body decoded now.
pub(crate) async fn decoded<T, E>(mut response: Response) -> Result<ResponseValue<T>, Error<E>>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    match response.extensions_mut().remove::<T>() {
        Some(answer) => Ok(ResponseValue::new(answer, response.status(), response.headers().clone())),
        None => ResponseValue::from_response(response).await,
    }
}

/// Why the body of a 200 can't be decoded, on its way between two hooks.
#[derive(Clone)]
struct Unusable(String);

/// The same response with another body.
fn with_body(response: Response, body: Vec<u8>) -> Response {
    let (mut parts, url, _) = body::parts(response);
    // They say how long the former body was.
    parts.headers.remove(TRANSFER_ENCODING);
    if parts.headers.remove(CONTENT_LENGTH).is_some() && !body.is_empty() {
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
    }
    body::response(parts, url, body)
}

/// An error's body with its secrets redacted; an empty object in place of what is no such body.
fn envelope(body: &[u8], secrets: &[&str]) -> Vec<u8> {
    let said = bounded::value(&body::as_text(body), &mut bounded::ANSWER.clone()).ok().map(|said| said.value);
    let said = said.filter(Value::is_object).unwrap_or_else(|| serde_json::json!({}));
    redact::value(said, secrets).to_string().into_bytes()
}
