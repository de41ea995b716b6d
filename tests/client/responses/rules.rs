//! What a caller must get for a response: the rules, and how an outcome is compared with them.

use std::time::Duration;

use social_plus_bot::{Error, ErrorKind};

use super::draw::{Body, Call, Code, Date, Draw, End, Framing, KEY, KEYS, Life, RetryAfter, Stop};

/// What a caller got.
pub struct Outcome {
    /// The text of the session's mismatches, or the error.
    pub result: Result<String, Error>,
    /// The requests that got the response.
    pub requests: usize,
}

/// A rule that an outcome breaks, by its name, and how.
pub type Broken = (&'static str, String);

/// What a caller must get.
#[derive(Debug)]
struct Expected {
    kind: ErrorKind,
    is_transient: bool,
    status: Option<u16>,
    code: Option<i64>,
    requests: usize,
}

/// Compares an outcome with the rules.
pub fn check(draw: &Draw, outcome: &Outcome) -> Result<(), Broken> {
    let Outcome { result, requests } = outcome;
    let (expected, error) = match (expected(draw), result) {
        (None, Ok(text)) => {
            let fault = unprintable(text).or_else(|| key_in(text));
            return fault
                .map_or(Ok(()), |fault| Err(("what is noted about a session can be printed", fault)));
        }
        (None, Err(error)) => {
            let rule = match draw.call {
                Call::Register => "a session that can be had is had",
                Call::Read => "a response that is no error is returned",
            };
            return Err((rule, format!("{error:?}")));
        }
        (Some(expected), Ok(_)) => {
            return Err(("a failure is an error", format!("expected {expected:?}")));
        }
        (Some(expected), Err(error)) => (expected, error),
    };
    let rule = |name: &'static str, holds: bool| {
        let broken = || (name, format!("expected {expected:?}, found {requests} requests and {error:?}"));
        if holds { Ok(()) } else { Err(broken()) }
    };
    rule("the error has the status", error.status().map(u16::from) == expected.status)?;
    rule("the error has the code", error.code().map(|code| code.get()) == expected.code)?;
    rule("the error has the right kind", error.kind() == expected.kind)?;
    rule("the error is transient if it passes", error.is_transient() == expected.is_transient)?;
    // Such a timeout is short, and may end before the request was received.
    let is_unheard = draw.stop == Stop::BeforeHead(End::Stall) && *requests == 0;
    rule("what passes is repeated, and only that", *requests == expected.requests || is_unheard)?;
    if expected.kind != ErrorKind::DeviceInUse && expected.status.is_some() {
        rule("the error has the message", !has_message(draw) || says(error.message()))?;
        let detail = |line: &String| line.contains("deviceId is too long");
        rule("the error has the details", !has_message(draw) || error.details().iter().any(detail))?;
        let wait = error.retry_after();
        let is_quota = expected.code == Some(400_323) && draw.call == Call::Read;
        rule("the error has the wait", keeps_wait(draw, wait) || is_quota && wait.is_some())?;
    }
    for text in [error.to_string(), format!("{error:?}")] {
        let fault = unprintable(&text).or_else(|| key_in(&text));
        fault.map_or(Ok(()), |fault| Err(("an error can be printed", fault)))?;
    }
    Ok(())
}

fn says(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("it was refused"))
}

/// The error that a response must become, if it must.
fn expected(draw: &Draw) -> Option<Expected> {
    let error =
        |kind, is_transient, status, requests| Expected { kind, is_transient, status, code: None, requests };
    let once = |open: bool| if draw.call == Call::Register && open { 2 } else { 1 };
    match draw.stop {
        Stop::BeforeHead(End::Close) => {
            return Some(error(ErrorKind::Unavailable, true, None, once(true)));
        }
        Stop::BeforeHead(End::Stall) => return Some(error(ErrorKind::Timeout, true, None, 1)),
        Stop::Complete | Stop::InBody(..) => {}
    }
    let code = code(draw);
    let status = Some(draw.status);
    if draw.status >= 400 {
        return Some(refusal(draw, code));
    }
    // Without a length, nothing tells that something is missing.
    let seems_complete = is_complete(draw)
        || draw.framing == Framing::Close && matches!(draw.stop, Stop::InBody(_, End::Close));
    let is_envelope = is_complete(draw) && matches!(draw.body, Body::Envelope(..));
    match draw.call {
        Call::Read => {
            let is_error = draw.status == 200 && seems_complete && code.is_some();
            is_error.then(|| refusal(draw, code))
        }
        Call::Register if draw.status != 200 => Some(error(ErrorKind::InvalidResponse, false, status, 1)),
        Call::Register => match draw.stop {
            Stop::InBody(_, End::Stall) => Some(error(ErrorKind::Timeout, true, status, 1)),
            Stop::InBody(_, End::Close) if !seems_complete => {
                Some(error(ErrorKind::Unavailable, true, status, 2))
            }
            _ if code.is_some() || is_envelope || seems_complete && message_arrived(draw) => {
                Some(refusal(draw, code))
            }
            _ if is_session(draw) => None,
            _ => Some(error(ErrorKind::InvalidResponse, false, status, 1)),
        },
    }
}

