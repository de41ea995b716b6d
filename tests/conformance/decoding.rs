//! Check: an answer that keeps to the contract is read without a remark and without loss.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use social_plus_bot::api::Lenient;
use social_plus_bot::api::types::{BotSession, ErrorBody};

use proptest::test_runner::TestCaseError;

use crate::contract::{Contract, items, members};
use crate::parts::Proof::Read;
use crate::record::Record;
use crate::subject::Subject;
use crate::values::{DATES, full, valid};
use crate::walk::{exercised, normal};

/// What an answer is read as: what is left of it, and a line for each mismatch.
pub type Reading = Result<(Value, Vec<String>), String>;

/// Reads a body of the answers that the contract documents under `status`.
pub fn read(status: &str, text: &str) -> Reading {
    fn read_as<T: Serialize>(text: &str) -> Reading
    where
        Lenient<T>: DeserializeOwned,
    {
        let answer = serde_json::from_str::<Lenient<T>>(text).map_err(|error| error.to_string())?;
        let (body, mismatches) = answer.into_parts();
        let left = serde_json::to_value(body).map_err(|error| error.to_string())?;
        Ok((left, mismatches.iter().map(ToString::to_string).collect()))
    }
    if status == "200" { read_as::<BotSession>(text) } else { read_as::<ErrorBody>(text) }
}

/// The documented bodies: the status, and where the schema is. Statuses that share a schema count once.
pub fn bodies(contract: &Contract) -> Vec<(String, String)> {
    let mut bodies: Vec<(String, String)> = Vec::new();
    for (status, pointer) in contract.responses() {
        let schema = contract.resolved(&format!("{pointer}/content/application~1json/schema"));
        if !contract.at(&schema).is_null() && !bodies.iter().any(|(_, known)| *known == schema) {
            bodies.push((status, schema));
        }
    }
    bodies
}

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    for (status, schema) in bodies(contract) {
        for instance in each_value(contract, &schema) {
            record.decoded += 1;
            match unchanged(contract, &status, &schema, &instance) {
                Ok(()) => exercised(contract, &schema, &instance)
                    .into_iter()
                    .for_each(|part| record.shown(Read, part)),
                Err(what) => record.fault(&schema, what),
            }
        }
        let cases = subject.cases / if status == "200" { 1 } else { 2 };
        let tried = subject.try_many(cases, &valid(contract, &schema), |instance| {
            unchanged(contract, &status, &schema, &instance).map_err(TestCaseError::fail)
        });
        record.decoded += cases as usize;
        if let Err(what) = tried {
            record.fault(&schema, what);
        }
    }
    statuses(subject, record);
}

/// Whether `instance` is read as what it is.
fn unchanged(contract: &Contract, status: &str, schema: &str, instance: &Value) -> Result<(), String> {
    let (left, mismatches) = read(status, &instance.to_string())?;
    if !mismatches.is_empty() {
        return Err(format!("it is documented, but noted as {mismatches:?}"));
    }
    let (sent, left) = (normal(contract, schema, instance), normal(contract, schema, &left));
    if sent == left { Ok(()) } else { Err(format!("sent {sent}, read {left}")) }
}

/// Instances that together hold everything that can be named: each date, each value of an enumeration, each
/// alternative, and, of the optional parts, each without the others.
fn each_value(contract: &Contract, schema: &str) -> Vec<Value> {
    let whole = full(contract, schema);
    let mut instances = vec![whole.clone()];
    vary(contract, schema, &whole, "", &mut instances);
    instances
}

fn vary(contract: &Contract, pointer: &str, whole: &Value, at: &str, instances: &mut Vec<Value>) {
    let pointer = contract.resolved(pointer);
    let schema = contract.at(&pointer);
    let mut with = |value: Value| {
        let mut instance = whole.clone();
        if let Some(place) = instance.pointer_mut(at) {
            *place = value;
            instances.push(instance);
        }
    };
    if schema["format"] == "date-time" {
        DATES.iter().for_each(|date| with((*date).into()));
    }
    if schema["format"] == "int64" {
        [i64::MIN, i64::MAX, 0].into_iter().for_each(|edge| with(edge.into()));
        with(5.0.into());
    }
    items(&schema["enum"]).iter().cloned().for_each(&mut with);
    if schema.get("additionalProperties").is_some() {
        with(serde_json::json!({ "any": [null, { "𝄞": 0.1 }] }));
        with(crate::values::deep(60));
    }
    for alternative in 0..items(&schema["oneOf"]).len() {
        let pointer = format!("{pointer}/oneOf/{alternative}");
        with(full(contract, &pointer));
        if contract.at(&contract.resolved(&pointer)).get("additionalProperties").is_some() {
            with(serde_json::json!({ "any": [null, { "𝄞": 0.1 }] }));
        }
    }
    if schema.get("items").is_some() {
        with(serde_json::json!([]));
        vary(contract, &format!("{pointer}/items"), whole, &format!("{at}/0"), instances);
    }
    let required = items(&schema["required"]);
    for (name, _) in members(&schema["properties"]) {
        let place = format!("{at}/{name}");
        if !required.iter().any(|required| required == name) {
            let mut without = whole.clone();
            if let Some(Value::Object(members)) = without.pointer_mut(at) {
                members.remove(name);
            }
            instances.push(without);
        }
        vary(contract, &format!("{pointer}/properties/{name}"), whole, &place, instances);
    }
}

/// Each documented status and media type reaches the caller as what its example says.
fn statuses(subject: &Subject, record: &mut Record) {
    use social_plus_bot::sandbox::Fault;
    let contract = &subject.contract;
    for (status, pointer) in contract.responses() {
        // Any failure that has no response of its own stands for the default one.
        let undocumented =
            (418..500).find(|status| contract.response(*status).is_some_and(|at| at == pointer));
        let Some(code) = status.parse().ok().or(undocumented) else { continue };
        for (media, content) in members(&contract.at(&pointer)["content"]) {
            for (name, example) in members(&content["examples"]) {
                let body = &example["value"];
                subject.sandbox.fail_next(Fault::answer(code, media, body.to_string()));
                let bot = subject.sandbox.client().build().unwrap();
                let sent =
                    subject.wait(bot.api().register_bot_session().body_map(|it| it.device_id("a")).send());
                let (met, read) = match &sent {
                    Ok(answer) => (answer.status().as_u16(), serde_json::to_value(&***answer).unwrap()),
                    Err(social_plus_bot::api::Error::ErrorResponse(answer)) => {
                        (answer.status().as_u16(), serde_json::to_value(&***answer).unwrap())
                    }
                    Err(error) => (0, Value::from(error.to_string())),
                };
                let media = format!("{pointer}/content/{}", crate::contract::escaped(media));
                let what = || format!("the client reads the example {name} as {met} {read}");
                record.compare(Read, &pointer, (met, &read) == (code, body), what);
                record.compare(Read, &media, (met, &read) == (code, body), what);
            }
        }
    }
}
