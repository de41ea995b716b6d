//! Which answer a request gets.

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

/// A registration takes at most so many bytes; ten times what the contract's longest fields need.
const BODY_LIMIT: usize = 64 * 1024;

/// Years 0000 and 9999, where the dates of RFC 3339 begin and end.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// The one read that has an answer: the service's own TypeScript SDK asks for this as part of its login, and
/// fails without that field.
const CHAT_SETTINGS: &str = "/api/v3/network-settings/chat";

/// All that a sandbox knows.
pub(super) struct Service {
    registration: Registration,
    api_key: Option<ApiKey>,
    lifetime: TimeDelta,
    started_at: DateTime<Utc>,
    bots: Bots,
    pub(super) tokens: Tokens,
    pub(super) faults: Mutex<Faults>,
    /// What the reads of a path return, where a test said so.
    pub(super) stubs: Mutex<HashMap<String, Value>>,
    pub(super) requests: History<Request>,
    pub(super) violations: History<String>,
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) next: VecDeque<Fault>,
    pub(super) always: Option<Fault>,
}

/// What a registration says of itself, or which rules it breaks.
struct ParsedRequest {
    key: Result<Vec<u8>, String>,
    body: Result<RegisterBotSession, Vec<String>>,
    overlong: bool,
}

impl Service {
    pub(super) fn new(api_key: Option<ApiKey>, lifetime: TimeDelta) -> Result<Self, String> {
        Ok(Self {
            registration: Registration::read()?,
            api_key,
            lifetime,
            started_at: Utc::now().trunc_subsecs(3),
            bots: Bots::default(),
            tokens: Tokens::new(),
            faults: Mutex::default(),
            stubs: Mutex::default(),
            requests: History::default(),
            violations: History::default(),
        })
    }

    /// Answers a request.
    ///
    /// # Errors
    ///
    /// If the connection is to break instead.
    pub(super) async fn respond(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<Response<ResponseBody>, ConnectionError> {
        let (head, body) = request.into_parts();
        let (body, overlong) = read(body).await?;
        self.requests.push(self.received(&head, body.clone()));
        if self.registration.matches(&head.method, head.uri.path()) {
            self.register(&head.headers, &body, overlong).await
        } else {
            Ok(self.read_with_token(&head).unwrap_or_else(ResponseTemplate::from).complete())
        }
    }

    fn received(&self, head: &request::Parts, body: Bytes) -> Request {
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
        overlong: bool,
    ) -> Result<Response<ResponseBody>, ConnectionError> {
        let parsed = ParsedRequest {
            key: self.registration.key(headers).map(<[u8]>::to_vec),
            body: if overlong { Err(vec![too_long()]) } else { self.registration.body(headers, body) },
            overlong,
        };
        let broken =
            parsed.key.as_ref().err().into_iter().chain(parsed.body.as_ref().err().into_iter().flatten());
        for rule in broken {
            self.violations.push(rule.clone());
        }

        let fault = {
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
            Kind::MapBody(alter) => self.session(&parsed, self.lifetime, &*alter).with(headers).complete(),
        })
    }

    fn default_response(&self, parsed: &ParsedRequest) -> ResponseTemplate {
        self.session(parsed, self.lifetime, |_| {})
    }

    /// A session of this lifetime, altered, or the refusal that is due.
    fn session(
        &self,
        parsed: &ParsedRequest,
        lifetime: TimeDelta,
        alter: impl Fn(&mut Value),
    ) -> ResponseTemplate {
        let session = self.issue(parsed, lifetime).and_then(|session| {
            serde_json::to_value(session).map_err(|_| failure("the session can't be written"))
        });
        match session {
            Ok(mut session) => {
                alter(&mut session);
                ResponseTemplate::json(StatusCode::OK, &session)
            }
            Err(refusal) => refusal.into(),
        }
    }

