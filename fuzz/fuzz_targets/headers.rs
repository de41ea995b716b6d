//! Interprets arbitrary values of the headers that say how long to wait and how long to keep a response.
//!
//! Each line of the input is a header: a digit, which is the position of its name below, and the value.

#![no_main]

use http::header::{
    AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, PRAGMA,
    RETRY_AFTER,
};

const NAMES: [HeaderName; 8] =
    [RETRY_AFTER, DATE, AGE, CACHE_CONTROL, EXPIRES, ETAG, LAST_MODIFIED, PRAGMA];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let lines = input.split(|&byte| byte == b'\n');
    let headers = lines.filter_map(|line| {
        let (digit, value) = line.split_first()?;
        let name = NAMES.get(usize::from(digit.checked_sub(b'0')?))?;
        Some((name.clone(), HeaderValue::from_bytes(value).ok()?))
    });
    let mut map = HeaderMap::new();
    headers.for_each(|(name, value)| {
        map.append(name, value);
    });
    social_plus_bot::read_headers(&map);
});
