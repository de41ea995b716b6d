//! What counts as a secret, and what does not.

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

const KEY: &str = "b0e8a2c4d6f81357";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl-_";

#[test]
fn the_key_is_redacted_everywhere() {
    let input = json!({ "message": format!("the key '{KEY}' is unknown"), KEY: [[format!("{KEY}{KEY}")]] });
    let shown = value(input, &[KEY]).to_string();
    assert!(!shown.contains(KEY), "{shown}");
    assert!(shown.contains("the key '[redacted]' is unknown"), "{shown}");
}

#[test]
fn text_that_looks_like_a_token_is_redacted() {
    for (input, shown) in [
        (format!("revoked: {TOKEN}"), "revoked: [redacted]"),
        (format!("\"{TOKEN}\" and {TOKEN}, too"), "\"[redacted]\" and [redacted], too"),
        (format!("Bearer={TOKEN}"), "Bearer=[redacted]"),
        (format!("Bearer%20{TOKEN}"), "Bearer%20[redacted]"),
        (format!("token%3D{TOKEN}%26x=1"), "token%3D[redacted]%26x=1"),
        (format!("session_{TOKEN}"), "session_[redacted]"),
        (format!("x{}", TOKEN.replace('.', "%252E")), "x[redacted]"),
    ] {
        assert_eq!(text(&input, &[KEY]), shown);
    }
}

#[test]
fn a_secret_is_found_in_any_word_in_any_case_and_encoded() {
    let token = "an-0paque/token+";
    for (input, shown) in [
        ("x/an-0paque/token+x", "x/[redacted]x"),
        ("AN-0PAQUE/TOKEN+", "[redacted]"),
        ("an-0paque%2Ftoken%2B.", "[redacted]."),
        ("%61n-0paque%252ftoken%252b", "[redacted]"),
        ("éan-0paque/token+é", "é[redacted]é"),
        ("an-0paque/token", "an-0paque/token"),
    ] {
        assert_eq!(text(input, &[KEY, token]), shown);
    }
}

#[test]
fn a_secret_that_looks_encoded_is_found_as_it_is_and_encoded() {
    for input in ["x a%41b0e8%2G x", "x a%2541b0e8%252G x", "x %61%25%34%31b0e8%2G x"] {
        assert_eq!(text(input, &["a%41b0e8%2G"]), "x [redacted] x");
    }
}

#[test]
fn a_key_is_found_in_hex_and_base64() {
    let forms = encoded(KEY);
    let secrets: Vec<_> = forms.iter().map(|form| form.expose_secret()).collect();
    for (input, shown) in [
        ("62306538613263346436663831333537", "[redacted]"),
        ("b0e8 62306538613263346436663831333537.", "b0e8 [redacted]."),
        ("YjBlOGEyYzRkNmY4MTM1Nw==", "[redacted]w=="),
        // `bot:` and `xy` before the key.
        ("Ym90OmIwZThhMmM0ZDZmODEzNTc=", "Ym90Om[redacted]c="),
        ("eHliMGU4YTJjNGQ2ZjgxMzU3", "eHl[redacted]"),
    ] {
        assert_eq!(text(input, &secrets), shown);
    }
}

#[test]
fn names_that_are_parts_of_a_secret_or_random_are_redacted() {
    for (input, shown) in [
        ("B0E8A2C4", REDACTED),
        (KEY, REDACTED),
        ("9f86d081884c7d659a2feaa0", REDACTED),
        (TOKEN, REDACTED),
        ("aBcDeFgHiJkLmNoPqRsTuVw1", REDACTED),
        ("lastCachePurgeOfTheSession", "lastCachePurgeOfTheSession"),
        ("b0e8", "b0e8"),
        ("version2", "version2"),
    ] {
        assert_eq!(name(input, &[KEY]), shown);
    }
}

#[test]
fn a_short_secret_is_found_as_a_word_only() {
    for (input, shown) in [
        ("key=abc&x", "key=[redacted]&x"),
        ("abc", "[redacted]"),
        ("abcd xabc ABC a.abc", "abcd xabc ABC a.abc"),
    ] {
        assert_eq!(text(input, &["abc"]), shown);
    }
    assert_eq!(text("any", &[""]), "any");
}

#[test]
fn a_number_that_contains_a_key_is_redacted() {
    let input: Value =
        serde_json::from_str(r#"[12345678, 91234567890, 1.2345678e7, 400100, 1234567]"#).unwrap();
    let shown = value(input, &["12345678", "400100"]).to_string();
    assert_eq!(shown, r#"["[redacted]","[redacted]","[redacted]",400100,1234567]"#);
}

#[test]
fn a_long_text_is_not_cut_within_a_secret() {
    for before in 0..64 {
        let input = format!(
            "word {}{KEY}{}",
            KEY.repeat(MAX_SEARCHED / KEY.len() - before),
            "x".repeat(MAX_SEARCHED)
        );
        let shown = text(&input, &[KEY]);
        assert!(shown.starts_with("word") && !shown.contains("b0e8"), "{shown}");
    }
}

#[test]
fn headers_that_quote_a_secret_are_not_printed() {
    let mut map = HeaderMap::new();
    map.insert("location", format!("/?key={KEY}").parse().unwrap());
    map.insert("date", "today".parse().unwrap());
    map.insert(http::HeaderName::try_from(format!("x-{KEY}")).unwrap(), "1".parse().unwrap());
    headers(&mut map, &[KEY]);
    let printed = format!("{map:?}");
    assert!(!printed.contains(KEY) && printed.contains("today") && printed.contains("location"), "{printed}");
}

#[test]
fn the_search_of_short_texts_finds_the_same() {
    let long = "x".repeat(SHORT_TEXT);
    for input in [
        "",
        KEY,
        "B0E8A2C4D6F81357",
        "xb0e8a2c4d6f81357x",
        "b0e8a2c4d6f8135",
        "%62%30e8a2c4d6f81357",
        TOKEN,
        "eyJ",
        "é",
    ] {
        for secrets in [&[KEY][..], &["abc"], &["", KEY], &[TOKEN, KEY]] {
            for input in [input.to_owned(), format!("abc {input}"), format!("{input}{long}")] {
                assert_eq!(quotes(&input, secrets), !found(&input, secrets).is_empty(), "{input}");
            }
        }
    }
}

#[test]
fn other_words_are_unchanged() {
    let input = "The 'deviceId' field is required. eyJs are fine, so is a.b.c, and heyJude.mp3";
    assert_eq!(text(input, &[KEY]), input);
    assert_eq!(text("queue", &["e"]), "queue");
}

#[test]
fn text_is_one_line_of_limited_length() {
    assert_eq!(text("one\r\ntwo\u{1b}[31m", &[KEY]), "one  two [31m");
    assert_eq!(text("a\u{9b}b\u{202e}c\u{2066}d\u{feff}e", &[KEY]), "a b c d e");
    assert_eq!(text(&"é".repeat(10_000), &[KEY]).chars().count(), SENTENCE);
    let many = value(json!(vec![0; 1000]), &[KEY]);
    assert_eq!(many.as_array().unwrap().len(), ENTRIES);
}