    fn issue(&self, parsed: &ParsedRequest, lifetime: TimeDelta) -> Result<BotSession, ErrorResponse> {
        let key = parsed.key.as_ref().map_err(|rule| unauthorized(rule.clone()))?;
        if self.api_key.as_ref().is_some_and(|accepted| accepted.expose_secret().as_bytes() != key) {
            return Err(unauthorized(format!("{}: not the accepted one", self.registration.key_header())));
        }
        if parsed.overlong {
            return Err(ErrorResponse {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: ErrorCode::BAD_REQUEST,
                message: "the request is too large",
                detail: vec![too_long()],
            });
        }
        let body = parsed.body.as_ref().map_err(|rules| ErrorResponse {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: ErrorCode::UNEXPECTED,
            message: "the request breaks the contract",
            detail: rules.clone(),
        })?;

        let issued_at = Utc::now().trunc_subsecs(3);
        let expires_at = expiry(issued_at, lifetime);
        let (user, created_at) = self.bots.register(key, &body.device_id, issued_at);
        let token = self
            .tokens
            .issue(&user, &body.device_id, issued_at, expires_at)
            .map_err(|_| failure("the token can't be signed"))?;
        Ok(BotSession {
            access_token: AccessToken::from(token),
            issued_at,
            expires_at,
            users: Some(vec![bots::profile(&user, created_at)]),
            roles: Some(Vec::new()),
            files: Some(Vec::new()),
            last_cache_purge: Some(self.started_at),
            user_type: Some(Open::Known(UserType::Bot)),
        })
    }

    /// Anything but a registration: a bot shows its token, and may read.
    fn read_with_token(&self, head: &request::Parts) -> Result<ResponseTemplate, ErrorResponse> {
        let token =
            bearer(&head.headers).ok_or_else(|| unauthorized(format!("{AUTHORIZATION}: no token")))?;
        let claims = self
            .tokens
            .check(token, Utc::now())
            .map_err(|reason| unauthorized(format!("{AUTHORIZATION}: {reason}")))?;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(ErrorResponse {
                status: StatusCode::FORBIDDEN,
                code: ErrorCode::BOT_PERMISSION_DENIED,
                message: "a bot may only read",
                detail: vec![format!("{}: not allowed", head.method)],
            });
        }
        if !self.bots.read(&claims.user_id, Utc::now().date_naive()) {
            return Err(ErrorResponse {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: ErrorCode::DAILY_QUOTA_EXCEEDED,
                message: "the reads of the day are used up",
                detail: vec![format!("{} a day (UTC)", bots::DAILY_READS)],
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

/// The end of a lifetime, within the years that a date has room for.
fn expiry(issued_at: DateTime<Utc>, lifetime: TimeDelta) -> DateTime<Utc> {
    let (first, last) = (DateTime::from_timestamp(FIRST, 0), DateTime::from_timestamp(LAST, 0));
    let (first, last) = (first.unwrap_or(DateTime::UNIX_EPOCH), last.unwrap_or(DateTime::<Utc>::MAX_UTC));
    let beyond = if lifetime > TimeDelta::zero() { last } else { first };
    issued_at.checked_add_signed(lifetime).unwrap_or(beyond).clamp(first, last)
}

fn unauthorized(reason: String) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::UNAUTHORIZED,
        code: ErrorCode::UNAUTHORIZED,
        message: "not authorized",
        detail: vec![reason],
    }
}

fn too_long() -> String {
    format!("body: longer than {BODY_LIMIT} bytes")
}

fn failure(reason: &str) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: ErrorCode::UNEXPECTED,
        message: "the sandbox failed",
        detail: vec![reason.to_owned()],
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The body up to the limit, and whether it is longer. It is read to its end either way: a client that is
/// answered while it still writes may see its connection break instead of the answer.
async fn read(mut body: Incoming) -> Result<(Bytes, bool), ConnectionError> {
    let mut kept = Vec::new();
    let mut overlong = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ConnectionError::Request)?.into_data() else { continue };
        let room = BODY_LIMIT - kept.len();
        overlong |= data.len() > room;
        kept.extend(data.into_iter().take(room));
    }
    Ok((kept.into(), overlong))
}

/// Why a connection breaks instead of carrying an answer.
#[derive(Debug)]
pub(super) enum ConnectionError {
    /// It is to be reset.
    Reset,
    /// The request did not come whole.
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
