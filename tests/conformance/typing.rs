//! Check: the JSON schema of each public type says the same as the contract.
//!
//! Both sides are brought to one form first, and only these differences are allowed for:
//!
//! - A value that may be absent is written by the types as nullable (`anyOf` or a list of types with null).
//! - A response is read tolerantly: the types require of it only what a session can't be without.
//! - A response's enumeration is open: the type in that place is `Open`, the values are those of the type
//!   within it.
//! - Alternatives are `oneOf` in the contract and `anyOf` in the types.
//! - Descriptions and titles say nothing about the wire.

use std::collections::{BTreeMap, BTreeSet};

use schemars::schema_for;
use serde_json::{Map, Value, json};
use social_plus_bot::api::types::{BotSession, ErrorBody, Permission, RegisterBotSession, UserType};

use crate::contract::{Contract, SCHEMAS, escaped, items, members};
use crate::parts::Proof::Typed;
use crate::parts::alternative;
use crate::record::Record;
use crate::subject::Subject;

pub fn check(subject: &Subject, record: &mut Record) {
    let contract = &subject.contract;
    // Whatever these refer to comes with them. The two enumerations are hidden behind their open form.
    let roots = [
        schema_for!(RegisterBotSession),
        schema_for!(BotSession),
        schema_for!(ErrorBody),
        schema_for!(UserType),
        schema_for!(Permission),
    ];
    let mut types = BTreeMap::new();
    for root in roots {
        let root = root.to_value();
        let name = root["title"].as_str().unwrap_or_default().to_owned();
        types.extend(members(&root["$defs"]).map(|(name, schema)| (name.to_owned(), schema.clone())));
        types.insert(name, root);
    }
    let mut comparison = Comparison { contract, types, record, seen: BTreeSet::new() };
    if let Some(request) = contract.request() {
        comparison.named(&contract.resolved(&request), true);
    }
    for (_, pointer) in contract.responses() {
        let schema = contract.resolved(&format!("{pointer}/content/application~1json/schema"));
        if !contract.at(&schema).is_null() {
            comparison.named(&schema, false);
        }
    }
}

struct Comparison<'a> {
    contract: &'a Contract,
    types: BTreeMap<String, Value>,
    record: &'a mut Record,
    seen: BTreeSet<String>,
}

impl Comparison<'_> {
    /// Compares a component with the type of its name.
    fn named(&mut self, pointer: &str, strict: bool) {
        let name = pointer.rsplit('/').next().unwrap_or_default();
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        match self.types.get(name).cloned() {
            Some(of) => self.schema(pointer, &of, strict),
            None => self.record.fault(pointer, "there is no type of that name"),
        }
    }

    fn schema(&mut self, pointer: &str, of: &Value, strict: bool) {
        let of = &plain(of);
        let documented = self.contract.at(pointer).clone();
        let referred = of["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        if let Some(name) = documented["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            let open = !strict && referred == Some(&format!("Open{name}"));
            if referred == Some(name) || open {
                self.named(&format!("{SCHEMAS}/{name}"), strict);
            } else {
                self.record.fault(pointer, format!("is {name} in the contract, {of} in the types"));
            }
            return;
        }
        if referred.is_some() {
            self.record.fault(pointer, format!("is spelled out in the contract, {of} in the types"));
            return;
        }
        let said = |value: &Value| {
            let keywords = members(value).map(|(keyword, _)| keyword.to_owned());
            keywords.filter(|keyword| keyword != "description").collect::<BTreeSet<_>>()
        };
        for keyword in &said(&documented) | &said(of) {
            let (contracts, types) = (&documented[&keyword], &of[&keyword]);
            let place = format!("{pointer}/{keyword}");
            match keyword.as_str() {
                "properties" => self.properties(&place, contracts, types, strict),
                "required" => self.required(&place, contracts, types, strict),
                "enum" => {
                    self.same(&place, contracts.is_array() && types.is_array(), contracts, types);
                    self.values(&place, contracts, types);
                }
                "oneOf" => self.alternatives(&place, contracts, types, strict),
                "items" => {
                    self.same(&place, !contracts.is_null() && !types.is_null(), contracts, types);
                    self.schema(&place, types, strict);
                }
                _ => self.same(&place, contracts == types, contracts, types),
            }
        }
    }

    fn same(&mut self, place: &str, same: bool, contracts: &Value, types: &Value) {
        let what = || format!("{contracts} in the contract, {types} in the types");
        self.record.compare(Typed, place, same, what);
    }

    fn properties(&mut self, place: &str, contracts: &Value, types: &Value, strict: bool) {
        for (name, _) in members(contracts).chain(members(types)) {
            let property = format!("{place}/{}", escaped(name));
            let (one, other) = (contracts.get(name), types.get(name));
            let what = || "is not in both the contract and the types".to_owned();
            self.record.compare(Typed, &property, one.is_some() && other.is_some(), what);
            if let (Some(_), Some(of)) = (one, other) {
                self.schema(&property, of, strict);
            }
        }
    }

    fn required(&mut self, place: &str, contracts: &Value, types: &Value, strict: bool) {
        for name in items(contracts).iter().chain(items(types)) {
            let part = format!("{place}/{}", escaped(name.as_str().unwrap_or_default()));
            let (documented, typed) = (items(contracts).contains(name), items(types).contains(name));
            // The types may require less of a response, and never more.
            let holds = if strict { documented == typed } else { documented || !typed };
            self.record.compare(Typed, &part, holds, || {
                format!("in the contract: {documented}, in the types: {typed}")
            });
        }
    }

    fn values(&mut self, place: &str, contracts: &Value, types: &Value) {
        for value in items(contracts).iter().chain(items(types)) {
            let part = format!("{place}/{}", escaped(value.as_str().unwrap_or_default()));
            let both = items(contracts).contains(value) && items(types).contains(value);
            self.record
                .compare(Typed, &part, both, || "is not in both the contract and the types".to_owned());
        }
    }

    fn alternatives(&mut self, place: &str, contracts: &Value, types: &Value, strict: bool) {
        let names = |of: &Value| items(of).iter().map(alternative).collect::<BTreeSet<_>>();
        let (documented, typed) = (names(contracts), names(types));
        for name in &documented | &typed {
            let both = documented.contains(&name) && typed.contains(&name);
            let what = || "is not in both the contract and the types".to_owned();
            self.record.compare(Typed, &format!("{place}/{name}"), both, what);
            if both {
                self.named(&format!("{SCHEMAS}/{name}"), strict);
            }
        }
    }
}

/// The schema of a type as the contract would write it.
fn plain(of: &Value) -> Value {
    let null = json!({ "type": "null" });
    let alternatives = items(&of["anyOf"]);
    if let [one, other] = alternatives
        && *other == null
    {
        return plain(one);
    }
    let mut plain = Map::new();
    for (keyword, value) in members(of) {
        match keyword {
            "$schema" | "$defs" | "title" | "description" => {}
            "anyOf" => drop(plain.insert("oneOf".to_owned(), value.clone())),
            "type" if value.is_array() => {
                let types = items(value).iter().filter(|of| **of != "null").cloned().collect::<Vec<_>>();
                let of = if let [one] = &types[..] { one.clone() } else { types.into() };
                plain.insert(keyword.to_owned(), of);
            }
            _ => drop(plain.insert(keyword.to_owned(), value.clone())),
        }
    }
    Value::Object(plain)
}
