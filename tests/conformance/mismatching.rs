//! Check: a difference from the contract affects only the value that differs.
//!
//! Since the rest of each instance is valid, exactly one mismatch has to be noted, at the very place, and
//! what is left has to be the rest. Only where the token or one of its dates is concerned there is no session.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::contract::Contract;
use crate::decoding::{bodies, read};
use crate::parts::Proof::Tolerated;
use crate::record::Record;
use crate::subject::Subject;
use crate::usable;
use crate::values::{full, valid};
use crate::walk::{Break, breaks, normal};

/// Without these, and a good value in each, there is no session.
pub const ESSENTIAL: [&str; 3] = ["/accessToken", "/issuedAt", "/expiresAt"];

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    for (status, schema) in bodies(contract) {
        let whole = full(contract, &schema);
        let mut instances = vec![whole.clone()];
        // Each alternative has breaks of its own.
        if let Some(detail) = whole.pointer("/data/detail") {
            let mut other = whole.clone();
            other["data"]["detail"] =
                if detail.is_array() { serde_json::json!({}) } else { serde_json::json!(["text"]) };
            instances.push(other);
        }
        for instance in &instances {
            for wrong in breaks(contract, &schema, instance) {
                record.decoded += 1;
                match tolerated(contract, &status, &schema, instance, &wrong) {
                    Ok(()) => wrong.parts.iter().for_each(|part| record.shown(Tolerated, part)),
                    Err(what) => {
                        wrong.parts.iter().for_each(|part| record.fault(part, &what));
                        if wrong.parts.is_empty() {
                            record.fault(&schema, what);
                        }
                    }
                }
            }
            optional(contract, &status, &schema, instance, record);
        }

        let cases = subject.cases / if status == "200" { 1 } else { 2 };
        let strategy = (valid(contract, &schema), any::<prop::sample::Index>());
        let tried = subject.try_many(cases, &strategy, |(instance, which)| {
            let breaks = breaks(contract, &schema, &instance);
            let wrong = which.get(&breaks);
            tolerated(contract, &status, &schema, &instance, wrong)
                .map_err(|what| TestCaseError::fail(format!("{wrong:?}: {what}")))
        });
        record.decoded += cases as usize;
        let registered = if status == "200" { usable::sessions(subject, &schema) } else { Ok(()) };
        for what in [tried, registered].into_iter().filter_map(Result::err) {
            record.fault(&schema, what);
        }
    }
}

/// Whether `wrong` is noted at its place and costs nothing else.
fn tolerated(
    contract: &Contract,
    status: &str,
    schema: &str,
    instance: &Value,
    wrong: &Break,
) -> Result<(), String> {
    let reading = read(status, &wrong.apply(instance).to_string());
    let essential = status == "200" && (ESSENTIAL.contains(&&*wrong.at) || wrong.at.is_empty());
    if essential || wrong.at.is_empty() {
        return match reading {
            Err(_) => Ok(()),
            Ok(_) => Err(format!("{} is wrong, and there is a session all the same", wrong.at)),
        };
    }
    let (left, mismatches) = reading.map_err(|error| format!("{wrong:?} costs everything: {error}"))?;
    let expected = match wrong.keyword {
        "required" => ": missing",
        "enum" => ": a value that is not documented",
        "unknown" => ": a field that is not documented",
        _ => ": expected ",
    };
    if wrong.is_absent {
        if !mismatches.is_empty() {
            return Err(format!("null at {}, which is optional, is noted as {mismatches:?}", wrong.at));
        }
    } else if !matches!(&mismatches[..], [one] if one.starts_with(&format!("{}{expected}", wrong.at))) {
        return Err(format!("{wrong:?} is noted as {mismatches:?}"));
    }
    let found = wrong.is_null() && wrong.keyword == "type" && !wrong.is_absent;
    if found && !mismatches[0].ends_with("found null") {
        return Err(format!("null is noted as {mismatches:?}"));
    }
    let rest = wrong.left(instance);
    let (rest, left) = (normal(contract, schema, &rest), normal(contract, schema, &left));
    if rest == left { Ok(()) } else { Err(format!("{wrong:?}: should leave {rest}, leaves {left}")) }
}

/// What the contract does not require is not missed. This is what tells a contract that requires less.
fn optional(contract: &Contract, status: &str, schema: &str, instance: &Value, record: &mut Record) {
    let mut open = vec![(contract.resolved(schema), String::new())];
    while let Some((schema, at)) = open.pop() {
        let value = instance.pointer(&at).unwrap_or(&Value::Null);
        let rules = contract.at(&schema);
        for (name, _) in value.as_object().into_iter().flatten() {
            if rules["properties"].get(name).is_none() {
                continue;
            }
            open.push((contract.resolved(&format!("{schema}/properties/{name}")), format!("{at}/{name}")));
            if crate::contract::items(&rules["required"]).iter().any(|required| required == name) {
                continue;
            }
            let mut without = instance.clone();
            if let Some(Value::Object(members)) = without.pointer_mut(&at) {
                members.remove(name);
            }
            match read(status, &without.to_string()) {
                Ok((_, mismatches)) if mismatches.is_empty() => {}
                other => record.fault(
                    format!("{schema}/required/{name}"),
                    format!("without {at}/{name}, which is optional: {other:?}"),
                ),
            }
        }
        if rules.get("items").is_some() && value.get(0).is_some() {
            open.push((contract.resolved(&format!("{schema}/items")), format!("{at}/0")));
        }
    }
}
