//! The bytes of a drawn response.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

use super::draw::{
    Body, Call, Code, Date, Detail, Draw, End, Fault, Framing, KEYS, Life, Place, RetryAfter, Stop,
};

impl Draw {
    /// Whether the status allows a body.
    pub fn has_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    /// Whether a registration waits for the rest of a session, as long as an attempt takes.
    pub fn is_slow(&self) -> bool {
        let stalls = matches!(self.stop, Stop::InBody(_, End::Stall));
        self.call == Call::Register && self.status == 200 && stalls
    }

    /// The bytes of the response up to where it stops.
    pub fn bytes(&self) -> Vec<u8> {
        if let Stop::BeforeHead(_) = self.stop {
            return Vec::new();
        }
        let mut response = format!("HTTP/1.1 {} Drawn\r\nconnection: close\r\n", self.status).into_bytes();
        let is_json = matches!(self.body, Body::Session(_) | Body::Envelope(..) | Body::Null);
        let content_type = if is_json { "application/json" } else { "text/html" };
        response.extend(format!("content-type: {content_type}\r\n").bytes());
        if let Some(now) = self.service_time() {
            response.extend(format!("date: {}\r\n", httpdate::fmt_http_date(now)).bytes());
        }
        if self.date == Date::Cached {
            response.extend(b"age: 86400\r\n");
        }
        let retry_after = self.retry_after.map(|retry_after| match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Fraction => "90.5".to_owned(),
            RetryAfter::Huge => "9".repeat(30),
            RetryAfter::Date => {
                let now = self.service_time().unwrap_or_else(SystemTime::now);
                httpdate::fmt_http_date(now + Duration::from_secs(300))
            }
            RetryAfter::Invalid => "soon".to_owned(),
        });
        if let Some(retry_after) = retry_after {
            response.extend(format!("retry-after: {retry_after}\r\n").bytes());
        }
        let body = if self.has_body() { self.body().0 } else { Vec::new() };
        let sent = match self.stop {
            Stop::InBody(part, _) => body.len() * usize::from(part) / 100,
            _ => body.len(),
        };
        match self.framing {
            Framing::Length if self.has_body() => {
                response.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
                response.extend(&body[..sent]);
            }
            Framing::Chunked if self.has_body() => {
                response.extend(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in body[..sent].chunks(50) {
                    response.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    response.extend(chunk);
                    response.extend(b"\r\n");
                }
                if self.stop == Stop::Complete {
                    response.extend(b"0\r\n\r\n");
                }
            }
            _ => {
                response.extend(b"\r\n");
                response.extend(&body[..sent]);
            }
        }
        response
    }

    /// The time that the service states.
    fn service_time(&self) -> Option<SystemTime> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let now = SystemTime::now();
        match self.date {
            Date::Absent => None,
            Date::Right => Some(now),
            Date::YearBehind => Some(now - 365 * DAY),
            Date::YearAhead => Some(now + 365 * DAY),
            Date::Cached => Some(now - DAY),
        }
    }

    /// The complete body, and where the member `code` of an envelope ends.
    pub fn body(&self) -> (Vec<u8>, usize) {
        let mut body = Vec::new();
        let mut code_ends = 0;
        match self.body {
            Body::Page => body.extend(b"<html><body><h1>It broke</h1></body></html>"),
            Body::Empty => {}
            Body::Null => body.extend(b"null"),
            Body::Session(life) => {
                let now = Utc::now();
                let (issued, expires): (DateTime<Utc>, DateTime<Utc>) = match life {
                    Life::Month => (now, now + TimeDelta::days(30)),
                    Life::Ended => (now - TimeDelta::days(60), now - TimeDelta::days(30)),
                    Life::Zero => (now, now),
                };
                self.begin(&mut body);
                body.extend(br#""issuedAt":"#);
                body.extend(format!("{:?},", issued.to_rfc3339()).bytes());
                self.insert(Place::Between, &mut body);
                body.extend(br#""accessToken":"abc","expiresAt":"#);
                body.extend(format!("{:?},", expires.to_rfc3339()).bytes());
                self.undocumented(&mut body);
                body.extend(br#""users":[{"userId":"bot","flagCount":1"#);
                self.insert(Place::Number, &mut body);
                body.extend(br#"2,"displayName":"A bot "#);
                self.insert(Place::Text, &mut body);
                body.extend(br#"","metadata":{"more":"#);
                self.item(&mut body);
                body.extend(br#"},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}]}"#);
            }
            Body::Envelope(code, detail) => {
                self.begin(&mut body);
                body.extend(br#""status":"error","#);
                self.insert(Place::Between, &mut body);
                match code {
                    Code::Absent => {}
                    Code::Number(code) => body.extend(format!(r#""code":{code},"#).bytes()),
                    Code::Text(code) => body.extend(format!(r#""code":"{code}","#).bytes()),
                }
                // The end of a number shows only by what follows.
                code_ends = body.len() - usize::from(matches!(code, Code::Text(_)));
                self.undocumented(&mut body);
                body.extend(br#""count":1"#);
                self.insert(Place::Number, &mut body);
                body.extend(br#"2,"message":"it was refused "#);
                self.insert(Place::Text, &mut body);
                body.extend(br#"","data":{"detail":"#);
                let (before, after): (&str, &str) = match detail {
                    Detail::List => (r#"["deviceId is too long","#, "]"),
                    Detail::Object => (r#"{"deviceId":"deviceId is too long","more":"#, "}"),
                    Detail::Text => (r#""deviceId is too long","more":"#, ""),
                    Detail::Objects => (r#"[{"field":"deviceId is too long"},"#, "]"),
                };
                body.extend(before.bytes());
                self.item(&mut body);
                body.extend(after.bytes());
                body.extend(b"}}");
            }
        }
        (body, code_ends)
    }

    fn begin(&self, body: &mut Vec<u8>) {
        self.insert(Place::Start, body);
        body.push(b'{');
    }

    fn undocumented(&self, body: &mut Vec<u8>) {
        body.extend(br#""extra"#);
        self.insert(Place::Name, body);
        body.extend(br#"":"#);
        self.value(Place::Unknown, body);
        body.push(b',');
    }

    fn item(&self, body: &mut Vec<u8>) {
        self.value(Place::Item, body);
    }

    /// A value with the fault, if it is in this place.
    fn value(&self, place: Place, body: &mut Vec<u8>) {
        match self.fault {
            Some((at, Fault::Deep)) if at == place => {
                body.extend(format!("{}{}", "[".repeat(200), "]".repeat(200)).bytes());
            }
            Some((at, Fault::Huge)) if at == place => body.extend(b"1e999"),
            _ => {
                body.extend(br#""more "#);
                self.insert(place, body);
                body.push(b'"');
            }
        }
    }

    /// Inserts the fault, if it is in this place.
    fn insert(&self, place: Place, body: &mut Vec<u8>) {
        match self.fault {
            Some((at, fault)) if at == place => match fault {
                Fault::Bytes => body.extend(b"\xff\xc3"),
                Fault::Surrogate => body.extend(br"\ud800"),
                Fault::Mark => body.extend("\u{feff}".bytes()),
                Fault::Escapes => body.extend("\\u001b[31m\\r\\n\u{9b}\u{202e}\u{2066}".bytes()),
                Fault::Key(form) => body.extend(KEYS[form].bytes()),
                Fault::Deep | Fault::Huge => {}
            },
            _ => {}
        }
    }
}
