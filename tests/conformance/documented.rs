//! Check: the documented texts and the examples agree with the contract, the client and the sandbox.
//!
//! The fixtures are the documentation page, verbatim. Of the errors only the published table of statuses and
//! codes is documented; it is written down here and nowhere else in this suite.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::contract::{escaped, members};
use crate::decoding;
use crate::parts::Proof::Documented;
use crate::record::Record;
use crate::subject::Subject;

/// The statuses published for the operation, each with its code.
pub const PUBLISHED: [(u16, i64); 4] = [(401, 400_100), (403, 400_312), (422, 500_000), (500, 500_000)];

const REQUEST: &str = include_str!("../fixtures/documented-request.sh");
const RESPONSE: &str = include_str!("../fixtures/documented-response.json");

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    let curl = Curl::parse(REQUEST);
    let response: Value = serde_json::from_str(RESPONSE).unwrap();
    if let Some(operation) = contract.operations().first() {
        examples(subject, &format!("{}/requestBody", operation.pointer), Some(&curl.body), None, record);
    }
    for (status, pointer) in contract.responses() {
        let exactly = (status == "200").then_some(&response);
        let code =
            PUBLISHED.iter().find(|(published, _)| status == published.to_string()).map(|(_, code)| *code);
        examples(subject, &pointer, exactly, code, record);
    }
    as_written(subject, &curl, &response, record);
}

/// Each example is valid and can be read, and one of them is the documented one.
fn examples(
    subject: &Subject,
    pointer: &str,
    exactly: Option<&Value>,
    code: Option<i64>,
    record: &mut Record,
) {
    let contract = &subject.contract;
    for (media, content) in members(&contract.at(pointer)["content"]) {
        let media = format!("{pointer}/content/{}", escaped(media));
        let judge = contract.validator(&format!("{media}/schema"));
        let (mut found, mut current) = (false, exactly.is_none() || !pointer.ends_with("/200"));
        for (name, example) in members(&content["examples"]) {
            let value = &example["value"];
            let error = judge.iter_errors(value).next().map(|error| error.to_string());
            let good = error.is_none()
                && code.is_none_or(|code| value["code"] == code)
                && (pointer.ends_with("/requestBody") || readable(pointer, value));
            // The page has a placeholder for the token, which is none.
            found |= exactly.is_none_or(|text| {
                let mut text = text.clone();
                if let Some(token) = text.get_mut("accessToken") {
                    *token = value["accessToken"].clone();
                }
                text == *value
            });
            current |= is_current(value);
            let part = format!("{media}/examples/{}", escaped(name));
            record.compare(Documented, &part, good, || format!("{value}: {}", error.unwrap_or_default()));
        }
        if !found {
            record.fault(format!("{media}/examples"), "the documented one is not there");
        }
        if !current {
            record.fault(
                format!("{media}/examples"),
                "there is none that a mock server could make a session of",
            );
        }
    }
}

/// The documented session expired with its page; a client registers only with one that has not.
fn is_current(session: &Value) -> bool {
    let expires_at = session["expiresAt"].as_str().and_then(|date| date.parse::<DateTime<Utc>>().ok());
    expires_at.is_some_and(|expires_at| expires_at > Utc::now())
}

fn readable(pointer: &str, value: &Value) -> bool {
    let status = pointer.rsplit('/').next().unwrap_or_default();
    decoding::read(status, &value.to_string())
        .is_ok_and(|(left, mismatches)| left == *value && mismatches.is_empty())
}

/// The curl line, sent as it stands but for its host, is answered with what the documented response has.
fn as_written(subject: &Subject, curl: &Curl, response: &Value, record: &mut Record) {
    let contract = &subject.contract;
    let Some(operation) = contract.operations().into_iter().next() else { return };
    let servers =
        crate::contract::items(contract.at("/servers")).iter().filter_map(|server| server["url"].as_str());
    let path = servers.filter_map(|server| curl.url.strip_prefix(server)).next();
    if path != Some(operation.path) || !curl.method.eq_ignore_ascii_case(operation.method) {
        record.fault(&operation.pointer, format!("the documented line is {} {}", curl.method, curl.url));
        return;
    }
    let Some(mut request) = subject.post() else { return };
    for (name, value) in &curl.headers {
        request = request.header(name, value);
    }
    let answer = subject.send(request.body(curl.data.clone()));
    let names = |value: &Value| members(value).map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
    let same = names(&answer.body) == names(response)
        && names(&answer.body["users"][0]) == names(&response["users"][0]);
    if answer.status != 200 || !same {
        record.fault(
            &operation.pointer,
            format!("the documented line is answered with {} {}", answer.status, answer.body),
        );
    }
}

/// A line of curl with long options.
struct Curl {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    data: String,
    body: Value,
}

impl Curl {
    fn parse(line: &str) -> Self {
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"));
        let (mut method, mut url, mut headers, mut data) =
            (String::new(), String::new(), Vec::new(), String::new());
        while let Some(option) = words.next() {
            let value = words.next().unwrap();
            match option.as_str() {
                "--request" => method = value,
                "--url" => url = value,
                "--header" => {
                    let (name, value) = value.split_once(": ").unwrap();
                    headers.push((name.to_owned(), value.to_owned()));
                }
                "--data" => data = value,
                other => panic!("{other} is not known to this test"),
            }
        }
        let body = serde_json::from_str(&data).unwrap();
        Self { method, url, headers, data, body }
    }
}

/// The words of a line as a shell sees them, as far as the documented one needs: single quotes, and line
/// breaks after a backslash.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.replace("\\\n", " ").split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
