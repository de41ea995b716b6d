//! Text from bytes that are nearly UTF-8, and JSON from text that is nearly JSON.

use std::borrow::Cow;

use crate::api::mismatch::Kind;

/// Marks what is not part of the text: a byte order mark, which JSON does not allow, or invalid bytes.
const MARK: char = '\u{feff}';

/// A JSON body as text, and what was wrong with it.
///
/// Invalid bytes in strings become question marks. Between values, they and byte order marks are left out; a number
/// that is interrupted by them becomes null, since its value is not known. The text is never longer than the body by
/// more than the `null`s.
pub(crate) fn text(body: &[u8]) -> (Cow<'_, str>, Option<Kind>) {
    let valid = std::str::from_utf8(body).ok();
    if let Some(text) = valid
        && !text.contains(MARK)
    {
        return (text.into(), None);
    }
    let mut repaired = Repaired { text: String::with_capacity(body.len()), ..Repaired::default() };
    for chunk in body.utf8_chunks() {
        chunk.valid().chars().for_each(|character| repaired.push(character));
        if !chunk.invalid().is_empty() {
            repaired.push(if repaired.is_in_string { '?' } else { MARK });
        }
    }
    repaired.end_literal();
    match valid {
        // The mark is part of a string.
        Some(text) if text == repaired.text => (text.into(), None),
        Some(_) => (repaired.text.into(), Some(Kind::Mark)),
        None => (repaired.text.into(), Some(Kind::NotUtf8)),
    }
}

#[derive(Default)]
struct Repaired {
    text: String,
    is_in_string: bool,
    is_escaped: bool,
    /// A number or another literal, with marks.
    literal: String,
}

impl Repaired {
    fn push(&mut self, character: char) {
        if self.is_in_string {
            self.is_in_string = self.is_escaped || character != '"';
            self.is_escaped = !self.is_escaped && character == '\\';
            self.text.push(character);
        } else if matches!(character, '{' | '}' | '[' | ']' | ':' | ',' | '"') || character.is_whitespace() {
            self.end_literal();
            self.is_in_string = character == '"';
            self.text.push(character);
        } else {
            self.literal.push(character);
        }
    }

    fn end_literal(&mut self) {
        let literal = self.literal.trim_matches(MARK);
        self.text.push_str(if literal.contains(MARK) { "null" } else { literal });
        self.literal.clear();
    }
}

/// JSON text in which escapes of lone surrogates, which stand for no character, are replaced.
pub(crate) fn without_surrogates(json: &str) -> Cow<'_, str> {
    let mut repaired = String::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let unit = |at: usize| {
            let digits = json.get(at..)?.strip_prefix("\\u")?.get(..4)?;
            u16::from_str_radix(digits, 16).ok()
        };
        match unit(at) {
            Some(0xd800..=0xdbff) if unit(at + 6).is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) => {
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                repaired.push_str(json.get(from..at).unwrap_or_default());
                repaired.push_str("\\ufffd");
                at += 6;
                from = at;
            }
            // The backslash and what it escapes.
            _ => at += 1 + json.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
        }
    }
    if from == 0 {
        return json.into();
    }
    repaired.push_str(json.get(from..).unwrap_or_default());
    repaired.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_and_marks_cost_the_value_they_are_in() {
        for (body, expected) in [
            (&b"{\"a\":1}"[..], "{\"a\":1}"),
            (b"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"),
            (b"\xff{\"a\":\xfe1,\xff\"b\":true\xff}", "{\"a\":1,\"b\":true}"),
            (b"{\"a\":1\xff2,\"b\":1\xef\xbb\xbf2}", "{\"a\":null,\"b\":null}"),
            (b"{\"a\":\"\\\"\xff,\xef\xbb\xbf\",\"b\\\\\":\xff3}", "{\"a\":\"\\\"?,\u{feff}\",\"b\\\\\":3}"),
        ] {
            assert_eq!(text(body).0, expected);
        }
        assert_eq!(text("\"\u{feff}\"".as_bytes()), ("\"\u{feff}\"".into(), None));
        assert_eq!(text("\u{feff}{}".as_bytes()).1, Some(Kind::Mark));
        assert_eq!(text(b"{}\xff").1, Some(Kind::NotUtf8));
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        for (json, expected) in [
            (r#""a\n\\ud800""#, r#""a\n\\ud800""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d \ude00\uD800""#, r#""\ufffd \ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00\u00e9""#, r#""\ufffd\ud83d\ude00\u00e9""#),
            (r#""\ud8"#, r#""\ud8"#),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(without_surrogates(json), expected);
        }
    }
}
