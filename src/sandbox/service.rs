//! Handles the requests of a sandbox.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future;
use std::sync::Mutex;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, StatusCode, request};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use super::bots::{self, Bots};
use super::contract::Registration;
use super::fault::{Fault, Kind};
use super::history::{History, Request};
use super::lock;
use super::response::{ErrorResponse, ResponseBody, ResponseTemplate};
use super::token::Tokens;
use crate::api::Open;
use crate::api::types::{BotSession, RegisterBotSession, UserType};
use crate::config::{AccessToken, ApiKey};
use crate::error::ErrorCode;

/// The maximum length of a request body, about ten times what the contract's longest fields need.
const BODY_LIMIT: usize = 64 * 1024;

/// The first and last second that RFC 3339 can represent, in the years 0000 and 9999.
const MIN_TIMESTAMP: i64 = -62_167_219_200;
const MAX_TIMESTAMP: i64 = 253_402_300_799;

/// The only path with a response of its own: the service's TypeScript SDK reads it during login and fails
/// without the `messagePreview` field.
const CHAT_SETTINGS: &str = "/api/v3/network-settings/chat";

/// The state of a sandbox.
pub(super) struct Service {
    registration: Registration,
    settings: Settings,
    started_at: DateTime<Utc>,
    bots: Bots,
    pub(super) tokens: Tokens,
    pub(super) faults: Mutex<Faults>,
    /// Bodies of reads by path, set with `stub_get`.
    pub(super) stubs: Mutex<HashMap<String, Value>>,
    pub(super) requests: History<Request>,
    pub(super) violations: History<String>,
}

/// What a sandbox does, as set with its builder.
pub(super) struct Settings {
    pub(super) api_key: Option<ApiKey>,
    pub(super) lifetime: TimeDelta,
    pub(super) daily_reads: u32,
    pub(super) keeps_older_tokens: bool,
}

/// The faults to inject.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) next: VecDeque<Fault>,
    pub(super) always: Option<Fault>,
}

/// The API key and body of a registration, each with its violations if it has any.
struct ParsedRequest {
    key: Result<Vec<u8>, String>,
    body: Result<RegisterBotSession, Vec<String>>,
    too_long: bool,
}

