//! Responds to every request that is not a registration: with a valid token, a bot can read.

use chrono::Utc;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request};
use serde_json::json;

use super::fault;
use super::lock;
use super::response::{ErrorResponse, ResponseBody, ResponseTemplate};
use super::service::{ConnectionError, Service, unauthorized};
use crate::error::ErrorCode;

/// The only path with a response of its own: the service's TypeScript SDK reads it during login and fails
/// without the `messagePreview` field.
const CHAT_SETTINGS: &str = "/api/v3/network-settings/chat";

impl Service {
    pub(super) async fn read(
        &self,
        head: &request::Parts,
    ) -> Result<Response<ResponseBody>, ConnectionError> {
        let fault = if is_read(&head.method) { lock(&self.read_faults).take() } else { None };
        let usual = || match self.public_image(head) {
            Some(image) => image,
            None => self.read_with_token(head).unwrap_or_else(ResponseTemplate::from),
        };
        fault::send(fault, |_| usual()).await
    }

    /// The image of a public file, which anyone can link: it needs no token and is not counted.
    fn public_image(&self, head: &request::Parts) -> Option<ResponseTemplate> {
        let network = self.settings.network.as_ref().filter(|_| is_read(&head.method))?;
        let image = network.public_image(head.uri.path())?;
        let content_type = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"))]);
        Some(ResponseTemplate::new(StatusCode::OK, image.into()).with(content_type))
    }

    fn read_with_token(&self, head: &request::Parts) -> Result<ResponseTemplate, ErrorResponse> {
        let token = bearer(&head.headers)
            .ok_or_else(|| unauthorized(format!("{AUTHORIZATION}: missing bearer token")))?;
        let claims = self
            .tokens
            .verify(token, Utc::now())
            .map_err(|reason| unauthorized(format!("{AUTHORIZATION}: {reason}")))?;
        let is_newest = self.bots.is_newest(&claims.user_id, claims.registration);
        if !is_newest && !self.settings.keeps_older_tokens {
            return Err(unauthorized(format!("{AUTHORIZATION}: ended by a newer session of the device")));
        }
        if !is_read(&head.method) {
            return Err(ErrorResponse {
                status: StatusCode::FORBIDDEN,
                code: ErrorCode::BOT_PERMISSION_DENIED,
                message: "bots are read-only",
                detail: vec![format!("{}: not allowed", head.method)],
            });
        }
        let limit = self.settings.daily_reads;
        if !self.bots.read(&claims.user_id, Utc::now().date_naive(), limit) {
            return Err(ErrorResponse {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: ErrorCode::DAILY_QUOTA_EXCEEDED,
                message: "daily read quota exceeded",
                detail: vec![format!("limit: {limit} reads per UTC day")],
            });
        }
        let path = head.uri.path();
        if let Some(stub) = lock(&self.stubs).get(path) {
            return Ok(stub.respond(&head.headers));
        }
        if let Some(network) = &self.settings.network {
            let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            if let Some(body) = network.read(path, head.uri.query(), &format!("http://{host}")) {
                return body.map(|body| ResponseTemplate::json(StatusCode::OK, &body));
            }
        }
        let body = match path {
            CHAT_SETTINGS => json!({ "messagePreview": { "enabled": false } }),
            _ => json!({}),
        };
        Ok(ResponseTemplate::json(StatusCode::OK, &body))
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
