//! Check: whatever a caller can build is sent as the contract says, and as what the caller meant.
//!
//! The request is captured on the socket and judged there by the contract, headers included.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use social_plus_bot::api::types::RegisterBotSession;
use social_plus_bot::sandbox::Request;
use social_plus_bot::{BotClientBuilder, DeviceInfo, DeviceKind, ErrorKind, Region};

use crate::contract::{Contract, escaped, items, members};
use crate::parts::Proof::Sent;
use crate::record::Record;
use crate::subject::Subject;
use crate::values::{full, text, valid};
use crate::walk::exercised;

/// What HTTP itself needs, or allows anyone to say. The contract has no say in these.
const PLAIN: [&str; 5] = ["accept", "content-length", "content-type", "host", "user-agent"];

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    servers(contract, record);
    let schema = contract.request().unwrap_or_default();
    let bot = subject.sandbox.client().build().unwrap();
    let send = |typed: RegisterBotSession| {
        // What is answered is another check's concern.
        drop(subject.wait(bot.api().register_bot_session().body(typed).send()));
        subject.sandbox.requests().pop()
    };
    // The least that can be sent says by which operation it went, even to a contract that has none.
    for body in [json!({ "deviceId": "a" })].into_iter().chain(each_boundary(contract, &schema)) {
        let Ok(typed) = serde_json::from_value::<RegisterBotSession>(body.clone()) else {
            let reached = exercised(contract, &schema, &body);
            reached.into_iter().for_each(|part| record.fault(part, format!("the client can't send {body}")));
            continue;
        };
        let Some(sent) = send(typed) else { continue };
        match judged(contract, &schema, &sent, "sandbox-key", &body, record) {
            Ok(()) => {
                exercised(contract, &schema, &body).into_iter().for_each(|part| record.shown(Sent, part))
            }
            Err(what) => record.fault(&schema, what),
        }
    }
    // A client of its own for each case costs its connections; the bare operation is had for less.
    let built = subject.try_many(subject.cases / 100, &settings(), |settings| {
        registered(subject, &schema, &settings).map_err(TestCaseError::fail)
    });
    let bare = subject.try_many(subject.cases / 5, &valid(contract, &schema), |body| {
        let typed =
            serde_json::from_value(body.clone()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let sent = send(typed).ok_or_else(|| TestCaseError::fail("nothing arrived"))?;
        let mut record = Record::default();
        judged(contract, &schema, &sent, "sandbox-key", &body, &mut record).map_err(TestCaseError::fail)?;
        record.faults.first().map_or(Ok(()), |fault| Err(TestCaseError::fail(fault.to_string())))
    });
    for what in [built, bare].into_iter().filter_map(Result::err) {
        record.fault(&schema, what);
    }
}

/// The regions are the documented servers, no more and no fewer.
fn servers(contract: &Contract, record: &mut Record) {
    let servers = items(contract.at("/servers")).iter().filter_map(|server| server["url"].as_str());
    let servers = servers.collect::<Vec<_>>();
    let regions = Region::ALL.iter().map(|region| region.base_url()).collect::<Vec<_>>();
    for url in servers.iter().chain(&regions) {
        let both = servers.contains(url) && regions.contains(url);
        record.compare(Sent, &format!("/servers/{}", escaped(url)), both, || {
            "is not both a documented server and a region of the client".to_owned()
        });
    }
}

/// Bodies that together hold each value that can be named and reach each length.
fn each_boundary(contract: &Contract, schema: &str) -> Vec<Value> {
    let whole = full(contract, schema);
    let mut bodies = vec![whole.clone()];
    let mut open = vec![(contract.resolved(schema), String::new())];
    while let Some((pointer, at)) = open.pop() {
        let rules = contract.at(&pointer);
        let lengths = ["minLength", "maxLength"].into_iter().filter_map(|keyword| rules[keyword].as_u64());
        let lengths = lengths
            .flat_map(|length| ["a", "é", "\u{0}", "🙂"].map(|one| json!(one.repeat(length as usize))));
        for value in lengths.chain(items(&rules["enum"]).iter().cloned()) {
            let mut body = whole.clone();
            if let Some(place) = body.pointer_mut(&at) {
                *place = value;
                bodies.push(body);
            }
        }
        for (name, _) in members(&rules["properties"]) {
            open.push((contract.resolved(&format!("{pointer}/properties/{name}")), format!("{at}/{name}")));
        }
    }
    bodies
}

