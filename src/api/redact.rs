//! Redacts secrets in text from the service.
//!
//! Error messages of a service may quote a refused key or token, and end up in logs and on terminals. So secrets and
//! control characters are removed, and the length is limited, before the text is used.
//!
//! A secret is found anywhere in a text, in upper or lower case, and percent-encoded. The key is also found in hex and
//! base64: [`encoded`] has these forms. A secret of less than
//! [`SHORTEST`] bytes is found only as a whole word, since it could be part of other words. JSON Web Tokens are
//! recognized by their form, so unknown ones are found as well.

use std::borrow::Cow;
use std::ops::Range;

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Number, Value};

use crate::config::percent::Decoded;
use crate::error::printable;

/// The maximum length of a text, in characters.
const SENTENCE: usize = 500;

/// The maximum number of members of an object or items of an array.
const ENTRIES: usize = 50;

/// The maximum length of the searched part of a text, in bytes. The rest is left out.
const MAX_SEARCHED: usize = 64 * 1024;

/// The maximum length of a text in which any search is fast, in bytes.
const SHORT_TEXT: usize = 256;

/// The minimum length of secrets that are found within words, in bytes.
const SHORTEST: usize = 8;

/// The minimum length of the header of a JSON Web Token that does not begin a word, in bytes. The shortest possible
/// header, `{"alg":""}`, takes 14.
const SHORTEST_HEADER: usize = 14;

/// The minimum length of field names that can be random, and not words.
const RANDOM: usize = 20;

const REDACTED: &str = "[redacted]";

/// Redacts all text and numbers within `value`, including the names of members.
pub(crate) fn value(value: Value, secrets: &[&str]) -> Value {
    match value {
        Value::String(input) => Value::String(text(&input, secrets)),
        Value::Number(number) if secrets.iter().any(|secret| is_shown_by(secret, &number)) => REDACTED.into(),
        Value::Array(items) => {
            items.into_iter().take(ENTRIES).map(|item| self::value(item, secrets)).collect()
        }
        Value::Object(members) => members
            .into_iter()
            .take(ENTRIES)
            .map(|(name, member)| (sentence(&self::name(&name, secrets)), self::value(member, secrets)))
            .collect(),
        plain => plain,
    }
}

/// `input` with secrets redacted, as one line of at most 500 characters.
pub(crate) fn text(input: &str, secrets: &[&str]) -> String {
    sentence(&without(input, secrets))
}

/// `input` as one line of at most 500 characters.
pub(crate) fn sentence(input: &str) -> String {
    let end = input.char_indices().nth(SENTENCE).map_or(input.len(), |(end, _)| end);
    printable::line(input.get(..end).unwrap_or_default())
}

/// The name of an undocumented field with secrets redacted. It is redacted wholly if it is a part of a secret, or looks
/// like a token of any form.
pub(crate) fn name<'a>(name: &'a str, secrets: &[&str]) -> Cow<'a, str> {
    let lower = name.to_ascii_lowercase();
    let is_part = |secret: &&str| secret.to_ascii_lowercase().contains(&lower);
    let is_random = name.len() >= RANDOM
        && name.bytes().all(|byte| is_part_of_token(&byte) || matches!(byte, b'+' | b'/' | b'=' | b'~'))
        && name.bytes().any(|byte| byte.is_ascii_digit())
        && name.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_random || name.len() >= SHORTEST && secrets.iter().any(is_part) {
        return REDACTED.into();
    }
    without(name, secrets).into()
}

