//! What a response is drawn from.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub const KEY: &str = "b0e8a2c4d6f81357";

/// A response and the call that gets it.
#[derive(Clone, Debug)]
pub struct Draw {
    pub call: Call,
    pub status: u16,
    pub retry_after: Option<RetryAfter>,
    pub date: Date,
    pub framing: Framing,
    pub body: Body,
    /// Something in the body that can't be read or should not be printed.
    pub fault: Option<(Place, Fault)>,
    pub stop: Stop,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Register,
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryAfter {
    Seconds(u64),
    /// 90.5 seconds.
    Fraction,
    /// A number that no integer type holds.
    Huge,
    /// A date 300 s after the response's `Date`, or after the present.
    Date,
    /// Text that is neither.
    Invalid,
}

/// The header `Date`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Date {
    Absent,
    Right,
    YearBehind,
    YearAhead,
    /// The response comes from a cache, and is a day old.
    Cached,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    Length,
    Chunked,
    /// The body ends with the connection.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body {
    Session(Life),
    Envelope(Code, Detail),
    Page,
    Empty,
    Null,
}

/// The lifetime of a session's token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Life {
    Month,
    /// It ended a month ago.
    Ended,
    /// It ends when it begins.
    Zero,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Code {
    Absent,
    Number(i64),
    Text(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    List,
    Object,
    Text,
    /// A list of objects.
    Objects,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Before the body's first bracket.
    Start,
    /// Between two members.
    Between,
    /// In the name of an undocumented field.
    Name,
    /// In the value of an undocumented field.
    Unknown,
    /// In a number.
    Number,
    /// In the message, or a user's name.
    Text,
    /// In an item of the details, or in a user's metadata.
    Item,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Bytes that are not UTF-8.
    Bytes,
    /// The escape of half a surrogate pair.
    Surrogate,
    /// A byte order mark.
    Mark,
    /// Nested too deeply.
    Deep,
    /// A number out of range.
    Huge,
    /// Control characters, an escape sequence, and a bidirectional override.
    Escapes,
    /// The key, in one of [`KEYS`].
    Key(usize),
}

/// The key as it is, percent-encoded, in hex, and in base64 by itself and after other bytes.
pub const KEYS: [&str; 5] = [
    KEY,
    "%620e8a2c4d6f813%35%37",
    "62306538613263346436663831333537",
    "YjBlOGEyYzRkNmY4MTM1Nw==",
    "Ym90OmIwZThhMmM0ZDZmODEzNTc=",
];

/// Where the response stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// It is complete.
    Complete,
    BeforeHead(End),
    /// After this percentage of the body.
    InBody(u8, End),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Close,
    Stall,
}

const STATUSES: [u16; 30] = [
    200, 200, 200, 200, 201, 204, 301, 304, 400, 401, 401, 403, 404, 407, 408, 422, 422, 425, 429, 429, 451,
    500, 501, 503, 504, 511, 520, 522, 525, 530,
];

const CODES: [i64; 8] = [400_000, 400_100, 400_300, 400_311, 400_312, 400_323, 403_998, 500_000];

/// The places for each fault.
const FAULTS: [(Place, Fault); 24] = [
    (Place::Start, Fault::Bytes),
    (Place::Start, Fault::Mark),
    (Place::Between, Fault::Bytes),
    (Place::Between, Fault::Mark),
    (Place::Name, Fault::Bytes),
    (Place::Name, Fault::Surrogate),
    (Place::Name, Fault::Escapes),
    (Place::Name, Fault::Key(0)),
    (Place::Name, Fault::Key(2)),
    (Place::Name, Fault::Key(3)),
    (Place::Unknown, Fault::Surrogate),
    (Place::Unknown, Fault::Deep),
    (Place::Unknown, Fault::Huge),
    (Place::Number, Fault::Bytes),
    (Place::Number, Fault::Mark),
    (Place::Text, Fault::Bytes),
    (Place::Text, Fault::Surrogate),
    (Place::Text, Fault::Mark),
    (Place::Text, Fault::Escapes),
    (Place::Text, Fault::Key(1)),
    (Place::Text, Fault::Key(4)),
    (Place::Item, Fault::Surrogate),
    (Place::Item, Fault::Deep),
    (Place::Item, Fault::Huge),
];

pub fn draws() -> impl Strategy<Value = Draw> {
    let retry_after = select(vec![
        RetryAfter::Seconds(0),
        RetryAfter::Seconds(120),
        RetryAfter::Fraction,
        RetryAfter::Huge,
        RetryAfter::Date,
        RetryAfter::Invalid,
    ]);
    let date = select(vec![Date::Right, Date::Absent, Date::YearBehind, Date::YearAhead, Date::Cached]);
    let code = prop_oneof![
        4 => select(&CODES[..]).prop_map(Code::Number),
        2 => select(&CODES[..]).prop_map(Code::Text),
        1 => Just(Code::Absent),
    ];
    let detail = select(vec![Detail::List, Detail::Object, Detail::Text, Detail::Objects]);
    let life = select(vec![Life::Month, Life::Month, Life::Month, Life::Ended, Life::Zero]);
    let body = prop_oneof![
        3 => life.prop_map(Body::Session),
        4 => (code, detail).prop_map(|(code, detail)| Body::Envelope(code, detail)),
        1 => select(vec![Body::Page, Body::Empty, Body::Null]),
    ];
    let end = || select(vec![End::Close, End::Close, End::Stall]);
    let stop = prop_oneof![
        12 => Just(Stop::Complete),
        1 => end().prop_map(Stop::BeforeHead),
        3 => (0..100_u8, end()).prop_map(|(part, end)| Stop::InBody(part, end)),
    ];
    (
        select(vec![Call::Register, Call::Read]),
        select(&STATUSES[..]),
        option::weighted(0.4, retry_after),
        date,
        select(vec![Framing::Length, Framing::Chunked, Framing::Close]),
        body,
        option::of(select(&FAULTS[..])),
        stop,
    )
        .prop_map(|(call, status, retry_after, date, framing, body, fault, stop)| {
            let is_empty = body == Body::Empty && framing == Framing::Length;
            // No byte of it is missing.
            let stop = if is_empty && matches!(stop, Stop::InBody(..)) { Stop::Complete } else { stop };
            Draw { call, status, retry_after, date, framing, body, fault, stop }
        })
        // Whether a text that ends where the body stops has arrived is open: what follows could tell.
        .prop_filter("the code ends where the body stops", |draw| {
            let Stop::InBody(part, _) = draw.stop else { return true };
            let (body, code_ends) = draw.body();
            code_ends == 0 || body.len() * usize::from(part) / 100 != code_ends - 1
        })
}
