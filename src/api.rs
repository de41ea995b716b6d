//! The bare operation, as generated from the contract.
//!
//! What is here is made by [progenitor](https://docs.rs/progenitor) at compile time; see
//! [`BotClient::api`](crate::BotClient::api) for how to get a [`Client`]. Compared with
//! [`BotClient::register`](crate::BotClient::register) a call makes one try, has no deadline but that of
//! connecting, and does not look at the token it returns.
//!
//! Each request passes the hooks of this module. They add the API key, drop a header that the generator
//! adds and nobody documents, read the body up to a limit, and decode the answer, so that the generated code
//! only decodes what can be decoded: its own error for the other case would print the body, and a token with it.

use std::fmt;

use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::HeaderName;
use reqwest::{Request, Response, ResponseBuilderExt, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Answer, ApiKey, redact};

// The generator documents what the contract describes, and no more.
#[allow(missing_docs, clippy::all)]
mod generated {
    #[cfg(feature = "codegen")]
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
    // The committed copy of the same text.
    #[cfg(not(feature = "codegen"))]
    include!("generated.rs");
}

pub use generated::*;

/// What every request of a client needs. Only the crate can make one.
#[derive(Clone)]
pub struct Transport {
    api_key: ApiKey,
    body_limit: usize,
}

impl Transport {
    pub(crate) fn new(api_key: ApiKey, body_limit: usize) -> Self {
        Self { api_key, body_limit }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("body_limit", &self.body_limit).finish_non_exhaustive()
    }
}

impl ClientHooks<Transport> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        let key = self.inner.api_key.header().ok_or_else(|| Error::InvalidRequest("api_key".to_owned()))?;
        let headers = request.headers_mut();
        headers.remove(HeaderName::from_static("api-version"));
        headers.insert(HeaderName::from_static("x-api-key"), key);
        Ok(())
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let mut response = self.client.execute(request).await?;
        let status = response.status();
        if status == StatusCode::OK {
            let answer = match read(&mut response, self.inner.body_limit).await? {
                Some(body) => serde_json::from_slice::<Answer<types::BotSession>>(&body)
                    .map_err(|reason| Unusable(reason.to_string())),
                None => Err(Unusable(format!("it is longer than {} bytes", self.inner.body_limit))),
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
            let body = read(&mut response, self.inner.body_limit).await.ok().flatten();
            envelope(&body.unwrap_or_default(), self.inner.api_key.expose_secret())
        } else {
            Vec::new()
        };
        Ok(with_body(response, body))
    }

    async fn post<E>(&self, result: &reqwest::Result<Response>, _: &OperationInfo) -> Result<(), Error<E>> {
        match result.as_ref().ok().and_then(|response| response.extensions().get::<Unusable>()) {
            Some(Unusable(reason)) => Err(Error::Custom(format!("the answer makes no session: {reason}"))),
            None => Ok(()),
        }
    }
}

impl Client {
    /// Reads the body of an error, and returns what it says with the response, whose body can be read again.
    /// Of a body that is too long, or no error's, nothing is left to be said.
    pub(crate) async fn read_error(&self, mut response: Response) -> (Response, types::ErrorBody) {
        let body = read(&mut response, self.inner.body_limit).await.ok().flatten().unwrap_or_default();
        let said = envelope(&body, self.inner.api_key.expose_secret());
        let said = serde_json::from_slice::<Answer<types::ErrorBody>>(&said).map(|said| said.into_parts().0);
        let nothing = types::ErrorBody { code: None, data: None, message: None, status: None };
        (with_body(response, body), said.unwrap_or(nothing))
    }
}

/// What the generated code makes of a response: the answer that the hooks decoded, or else the body decoded now.
async fn decoded<T, E>(mut response: Response) -> Result<ResponseValue<T>, Error<E>>
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

/// The body, or nothing if it is longer than `limit`; then the rest of it is not read.
async fn read(response: &mut Response, limit: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let announced = response.content_length().unwrap_or_default();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > limit - body.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The same response with another body.
fn with_body(response: Response, body: Vec<u8>) -> Response {
    let mut rebuilt = http::Response::builder().url(response.url().clone()).body(()).unwrap_or_default();
    let (parts, _) = http::Response::<reqwest::Body>::from(response).into_parts();
    *rebuilt.status_mut() = parts.status;
    *rebuilt.version_mut() = parts.version;
    *rebuilt.headers_mut() = parts.headers;
    rebuilt.map(|()| body).into()
}

/// An error's body with its secrets redacted; an empty object in place of what is no such body.
fn envelope(body: &[u8], key: &str) -> Vec<u8> {
    let said =
        serde_json::from_slice(body).ok().filter(Value::is_object).unwrap_or_else(|| serde_json::json!({}));
    redact::value(said, key).to_string().into_bytes()
}
