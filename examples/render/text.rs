//! Text that users wrote: any characters, and any length.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

/// The most characters that are kept of a text.
const MAX_CHARS: usize = 20_000;

/// The most characters that are kept of a name.
const MAX_NAME: usize = 100;

/// A text without control characters, which XML does not allow, and without characters that turn the direction of the
/// text after it. Marks between right-to-left words stay, as such languages need them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "String")]
pub struct Text(String);

impl From<String> for Text {
    fn from(text: String) -> Self {
        let is_kept = |c: &char| match c {
            '\n' | '\t' => true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => false,
            _ => !c.is_control(),
        };
        let cleaned: String = text.chars().filter(is_kept).take(MAX_CHARS + 1).collect();
        Self(cut(cleaned.trim(), MAX_CHARS).into_owned())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A name, on one line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Text")]
pub struct Name(String);

impl From<Text> for Name {
    fn from(text: Text) -> Self {
        Self(line(&text, MAX_NAME))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The text on one line of at most `max` characters.
pub fn line(text: &str, max: usize) -> String {
    // What follows can't matter, even if most of this is white space.
    let start: String = text.chars().take(max.saturating_mul(4)).collect();
    let words: Vec<_> = start.split_whitespace().collect();
    cut(&words.join(" "), max).into_owned()
}

/// The first line, if it is short enough for a headline, and the rest. Otherwise the start of the text, and all of it.
pub fn headline(text: &str, max: usize) -> (String, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.chars().nth(max) {
        None => (line(first, max), rest.trim()),
        Some(_) => (line(first, max), text),
    }
}

/// At most `max` characters, up to the end of a word.
fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().nth(max).is_none() {
        return text.into();
    }
    let start = text.char_indices().nth(max.saturating_sub(1)).map_or("", |(end, _)| &text[..end]);
    // A word can be as long as the text.
    let words = start.rsplit_once(char::is_whitespace).map_or(start, |(words, _)| words);
    let start = if words.len() * 2 < start.len() { start } else { words };
    format!("{}…", start.trim_end()).into()
}