/// The timeout of the client.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A refusal by status and code.
fn refusal(draw: &Draw, code: Option<i64>) -> Expected {
    use ErrorKind::{DeviceInUse, RateLimited, Rejected, Unavailable};

    let (kind, is_transient) = match (draw.status, code) {
        (429, _) | (_, Some(400_311 | 400_323)) => (RateLimited, true),
        (401, _) | (_, Some(403_998)) => (Rejected, false),
        (408 | 425 | 500 | 502..=504 | 520..=530, _) | (200, Some(500_000)) => (Unavailable, true),
        (500.., _) => (Unavailable, false),
        _ => (Rejected, false),
    };
    let is_refused_token = matches!(
        (draw.call, draw.status, code),
        (Call::Read, 401 | 200, Some(400_100)) | (Call::Read, 401, None)
    );
    if is_refused_token {
        // The token is replaced once. A refusal without a code does not count for the new one.
        let (kind, is_transient) = if code.is_some() { (DeviceInUse, true) } else { (kind, is_transient) };
        return Expected { kind, is_transient, status: Some(draw.status), code, requests: 2 };
    }
    let is_long = wait(draw).is_some_and(|wait| wait > TIMEOUT);
    let requests = match (draw.call, kind) {
        (Call::Read, _) => 1,
        _ if !is_transient || is_long => 1,
        (_, RateLimited) => 4,
        _ if matches!(draw.status, 425 | 503) => 4,
        _ => 2,
    };
    Expected { kind, is_transient, status: Some(draw.status), code, requests }
}

fn is_complete(draw: &Draw) -> bool {
    draw.stop == Stop::Complete && draw.has_body()
}

/// The code, if it arrived.
fn code(draw: &Draw) -> Option<i64> {
    let Body::Envelope(Code::Number(code) | Code::Text(code), _) = draw.body else { return None };
    let (body, code_ends) = draw.body();
    (draw.has_body() && arrived(draw, &body) >= code_ends).then_some(code)
}

/// Whether the message of an envelope arrived.
fn message_arrived(draw: &Draw) -> bool {
    let (body, _) = draw.body();
    let end = body.windows(8).position(|end| end == br#"","data""#);
    matches!(draw.body, Body::Envelope(..)) && end.is_some_and(|end| end < arrived(draw, &body))
}

fn arrived(draw: &Draw, body: &[u8]) -> usize {
    match draw.stop {
        Stop::Complete => body.len(),
        Stop::InBody(part, _) => body.len() * usize::from(part) / 100,
        Stop::BeforeHead(_) => 0,
    }
}

fn has_message(draw: &Draw) -> bool {
    is_complete(draw) && matches!(draw.body, Body::Envelope(..)) && (draw.status == 200 || draw.status >= 400)
}

/// Whether a complete response with status 200 is a session. One wrong clock neither revives a token nor ends it.
fn is_session(draw: &Draw) -> bool {
    is_complete(draw) && draw.body == Body::Session(Life::Month)
}

/// The wait that the response asks for.
fn wait(draw: &Draw) -> Option<Duration> {
    match draw.retry_after? {
        RetryAfter::Seconds(seconds) => Some(Duration::from_secs(seconds)),
        RetryAfter::Fraction => Some(Duration::from_millis(90_500)),
        RetryAfter::Huge => Some(Duration::MAX),
        // From a cache, it asked for that a day ago.
        RetryAfter::Date if draw.date == Date::Cached => Some(Duration::ZERO),
        RetryAfter::Date => Some(Duration::from_secs(300)),
        RetryAfter::Invalid => None,
    }
}

fn keeps_wait(draw: &Draw, found: Option<Duration>) -> bool {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let is_refusal = draw.status >= 400;
    match (wait(draw).filter(|_| is_refusal), draw.retry_after) {
        (_, Some(_)) if !is_refusal => true,
        (Some(_), Some(RetryAfter::Huge)) => found.is_some_and(|found| found > YEAR),
        // The time passes by the local clock.
        (Some(wait), Some(RetryAfter::Date)) if draw.date == Date::Absent => {
            found.is_some_and(|found| found <= wait)
        }
        (wait, _) => found == wait,
    }
}

/// A character that must not reach a terminal.
fn unprintable(text: &str) -> Option<String> {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().find(|character| is_hidden(*character)).map(|found| format!("{found:?} in {text:?}"))
}

fn key_in(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let hidden = KEYS.iter().chain([&KEY, &"IwZThhMmM0ZDZmODEzNT"]);
    let mut shown = hidden.filter(|key| lower.contains(&key.to_lowercase()));
    shown.next().map(|key| format!("{key} in {text:?}"))
}
