//! The suite itself: a contract that says anything else than the crate does is told apart, by name.
//!
//! Each part is taken out of a copy, or made to say something else. The checks stop at the first that names
//! the part; random cases are left out, since the systematic ones have to do.

use serde_json::{Value, json};

use crate::contract::{Contract, items, members};
use crate::parts::{Entry, Part, parts};
use crate::record::Record;
use crate::subject::Subject;
use crate::{Check, answering, documented, mismatching, refusing, sending, typing};

/// Those that can tell, the quick ones first.
const TELLING: [Check; 6] =
    [typing::check, documented::check, mismatching::check, answering::check, refusing::check, sending::check];

/// Whether the suite, judging by `contract`, names one of `names`.
fn named(subject: &mut Subject, contract: Contract, names: &[&str]) -> bool {
    subject.contract = contract;
    TELLING.iter().any(|check| {
        let mut record = Record::default();
        check(subject, &mut record);
        record.faults.iter().any(|fault| names.contains(&fault.part.as_str()))
    })
}

/// Alters a copy for each part for which `alter` can, and lists those that went unnoticed.
fn unnoticed(alter: impl Fn(&Part, &mut Contract) -> bool) -> (usize, Vec<String>) {
    let whole = Contract::of_the_crate();
    let mut subject = Subject::new(whole.clone(), 0, 1);
    let mut altered = 0;
    let mut unnoticed = Vec::new();
    for part in parts(&whole) {
        let mut copy = whole.clone();
        if alter(&part, &mut copy) {
            altered += 1;
            if !named(&mut subject, copy, &[&part.id, &part.within]) {
                unnoticed.push(part.id);
            }
        }
    }
    (altered, unnoticed)
}

/// The value of a part that is a member of an object.
fn value<'a>(part: &Part, contract: &'a mut Contract) -> Option<&'a mut Value> {
    let Entry::Member(name) = &part.entry else { return None };
    contract.document.pointer_mut(&part.within)?.get_mut(name)
}

#[test]
fn a_removed_part_of_the_contract_is_reported_by_name() {
    let (altered, unnoticed) = unnoticed(|part, copy| {
        part.remove_from(copy);
        true
    });
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(altered > 200, "{altered}");
}

#[test]
fn a_changed_limit_is_reported_by_name() {
    for by in [1, -1] {
        let (altered, unnoticed) = unnoticed(|part, copy| {
            let Some(limit) = value(part, copy) else { return false };
            let Some(other) = limit.as_i64().map(|limit| limit + by) else { return false };
            *limit = json!(other);
            true
        });
        assert_eq!(unnoticed, Vec::<String>::new());
        assert!(altered >= 4, "{altered}");
    }
}

#[test]
fn an_added_enum_value_is_reported_by_name() {
    let (altered, unnoticed) = unnoticed(|part, copy| {
        let Some(values) = value(part, copy).and_then(Value::as_array_mut) else { return false };
        values.push(json!("further"));
        true
    });
    // It is the further value that is named, not the enumeration.
    assert_eq!(altered, unnoticed.len());
    let whole = Contract::of_the_crate();
    let mut subject = Subject::new(whole.clone(), 0, 1);
    for part in parts(&whole).iter().filter(|part| unnoticed.contains(&part.id)) {
        let mut copy = whole.clone();
        value(part, &mut copy).and_then(Value::as_array_mut).unwrap().push(json!("further"));
        assert!(named(&mut subject, copy, &[&format!("{}/further", part.id)]), "{}", part.id);
    }
}

#[test]
fn a_renamed_field_is_reported_by_name() {
    let (altered, unnoticed) = unnoticed(|part, copy| {
        let Entry::Member(name) = &part.entry else { return false };
        if !part.within.ends_with("/properties") {
            return false;
        }
        let owner = part.within.trim_end_matches("/properties");
        let owner = copy.document.pointer_mut(owner).unwrap();
        let schema = owner["properties"].as_object_mut().unwrap().remove(name).unwrap();
        owner["properties"]["renamed"] = schema;
        if let Some(required) = owner["required"].as_array_mut() {
            required.iter_mut().filter(|known| *known == name).for_each(|known| *known = json!("renamed"));
        }
        true
    });
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(altered > 30, "{altered}");
}

#[test]
fn a_changed_keyword_is_reported_by_name() {
    let (altered, unnoticed) = unnoticed(|part, copy| {
        match value(part, copy) {
            Some(Value::Bool(switch)) => *switch = !*switch,
            Some(Value::String(word)) => word.push_str("-other"),
            _ => return false,
        }
        true
    });
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(altered > 50, "{altered}");
}

#[test]
fn an_added_server_or_field_is_reported_by_name() {
    let mut subject = Subject::new(Contract::of_the_crate(), 0, 1);
    let mut contract = Contract::of_the_crate();
    let servers = contract.document["servers"].as_array_mut().unwrap();
    servers.push(json!({ "url": "https://apix.mars.amity.co" }));
    assert!(items(contract.at("/servers")).len() == 4);
    assert!(named(&mut subject, contract, &["/servers/https:~1~1apix.mars.amity.co"]));

    let whole = Contract::of_the_crate();
    for (name, schema) in members(whole.at("/components/schemas")) {
        if schema.get("properties").is_none() {
            continue;
        }
        let place = format!("/components/schemas/{name}/properties");
        let mut contract = whole.clone();
        contract.document.pointer_mut(&place).unwrap()["further"] = json!({ "type": "string" });
        assert!(named(&mut subject, contract, &[&format!("{place}/further")]), "{place}");
    }
}
