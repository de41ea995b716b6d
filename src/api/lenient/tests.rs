//! Decoding in one pass and validating value by value agree.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Serialize;
use serde_json::json;

use super::*;

const RESPONSE: &str = include_str!("../../../tests/fixtures/documented-response.json");

const ERROR: &str =
    r#"{"status":"error","code":422000,"message":"m","data":{"detail":["one",{"a":[1.5,null]}]}}"#;

/// What a body is decoded as: its values and its mismatches.
type Outcome = Result<(String, Vec<SchemaMismatch>), String>;

fn outcome<T: Serialize>(decoded: Result<Lenient<T>, String>) -> Outcome {
    let (body, mismatches) = decoded?.into_parts();
    Ok((serde_json::to_string(&body).unwrap(), mismatches))
}

/// Compares both ways of decoding. Returns whether the body was decoded in one pass.
fn compare<T: Documented + Serialize>(text: &str) -> bool {
    let schema = Schema::of(T::SCHEMA);
    let validated = outcome(Lenient::<T>::validate(text, None, schema, &[]));
    let decoded = outcome(Lenient::<T>::decode(text.as_bytes(), &[]));
    assert!(decoded == validated, "{}", text.chars().take(2_000).collect::<String>());
    let matching = matching::<T>(text, schema).map(|body| serde_json::to_string(&body).unwrap());
    // What is decoded in one pass is all of it.
    let is_complete = matching.as_ref().is_none_or(|body| validated == Ok((body.clone(), Vec::new())));
    assert!(is_complete, "{}", text.chars().take(2_000).collect::<String>());
    matching.is_some()
}

/// A change at a random place of a document.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Remove,
    Add(String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    let name = prop_oneof![
        Just("userId".to_owned()),
        Just("extra".to_owned()),
        Just("é\"\\".to_owned()),
        Just("$serde_json::private::RawValue".to_owned()),
        Just("$serde_json::private::Number".to_owned()),
        "[a-z]{0,3}",
    ];
    let value = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(5.0),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(9e15),
        json!(""),
        json!("bot"),
        json!("BAN_USER"),
        json!("FLY"),
        json!("a\"b\n\u{1d11e}"),
        json!("2023-11-07T05:31:56.5+05:45"),
        json!("2023-11-07 05:31:56Z"),
        json!("2016-12-31T23:59:60z"),
        json!("0000-01-01T00:00:00+00:01"),
        json!("1.5"),
        json!([]),
        json!({}),
        json!([null]),
        json!(["text", 1]),
        json!([{}]),
        json!({ "userId": "a", "createdAt": "2023-11-07T05:31:56Z", "updatedAt": null }),
        json!({ "x": { "y": [1, { "z": null }] } }),
        json!(vec![0; 4_990]),
        json!(vec![json!({}); 5_001]),
        (0..130).fold(json!(0), |inner, _| json!([inner])),
        (0..62).fold(json!(0), |inner, _| json!({ "a": [inner] })),
    ]);
    prop_oneof![
        value.clone().prop_map(Change::Replace),
        Just(Change::Remove),
        (name, value).prop_map(|(name, value)| Change::Add(name, value)),
    ]
}

/// The pointers of all values within `value`.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            pointers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all)
        }),
        Value::Array(items) if items.len() < 10 => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}

fn changed(text: &str, changes: &[(Index, Change)]) -> String {
    let mut body: Value = serde_json::from_str(text).unwrap();
    for (index, change) in changes {
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        let at = index.get(&all);
        let (parent, name) = at.rsplit_once('/').unwrap_or_default();
        match change {
            Change::Replace(value) => *body.pointer_mut(at).unwrap() = value.clone(),
            Change::Remove => {
                body.pointer_mut(parent).and_then(Value::as_object_mut).map(|members| members.remove(name));
            }
            Change::Add(name, value) => {
                let members = body.pointer_mut(at).and_then(Value::as_object_mut);
                members.map(|members| members.insert(name.clone(), value.clone()));
            }
        }
    }
    body.to_string()
}

/// Changes of the text that are not possible with a value: duplicates, escapes, other notations, invalid JSON.
fn rewritten(text: &str, how: u8, at: &Index) -> String {
    let places: Vec<usize> = text.match_indices([',', '{', '"', ':']).map(|(at, _)| at).collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let (before, after) = text.split_at(*at.get(&places));
    match how {
        0 => text.replacen(r#""userId""#, r#""userId":"twice","userId""#, 1),
        1 => text.replacen(r#""userId""#, r#""user\u0049d""#, 1),
        2 => text.replacen(r#""roles":"#, r#""roles":1e999,"roles":"#, 1),
        3 => text.replacen("{}", r#"{"a":1,"a":[2]}"#, 1),
        4 => text.replacen("123", "123.0", 1),
        5 => text.replacen(r#""<string>""#, r#""\ud800""#, 1),
        6 => format!("{before} \n{after}"),
        7 => format!("{before}x{after}"),
        8 => format!("{before},{after}"),
        9 => format!("{text} {after}"),
        10 => text.replacen("123", "-0", 1),
        _ => text.to_owned(),
    }
}

#[test]
fn decoding_in_one_pass_agrees_with_validation() {
    let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| fastrand::u64(..));
    println!("TEST_SEED={seed}");
    let mut bytes = [1; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &bytes));
    let changes = prop::collection::vec((any::<Index>(), change()), 0..4);
    let compared = runner.run(&(changes, 0..30_u8, any::<Index>()), |(changes, how, at)| {
        compare::<BotSession>(&rewritten(&changed(RESPONSE, &changes), how, &at));
        compare::<ErrorBody>(&rewritten(&changed(ERROR, &changes), how, &at));
        Ok(())
    });
    compared.unwrap();
}

#[test]
fn a_response_with_too_many_values_is_validated() {
    let mut body: Value = serde_json::from_str(RESPONSE).unwrap();
    for (values, in_one_pass) in [(4_900, true), (5_000, false), (5_001, false)] {
        for field in ["roles", "files"] {
            let mut others = body.clone();
            others.as_object_mut().unwrap().remove(field);
            let (mut text, list) = (others.to_string(), json!(vec![json!({}); values]));
            let last = format!(r#"{},"{field}":{list}}}"#, &text[..text.len() - 1]);
            assert_eq!(compare::<BotSession>(&last), in_one_pass, "{values} in {field}");
            text = format!(r#"{{"{field}":{list},{}"#, &text[1..]);
            assert_eq!(compare::<BotSession>(&text), in_one_pass, "{values} in {field}");
        }
        body["users"][0]["metadata"] = json!({ "a": vec![0; values] });
        assert_eq!(compare::<BotSession>(&body.to_string()), in_one_pass, "{values} in metadata");
        body["users"][0]["metadata"] = json!({});
    }
}

#[test]
fn a_matching_response_is_decoded_in_one_pass() {
    assert!(compare::<BotSession>(RESPONSE));
    let mut nulls: Value = serde_json::from_str(RESPONSE).unwrap();
    for field in ["roles", "files", "lastCachePurge", "userType"] {
        nulls[field] = Value::Null;
    }
    nulls["users"][0]["hashFlag"] = Value::Null;
    nulls["users"][0]["metadata"] = json!({ "a": [null, 1.5, { "b": "c" }] });
    assert!(compare::<BotSession>(&nulls.to_string()));
    assert!(compare::<ErrorBody>(r#"{"code":1,"data":{"detail":{"a":[1.5,null]}}}"#));
    assert!(compare::<ErrorBody>(r#"{"code":1,"data":{"detail":["a"]}}"#));
}