/// The forms in which a key can be quoted besides itself: in hex, and in base64 at any position.
pub(crate) fn encoded(key: &str) -> Vec<SecretString> {
    let mut forms = vec![key.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()];
    for before in 0..3 {
        let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(key.bytes()).collect();
        let digits = bytes.chunks(3).flat_map(|chunk| {
            let group =
                chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            [18, 12, 6, 0].map(|shift| (group >> shift & 63) as usize)
        });
        // Only the digits that the key alone decides.
        let decided = bytes.len() * 8 / 6;
        let digits: Vec<usize> = digits.take(decided).skip((before * 8).div_ceil(6)).collect();
        for last in ["+/", "-_"] {
            let digit = |at: &usize| BASE64.bytes().chain(last.bytes()).nth(*at).map(char::from);
            let form: String = digits.iter().filter_map(digit).collect();
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms.into_iter().map(SecretString::from).collect()
}

/// The digits of base64 but the last two, of which there are two forms.
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `input` with secrets redacted. A very long text is cut.
pub(crate) fn without(input: &str, secrets: &[&str]) -> String {
    let input = beginning(input);
    let mut shown = String::with_capacity(input.len());
    let mut from = 0;
    for secret in found(input, secrets) {
        if secret.start >= from {
            shown.push_str(input.get(from..secret.start).unwrap_or_default());
            shown.push_str(REDACTED);
        }
        from = from.max(secret.end);
    }
    shown.push_str(input.get(from..).unwrap_or_default());
    shown
}

/// The ranges of secrets in a text, in order. This takes linear time for any text and token, since both come from the
/// service.
fn found(input: &str, secrets: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // A key may itself contain what looks percent-encoded, so the text is searched before and after decoding.
    for decoded in Decoded::all(input) {
        let bytes = decoded.bytes();
        let mut at = tokens(bytes);
        let text = searched(bytes);
        for secret in secrets.iter().map(|secret| secret.as_bytes()) {
            if secret.len() >= SHORTEST {
                let quoted = text.match_indices(&*searched(secret)).map(|(at, _)| at).collect::<Vec<_>>();
                at.extend(quoted.into_iter().map(|at| at..at + secret.len()));
            } else {
                let words = (0..bytes.len()).filter(|at| is_word(bytes, *at, secret));
                at.extend(words.map(|at| at..at + secret.len()));
            }
        }
        found.extend(at.into_iter().map(|secret| decoded.start(secret.start)..decoded.start(secret.end)));
    }
    found.sort_by_key(|secret| secret.start);
    found
}

/// The bytes as lower-case ASCII at the same positions. All bytes that are not ASCII become DEL.
fn searched(bytes: &[u8]) -> String {
    let searched = |byte: &u8| if byte.is_ascii() { byte.to_ascii_lowercase() } else { 0x7f };
    String::from_utf8(bytes.iter().map(searched).collect()).unwrap_or_default()
}

/// Marks header values that contain a secret as sensitive, so that `Debug` does not print them. Removes headers whose
/// name contains a secret.
pub(crate) fn headers(headers: &mut HeaderMap, secrets: &[&str]) {
    let named: Vec<_> = headers.keys().filter(|name| quotes(name.as_str(), secrets)).cloned().collect();
    for name in named {
        headers.remove(name);
    }
    for value in headers.values_mut() {
        // A value that is too long to be searched could contain a secret.
        if value.len() > MAX_SEARCHED || quotes(&String::from_utf8_lossy(value.as_bytes()), secrets) {
            value.set_sensitive(true);
        }
    }
}

fn quotes(input: &str, secrets: &[&str]) -> bool {
    // Nearly all headers are short and quote nothing, which is found out faster without decoding them.
    let holds =
        |secret: &[u8]| input.as_bytes().windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret));
    let may_hold = |secret: &&str| secret.len() < SHORTEST || holds(secret.as_bytes());
    let is_short = input.len() <= SHORT_TEXT && input.is_ascii() && !input.contains('%');
    let is_clean = is_short && !input.contains("eyJ") && !secrets.iter().any(may_hold);
    !is_clean && !found(input, secrets).is_empty()
}

/// The part of a text that is searched. It ends at white space, which no secret contains, so no secret is cut in two.
fn beginning(input: &str) -> &str {
    if input.len() <= MAX_SEARCHED {
        return input;
    }
    let end = (0..=MAX_SEARCHED).rev().find(|at| input.is_char_boundary(*at)).unwrap_or_default();
    let cut = input.get(..end).unwrap_or_default();
    cut.rsplit_once(char::is_whitespace).map_or("", |(before, _)| before)
}

/// Whether `secret` is a whole word at this position.
fn is_word(input: &[u8], at: usize, secret: &[u8]) -> bool {
    let beside = |at: Option<usize>| at.and_then(|at| input.get(at)).is_some_and(is_part_of_token);
    let end = at + secret.len();
    !secret.is_empty()
        && input.get(at..end) == Some(secret)
        && !beside(at.checked_sub(1))
        && !beside(Some(end))
}

/// The ranges of JSON Web Tokens.
fn tokens(input: &[u8]) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for word in input.split(|byte| !is_part_of_token(byte)) {
        let end = start + word.len();
        tokens.extend(token_in(word).map(|at| start + at..end));
        start = end + 1;
    }
    tokens
}

/// Where a JSON Web Token begins in a word, if there is one.
fn token_in(word: &[u8]) -> Option<usize> {
    let mut start = 0;
    let mut parts = word.split(|byte| *byte == b'.').peekable();
    while let Some(part) = parts.next() {
        // The last part can't be a header, since nothing follows.
        parts.peek()?;
        // The first occurrence gives the longest header.
        let header = part.windows(3).position(|begin| begin == b"eyJ");
        if let Some(at) = header.filter(|at| start + at == 0 || part.len() - at >= SHORTEST_HEADER) {
            return Some(start + at);
        }
        start += part.len() + 1;
    }
    None
}

fn is_part_of_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether a number contains a secret of digits, or is equal to it as far as a number can represent it.
fn is_shown_by(secret: &str, number: &Number) -> bool {
    let equal =
        || secret.parse::<f64>().ok().zip(number.as_f64()).is_some_and(|(secret, number)| secret == number);
    secret.len() >= SHORTEST && (number.to_string().contains(secret) || equal())
}

#[cfg(test)]
mod tests;
