//! Check: the sandbox refuses what the contract forbids, and says what it was.
//!
//! Each request breaks one thing. The refusal has to name the place and the rule in `data.detail`.

use serde_json::Value;

use crate::contract::{escaped, items, members};
use crate::parts::Proof::Refused;
use crate::record::Record;
use crate::subject::{Answered, Subject};
use crate::values::full;
use crate::walk::breaks;

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    let (Some(schema), Some(_)) = (contract.request(), subject.post()) else { return };
    let operations = contract.operations();
    let operation = &operations[0];
    let whole = full(contract, &schema);
    let with_key = || subject.post().unwrap().header("x-api-key", "any");
    let send = |body: &Value| subject.send(with_key().json(body));

    let judge = contract.validator(&schema);
    for wrong in breaks(contract, &schema, &whole).iter().filter(|wrong| wrong.keyword != "unknown") {
        let body = wrong.apply(&whole);
        let broken =
            judge.iter_errors(&body).map(|error| error.kind().keyword().to_owned()).collect::<Vec<_>>();
        // A value of another type is none of an enumeration either.
        let just_that =
            broken.iter().all(|rule| rule == wrong.keyword || (wrong.keyword == "type" && rule == "enum"));
        if broken.is_empty() || !just_that {
            record.fault(&wrong.parts[0], format!("{wrong:?} should break just that, and breaks {broken:?}"));
            continue;
        }

        let answer = send(&body);
        let place = if wrong.at.is_empty() { "body" } else { &wrong.at };
        let refused = refused(&answer, 422, |line| {
            line.starts_with(&format!("{place}: ")) && line.contains(wrong.keyword)
        });
        for part in &wrong.parts {
            record.compare(Refused, part, refused, || said(&body.to_string(), &answer));
        }
    }

    let content = format!("{}/requestBody/content", operation.pointer);
    for (media, _) in members(contract.at(&content)) {
        let answer = subject.send(with_key().header("content-type", "text/plain").body(whole.to_string()));
        let refused = refused(&answer, 422, |line| line.contains("content-type") && line.contains(media));
        record.compare(Refused, &format!("{content}/{}", escaped(media)), refused, || {
            said("text/plain", &answer)
        });
    }
    let answer = subject.send(with_key().header("content-type", "application/json"));
    let part = format!("{}/requestBody/required", operation.pointer);
    // It comes as a refusal of an empty text, or of no content type.
    let needed = operation.value["requestBody"]["required"] == true;
    let refused_empty = refused(&answer, 422, |line| line.starts_with("body: "));
    record.compare(Refused, &part, needed && refused_empty, || said("no body", &answer));

    for requirement in items(&operation.value["security"]) {
        for (name, _) in members(requirement) {
            let scheme = format!("/components/securitySchemes/{name}");
            let header = contract.at(&scheme)["name"].as_str().unwrap_or_default();
            for key in [None, Some("")] {
                let request = subject.post().unwrap().json(&whole);
                let answer = subject
                    .send(key.into_iter().fold(request, |request, key| request.header("x-api-key", key)));
                let refused = refused(&answer, 401, |line| line.starts_with(&format!("{header}: ")));
                let parts = members(contract.at(&scheme)).map(|(member, _)| format!("{scheme}/{member}"));
                for part in parts.chain([format!("{}/security/{name}", operation.pointer)]) {
                    record.compare(Refused, &part, refused, || said("no key", &answer));
                }
            }
        }
    }
    let answer = send(&whole);
    if answer.status != 200 {
        record.fault(&schema, said(&whole.to_string(), &answer));
    }
}

fn refused(answer: &Answered, status: u16, names_it: impl Fn(&str) -> bool) -> bool {
    answer.status == status && answer.details().into_iter().any(names_it)
}

fn said(request: &str, answer: &Answered) -> String {
    format!("{request} is answered with {} {}", answer.status, answer.body)
}
