//! Handles the requests of a sandbox.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response, StatusCode, request};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use super::bots::{self, Bots};
use super::contract::Registration;
use super::fault::{self, Faults};
use super::history::{History, Request};
use super::lock;
use super::network::Network;
use super::response::{ErrorResponse, ResponseBody, ResponseTemplate};
use super::stub::Stub;
use super::token::Tokens;
use crate::api::Open;
use crate::api::types::{BotSession, RegisterBotSession, UserType};
use crate::config::{AccessToken, ApiKey};
use crate::error::ErrorCode;

/// The maximum length of a request body, about ten times what the contract's longest fields need.
const BODY_LIMIT: usize = 64 * 1024;

/// The last second that RFC 3339 can represent, in the year 9999.
const MAX_TIMESTAMP: i64 = 253_402_300_799;

/// The state of a sandbox.
pub(super) struct Service {
    registration: Registration,
    pub(super) settings: Settings,
    started_at: DateTime<Utc>,
    pub(super) bots: Bots,
    pub(super) tokens: Tokens,
    /// The faults of registrations.
    pub(super) faults: Mutex<Faults>,
    pub(super) read_faults: Mutex<Faults>,
    /// Responses to reads by path, set with `stub_get`.
    pub(super) stubs: Mutex<HashMap<String, Stub>>,
    pub(super) requests: History<Request>,
    pub(super) violations: History<String>,
}

/// What a sandbox does, as set with its builder.
pub(super) struct Settings {
    pub(super) api_key: Option<ApiKey>,
    pub(super) lifetime: Duration,
    pub(super) daily_reads: u32,
    pub(super) keeps_older_tokens: bool,
    pub(super) network: Option<Network>,
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
            read_faults: Mutex::default(),
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
            self.read(&head).await
        }
    }

    fn record(&self, head: &request::Parts, body: Bytes) -> Request {
        let mut headers = head.headers.clone();
        for (name, value) in &mut headers {
            if name == self.registration.key_header() || name == AUTHORIZATION {
                value.set_sensitive(true);
            }
        }
        Request {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers,
            body,
        }
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

        let fault = lock(&self.faults).take();
        fault::send(fault, |lifetime| self.session(&parsed, lifetime.unwrap_or(self.settings.lifetime))).await
    }

    /// Responds with a session of this lifetime, or with the error for an invalid request.
    fn session(&self, parsed: &ParsedRequest, lifetime: Duration) -> ResponseTemplate {
        match self.issue(parsed, lifetime) {
            Ok(session) => ResponseTemplate::json(StatusCode::OK, &session),
            Err(error) => error.into(),
        }
    }

    fn issue(&self, parsed: &ParsedRequest, lifetime: Duration) -> Result<BotSession, ErrorResponse> {
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
}

/// The time at which a lifetime ends, at most the last one that RFC 3339 can represent.
fn expiry(issued_at: DateTime<Utc>, lifetime: Duration) -> DateTime<Utc> {
    let last = DateTime::from_timestamp(MAX_TIMESTAMP, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let end = TimeDelta::from_std(lifetime).ok().and_then(|lifetime| issued_at.checked_add_signed(lifetime));
    end.map_or(last, |end| end.min(last))
}

pub(super) fn unauthorized(reason: String) -> ErrorResponse {
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
