//! The suite itself: no check is there for nothing, and leaving one out does not go unnoticed.

use crate::contract::Contract;
use crate::record::unexercised;
use crate::subject::Subject;
use crate::{parts, run};

#[test]
fn leaving_out_any_check_says_which_part_is_no_longer_exercised() {
    let subject = Subject::new(Contract::of_the_crate(), 0, 1);
    let parts = parts::parts(&subject.contract);
    let records = run(&subject);

    for left_out in records.keys() {
        let rest = records.iter().filter(|(name, _)| *name != left_out).map(|(_, record)| record);
        let missing = unexercised(&parts, rest);
        println!("without {left_out}: {} parts, such as {:?}", missing.len(), missing.first());
        assert!(!missing.is_empty(), "{left_out} shows nothing that the others don't");
    }
    assert_eq!(unexercised(&parts, records.values()), Vec::<String>::new());
}

#[test]
fn a_keyword_that_no_check_knows_is_named() {
    for (place, keyword) in [
        ("/components/schemas/DeviceId", "pattern"),
        ("/components/schemas/User/properties/flagCount", "minimum"),
        ("/components/schemas/User/properties/roles", "uniqueItems"),
        ("/paths/~1api~1v5~1sessions~1bot/post", "parameters"),
    ] {
        let mut contract = Contract::of_the_crate();
        contract.document.pointer_mut(place).unwrap()[keyword] = 1.into();
        let parts = parts::parts(&contract);
        let part = format!("{place}/{keyword}");
        assert!(parts.iter().any(|found| found.id == part && !found.due.is_empty()), "{part}");
    }
}

#[test]
fn a_schema_that_nothing_refers_to_is_named() {
    let mut contract = Contract::of_the_crate();
    let schemas = contract.document.pointer_mut("/components/schemas").unwrap();
    schemas["Forgotten"] = serde_json::json!({ "type": "string" });
    assert!(parts::parts(&contract).iter().any(|part| part.id == "/components/schemas/Forgotten/type"));
}