/// Whether `sent` is the documented request with `body`. Notes what of the operation it exercised.
fn judged(
    contract: &Contract,
    schema: &str,
    sent: &Request,
    key: &str,
    body: &Value,
    record: &mut Record,
) -> Result<(), String> {
    let operations = contract.operations();
    let Some(operation) = operations.first() else {
        record.fault(
            "/paths/~1api~1v5~1sessions~1bot/post",
            "the client has an operation that the contract has not",
        );
        return Ok(());
    };
    let right = sent.method().as_str() == operation.method.to_uppercase() && sent.path() == operation.path;
    record.compare(Sent, &operation.pointer, right, || format!("sent {} {}", sent.method(), sent.path()));

    let mut documented = PLAIN.map(str::to_owned).to_vec();
    for requirement in items(&operation.value["security"]) {
        for (name, _) in members(requirement) {
            let scheme = format!("/components/securitySchemes/{name}");
            let header = contract.at(&scheme)["name"].as_str().unwrap_or_default();
            let value = sent.headers().get(header).and_then(|value| value.to_str().ok());
            let carried = value == Some(key);
            let rest = ["type", "in"].into_iter().zip(["apiKey", "header"]);
            for (member, only) in rest {
                let holds = carried && contract.at(&scheme)[member] == only;
                record.compare(Sent, &format!("{scheme}/{member}"), holds, || {
                    "the key is sent in a header".to_owned()
                });
            }
            record.compare(Sent, &format!("{scheme}/name"), carried, || format!("no key in {header:?}"));
            record.compare(Sent, &format!("{}/security/{name}", operation.pointer), carried, || {
                "no key".to_owned()
            });
            documented.push(header.to_owned());
        }
    }
    for name in sent.headers().keys().filter(|name| !documented.iter().any(|known| name.as_str() == known)) {
        let part = if name == "x-api-key" { "ApiKey" } else { name.as_str() };
        record
            .fault(format!("{}/security/{part}", operation.pointer), format!("{name} is sent, undocumented"));
    }

    let media = sent.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or_default();
    let content = format!("{}/requestBody/content", operation.pointer);
    let part = format!("{content}/{}", escaped(media));
    record.compare(Sent, &part, contract.at(&content).get(media).is_some(), || format!("sent as {media:?}"));

    let carried = serde_json::from_slice::<Value>(sent.body()).map_err(|error| error.to_string())?;
    if let Some(error) = contract.validator(schema).iter_errors(&carried).next() {
        return Err(format!("sent {carried}: {error}"));
    }
    if carried == *body { Ok(()) } else { Err(format!("meant {body}, sent {carried}")) }
}

/// All that a caller can say.
#[derive(Clone, Debug)]
struct Settings {
    key: String,
    device_id: String,
    kind: Option<String>,
    model: Option<String>,
    sdk_version: Option<String>,
}

/// Within the limits and a little beyond them.
fn settings() -> impl Strategy<Value = Settings> {
    let key = prop_oneof![6 => "[!-~]{1,200}", 1 => text(0, 3)];
    let kinds = ["ios", "android", "web", "node"].map(str::to_owned).to_vec();
    let kind = proptest::option::of(proptest::sample::select(kinds));
    let device_id = prop_oneof![6 => text(1, 150), 1 => text(0, 160)];
    let model = prop_oneof![6 => text(0, 300), 1 => text(290, 310)];
    let sdk_version = prop_oneof![6 => text(0, 30), 1 => text(0, 35)];
    let info = (kind, proptest::option::of(model), proptest::option::of(sdk_version));
    (key, device_id, info).prop_map(|(key, device_id, (kind, model, sdk_version))| Settings {
        key,
        device_id,
        kind,
        model,
        sdk_version,
    })
}

impl Settings {
    fn body(&self) -> Value {
        let info = [("kind", &self.kind), ("model", &self.model), ("sdkVersion", &self.sdk_version)];
        let info = info.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        json!({ "deviceId": self.device_id, "deviceInfo": info.collect::<std::collections::BTreeMap<_, _>>() })
    }

    fn apply(&self, builder: BotClientBuilder) -> BotClientBuilder {
        let mut info = DeviceInfo::new();
        if let Some(kind) = &self.kind {
            info = info.kind(DeviceKind::try_from(kind.as_str()).unwrap());
        }
        if let Some(model) = &self.model {
            info = info.model(model);
        }
        if let Some(version) = &self.sdk_version {
            info = info.sdk_version(version);
        }
        builder.api_key(self.key.as_str()).device_id(&self.device_id).device_info(info)
    }
}

/// Settings build exactly if the contract allows the request and a header can carry the key; what was built
/// is sent as it was meant.
fn registered(subject: &Subject, schema: &str, settings: &Settings) -> Result<(), String> {
    let contract = &subject.contract;
    let body = settings.body();
    let sendable = !settings.key.is_empty() && settings.key.bytes().all(|byte| byte.is_ascii_graphic());
    let allowed = sendable && contract.validator(schema).is_valid(&body);
    match settings.apply(subject.sandbox.client()).build() {
        Err(error) if allowed || error.kind() != ErrorKind::Config => {
            Err(format!("{body} does not build: {error}"))
        }
        Err(_) => Ok(()),
        Ok(_) if !allowed => Err(format!("{body} builds")),
        Ok(bot) => {
            subject.wait(bot.register()).map_err(|error| error.to_string())?;
            let sent = subject.sandbox.requests().pop().ok_or("nothing arrived")?;
            let mut record = Record::default();
            judged(contract, schema, &sent, &settings.key, &body, &mut record)?;
            record.faults.first().map_or(Ok(()), |fault| Err(fault.to_string()))
        }
    }
}
