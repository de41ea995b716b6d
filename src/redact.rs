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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "b0e8a2c4d6f81357";
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl-_";

    #[test]
    fn the_key_is_taken_out_of_everything_said() {
        let said =
            json!({ "message": format!("the key '{KEY}' is unknown"), KEY: [[format!("{KEY}{KEY}")]] });
        let shown = value(said, KEY).to_string();
        assert!(!shown.contains(KEY), "{shown}");
        assert!(shown.contains("the key '[redacted]' is unknown"), "{shown}");
    }

    #[test]
    fn what_looks_like_a_token_is_taken_out() {
        for (said, shown) in [
            (format!("revoked: {TOKEN}"), "revoked: [redacted]"),
            (format!("\"{TOKEN}\" and {TOKEN}, too"), "\"[redacted]\" and [redacted], too"),
            (format!("Bearer={TOKEN}"), "Bearer=[redacted]"),
        ] {
            assert_eq!(text(&said, KEY), shown);
        }
    }

    #[test]
    fn other_words_stay() {
        let said = "The 'deviceId' field is required. eyJs are fine, so is a.b.c";
        assert_eq!(text(said, KEY), said);
        assert_eq!(text("queue", "e"), "queue");
    }

    #[test]
    fn what_is_shown_is_one_line_of_bounded_length() {
        assert_eq!(text("one\r\ntwo\u{1b}[31m", KEY), "one  two [31m");
        assert_eq!(text(&"é".repeat(10_000), KEY).chars().count(), SENTENCE);
        let many = value(json!(vec![0; 1000]), KEY);
        assert_eq!(many.as_array().unwrap().len(), ENTRIES);
    }
}