impl Service {
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self {
            registration: Registration::read()?,
            settings,
            started_at: Utc::now().trunc_subsecs(3),
            bots: Bots::default(),
            tokens: Tokens::new(),
            faults: Mutex::default(),
            stubs: Mutex::default(),
            requests: History::default(),
            violations: History::default(),
        })
    }

    /// Responds to a request.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has to be closed or reset instead.
    pub(super) async fn respond(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<Response<ResponseBody>, ConnectionError> {
        let (head, body) = request.into_parts();
        let (body, too_long) = read(body).await?;
        self.requests.push(self.record(&head, body.clone()));
        if self.registration.matches(&head.method, head.uri.path()) {
            self.register(&head.headers, &body, too_long).await
        } else {
            Ok(self.read_with_token(&head).unwrap_or_else(ResponseTemplate::from).complete())
        }
    }

    fn record(&self, head: &request::Parts, body: Bytes) -> Request {
        let mut headers = head.headers.clone();
        for (name, value) in &mut headers {
            if name == self.registration.key_header() || name == AUTHORIZATION {
                value.set_sensitive(true);
            }
        }
        Request { method: head.method.clone(), path: head.uri.path().to_owned(), headers, body }
    }

    async fn register(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        too_long: bool,
    ) -> Result<Response<ResponseBody>, ConnectionError> {
        let parsed = ParsedRequest {
            key: self.registration.key(headers).map(<[u8]>::to_vec),
            body: if too_long { Err(vec![body_too_long()]) } else { self.registration.body(headers, body) },
            too_long,
        };
        // Recorded before any fault, so that they are not lost if a fault replaces the response.
        let violations =
            parsed.key.as_ref().err().into_iter().chain(parsed.body.as_ref().err().into_iter().flatten());
        for violation in violations {
            self.violations.push(violation.clone());
        }

        let fault = {
            // Queued faults come before the permanent one.
            let mut faults = lock(&self.faults);
            faults.next.pop_front().or_else(|| faults.always.clone())
        };
        let Some(Fault { kind, headers }) = fault else {
            return Ok(self.default_response(&parsed).complete());
        };
        Ok(match kind {
            Kind::Response(response) => response.with(headers).complete(),
            Kind::Hang => future::pending().await,
            Kind::Reset => return Err(ConnectionError::Reset),
            Kind::Delay(delay) => {
                tokio::time::sleep(delay).await;
                self.default_response(&parsed).with(headers).complete()
            }
            Kind::CutShort => self.default_response(&parsed).with(headers).cut_short(),
            Kind::Oversized { bytes, announced } => {
                self.default_response(&parsed).with(headers).oversized(bytes, announced)
            }
            Kind::Lifetime(lifetime) => self.session(&parsed, lifetime, |_| {}).with(headers).complete(),
            Kind::MapBody(alter) => {
                self.session(&parsed, self.settings.lifetime, &*alter).with(headers).complete()
            }
        })
    }

    fn default_response(&self, parsed: &ParsedRequest) -> ResponseTemplate {
        self.session(parsed, self.settings.lifetime, |_| {})
    }

    /// Responds with a session of this lifetime, modified by `alter`, or with the error for an invalid request.
    fn session(
        &self,
        parsed: &ParsedRequest,
        lifetime: TimeDelta,
        alter: impl Fn(&mut Value),
    ) -> ResponseTemplate {
        let session = self.issue(parsed, lifetime).and_then(|session| {
            serde_json::to_value(session).map_err(|_| internal_error("failed to serialize the session"))
        });
        match session {
            Ok(mut session) => {
                alter(&mut session);
                ResponseTemplate::json(StatusCode::OK, &session)
            }
            Err(error) => error.into(),
        }
    }

    fn issue(&self, parsed: &ParsedRequest, lifetime: TimeDelta) -> Result<BotSession, ErrorResponse> {
        let key = parsed.key.as_ref().map_err(|violation| unauthorized(violation.clone()))?;
        if self.settings.api_key.as_ref().is_some_and(|accepted| accepted.expose_secret().as_bytes() != key) {
            return Err(unauthorized(format!("{}: unknown API key", self.registration.key_header())));
        }
        if parsed.too_long {
            return Err(ErrorResponse {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: ErrorCode::BAD_REQUEST,
                message: "request body too large",
                detail: vec![body_too_long()],
            });
        }
        let body = parsed.body.as_ref().map_err(|violations| ErrorResponse {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: ErrorCode::UNEXPECTED,
            message: "invalid request",
            detail: violations.clone(),
        })?;

        let issued_at = Utc::now().trunc_subsecs(3);
        let expires_at = expiry(issued_at, lifetime);
        let bot = self.bots.register(key, &body.device_id, issued_at);
        let token = self
            .tokens
            .issue(&bot, &body.device_id, issued_at, expires_at)
            .map_err(|_| internal_error("failed to sign the token"))?;
        Ok(BotSession {
            access_token: AccessToken::from(token),
            issued_at,
            expires_at,
            users: Some(vec![bots::profile(&bot.user_id, bot.created_at)]),
            roles: Some(Vec::new()),
            files: Some(Vec::new()),
            last_cache_purge: Some(self.started_at),
            user_type: Some(Open::Known(UserType::Bot)),
        })
    }

    /// Responds to any request that is not a registration: with a valid token, a bot can read.
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
        if !matches!(head.method, Method::GET | Method::HEAD) {
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
        let body = lock(&self.stubs).get(path).cloned().unwrap_or_else(|| match path {
            CHAT_SETTINGS => json!({ "messagePreview": { "enabled": false } }),
            _ => json!({}),
        });
        Ok(ResponseTemplate::json(StatusCode::OK, &body))
    }
}

/// The time at which a lifetime ends, clamped to what RFC 3339 can represent.
fn expiry(issued_at: DateTime<Utc>, lifetime: TimeDelta) -> DateTime<Utc> {
    let (first, last) =
        (DateTime::from_timestamp(MIN_TIMESTAMP, 0), DateTime::from_timestamp(MAX_TIMESTAMP, 0));
    let (first, last) = (first.unwrap_or(DateTime::UNIX_EPOCH), last.unwrap_or(DateTime::<Utc>::MAX_UTC));
    let beyond = if lifetime > TimeDelta::zero() { last } else { first };
    issued_at.checked_add_signed(lifetime).unwrap_or(beyond).clamp(first, last)
}

fn unauthorized(reason: String) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::UNAUTHORIZED,
        code: ErrorCode::UNAUTHORIZED,
        message: "unauthorized",
        detail: vec![reason],
    }
}

fn body_too_long() -> String {
    format!("body: longer than {BODY_LIMIT} bytes")
}

fn internal_error(reason: &str) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: ErrorCode::UNEXPECTED,
        message: "internal error of the sandbox",
        detail: vec![reason.to_owned()],
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Reads the body up to the limit. Returns it, and whether it is longer. The rest of a longer body is read and
/// dropped: a client that gets a response while it still writes could see a broken connection instead.
async fn read(mut body: Incoming) -> Result<(Bytes, bool), ConnectionError> {
    let mut bytes = Vec::new();
    let mut too_long = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ConnectionError::Request)?.into_data() else { continue };
        let room = BODY_LIMIT - bytes.len();
        too_long |= data.len() > room;
        bytes.extend(data.into_iter().take(room));
    }
    Ok((bytes.into(), too_long))
}

/// Why a connection ends without a response.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// A fault resets the connection.
    Reset,
    /// The request is incomplete or invalid.
    Request(hyper::Error),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::Request(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectionError {}
