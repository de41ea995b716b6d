//! Check: what the contract forbids can't be sent.
//!
//! The types of the request are the only way to send one, so it is enough that none of them can come to hold
//! what is forbidden; what would be left out (a null) is not sent. And both ways: what the contract does not
//! forbid can be had.

use proptest::test_runner::TestCaseError;
use serde_json::Value;
use social_plus_bot::api::types::{DeviceId, DeviceInfo as Sent, RegisterBotSession};
use social_plus_bot::{BotClient, DeviceInfo, ErrorKind};

use crate::parts::Proof::Unsendable;
use crate::record::Record;
use crate::subject::Subject;
use crate::values::{full, text, valid};
use crate::walk::breaks;

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    let Some(schema) = contract.request() else { return };
    let whole = full(contract, &schema);
    let judge = contract.validator(&schema);
    for wrong in breaks(contract, &schema, &whole).iter().filter(|wrong| wrong.keyword != "unknown") {
        let body = wrong.apply(&whole);
        let refused = match serde_json::from_value::<RegisterBotSession>(body.clone()) {
            Err(_) => built(&body).is_none_or(|error| error == ErrorKind::Config),
            Ok(typed) => judge.is_valid(&serde_json::to_value(typed).unwrap()) && wrong.is_null(),
        };
        for part in &wrong.parts {
            record.compare(Unsendable, part, refused, || format!("{body} can be sent"));
        }
    }
    // The lengths again, each way: what builds and what the contract allows are the same.
    let limits = (text(0, 160), text(0, 310), text(0, 40));
    let tried = subject.try_many(subject.cases, &limits, |(id, model, version)| {
        let body =
            serde_json::json!({ "deviceId": id, "deviceInfo": { "model": model, "sdkVersion": version } });
        let info = DeviceInfo::new().model(model).sdk_version(version);
        let builds = DeviceId::try_from(id).is_ok() && Sent::try_from(info).is_ok();
        if builds == judge.is_valid(&body) {
            Ok(())
        } else {
            Err(TestCaseError::fail(format!("{body}: {builds}")))
        }
    });
    let tried = tried.and_then(|()| {
        subject.try_many(subject.cases, &valid(contract, &schema), |body| {
            let typed = serde_json::from_value::<RegisterBotSession>(body.clone());
            let same = typed.is_ok_and(|typed| serde_json::to_value(typed).unwrap() == body);
            if same { Ok(()) } else { Err(TestCaseError::fail(format!("{body} can't be sent"))) }
        })
    });
    if let Err(what) = tried {
        record.fault(&schema, what);
    }
}

/// How the builder fails with these settings, as far as it can be told them at all.
fn built(body: &Value) -> Option<ErrorKind> {
    let text = |pointer: &str| body.pointer(pointer).map(|value| value.as_str().map(str::to_owned));
    let mut builder = BotClient::builder().api_key("key").base_url("http://127.0.0.1:9");
    if let Some(id) = text("/deviceId") {
        builder = builder.device_id(id?);
    }
    let mut info = DeviceInfo::new();
    if let Some(kind) = text("/deviceInfo/kind") {
        info = info.kind(kind?.as_str().try_into().ok()?);
    }
    if let Some(model) = text("/deviceInfo/model") {
        info = info.model(model?);
    }
    if let Some(version) = text("/deviceInfo/sdkVersion") {
        info = info.sdk_version(version?);
    }
    // What can't be said to the builder at all, such as another type, is left out here: then it builds.
    match builder.device_info(info).build() {
        Ok(_) if body["deviceInfo"].is_object() => Some(ErrorKind::InvalidResponse),
        Ok(_) => None,
        Err(error) => Some(error.kind()),
    }
}
