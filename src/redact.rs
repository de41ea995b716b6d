//! What the service says of an error, made fit to be shown.
//!
//! Services like to quote a refused key. What they say ends up in logs and on terminals, so secrets,
//! control characters and endless text are taken out of it before anything else sees it.

use serde_json::Value;

/// At most so many characters of a sentence.
const SENTENCE: usize = 500;

/// At most so many members of an object or items of a list.
const ENTRIES: usize = 50;

/// A key shorter than this is no secret; to look for it would only garble sentences.
const SHORTEST_KEY: usize = 8;

const REDACTED: &str = "[redacted]";

/// Redacts all text within `value`, names of members included.
pub(crate) fn value(value: Value, key: &str) -> Value {
    match value {
        Value::String(said) => Value::String(text(&said, key)),
        Value::Array(items) => items.into_iter().take(ENTRIES).map(|item| self::value(item, key)).collect(),
        Value::Object(members) => members
            .into_iter()
            .take(ENTRIES)
            .map(|(name, member)| (text(&name, key), self::value(member, key)))
            .collect(),
        plain => plain,
    }
}

/// `said` without `key`, without anything that looks like a JSON Web Token, in one line.
fn text(said: &str, key: &str) -> String {
    let without_key = if key.len() >= SHORTEST_KEY { said.replace(key, REDACTED) } else { said.to_owned() };
    let without_tokens = without_key
        .split_inclusive(|character: char| !is_token_character(character))
        .map(|word| {
            let token = word.trim_end_matches(|character| !is_token_character(character));
            let looks_secret = token.starts_with("eyJ") && token.contains('.');
            if looks_secret { word.replacen(token, REDACTED, 1) } else { word.to_owned() }
        })
        .collect::<String>();
    without_tokens
        .chars()
        .take(SENTENCE)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}
