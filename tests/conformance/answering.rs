//! Check: what the sandbox answers is what the contract says of that status.
//!
//! The answers are its own where it has a reason to give them, and faults played on demand for the rest.

use std::time::Duration;

use serde_json::{Value, json};
use social_plus_bot::sandbox::Fault;

use crate::contract::escaped;
use crate::documented::PUBLISHED;
use crate::parts::Proof::Answered;
use crate::record::Record;
use crate::subject::{self, Subject};
use crate::values::full;
use crate::walk::exercised;

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    let (Some(schema), Some(_)) = (contract.request(), subject.post()) else { return };
    let whole = full(contract, &schema);
    let with_key = || subject.post().unwrap().header("x-api-key", "any");

    let good = subject.send(with_key().json(&whole));
    judge(subject, record, 200, &good);
    judge(subject, record, 401, &subject.send(subject.post().unwrap().json(&whole)));
    judge(subject, record, 422, &subject.send(with_key().json(&json!({}))));
    judge(subject, record, 413, &subject.send(with_key().json(&"x".repeat(1 << 17))));
    for status in PUBLISHED.iter().map(|(status, _)| *status).chain([404, 429, 502, 503, 504]) {
        subject.sandbox.fail_next(Fault::status(status));
        judge(subject, record, status, &subject.send(with_key().json(&whole)));
    }
    for lifetime in [Duration::MAX, Duration::ZERO] {
        subject.sandbox.fail_next(Fault::lifetime(lifetime));
        judge(subject, record, 200, &subject.send(with_key().json(&whole)));
    }

    if let Some(operation) = contract.operations().first() {
        record.compare(Answered, &operation.pointer, good.status == 200, || {
            format!("{} {}", good.status, good.body)
        });
    }
}

fn judge(subject: &Subject, record: &mut Record, status: u16, answer: &subject::Answered) {
    let contract = &subject.contract;
    let own = contract.responses().into_iter().any(|(documented, _)| documented == status.to_string());
    let published = status == 200 || PUBLISHED.iter().any(|(published, _)| *published == status);
    let Some(operation) = contract.operations().into_iter().next() else { return };
    let pointer = match contract.response(status).filter(|_| own || !published) {
        Some(pointer) => pointer,
        None => {
            let documented = if published { status.to_string() } else { "default".to_owned() };
            record.fault(
                format!("{}/responses/{documented}", operation.pointer),
                format!("{status} is answered"),
            );
            return;
        }
    };
    record.compare(Answered, &pointer, answer.status == status, || {
        format!("{} {}", answer.status, answer.body)
    });

    let content = format!("{pointer}/content");
    let media = format!("{content}/{}", escaped(answer.media()));
    let documented = contract.at(&content).get(answer.media()).is_some();
    record.compare(Answered, &media, documented, || format!("answered as {:?}", answer.media()));

    let schema = contract.resolved(&format!("{media}/schema"));
    if contract.at(&schema).is_null() {
        return;
    }
    let errors = contract
        .validator(&schema)
        .iter_errors(&answer.body)
        .map(|error| error.to_string())
        .collect::<Vec<_>>();
    if errors.is_empty() {
        exercised(contract, &schema, &answer.body).into_iter().for_each(|part| record.shown(Answered, part));
    } else {
        record.fault(&schema, format!("{status} is answered with {}: {errors:?}", answer.body));
    }
    unknown_members(contract, &schema, &answer.body, record);
}

/// The sandbox answers with nothing that the contract does not name.
fn unknown_members(contract: &crate::contract::Contract, schema: &str, body: &Value, record: &mut Record) {
    let schema = contract.resolved(schema);
    let rules = contract.at(&schema);
    let Some(properties) = rules["properties"].as_object() else { return };
    for (name, value) in body.as_object().into_iter().flatten() {
        let property = format!("{schema}/properties/{}", escaped(name));
        if !properties.contains_key(name) {
            record.fault(&property, "is answered, undocumented");
        }
        unknown_members(contract, &property, value, record);
        if let Some(first) = value.get(0) {
            unknown_members(contract, &format!("{}/items", contract.resolved(&property)), first, record);
        }
    }
}
