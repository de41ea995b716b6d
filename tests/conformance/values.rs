//! Values that a schema allows, with an eye on those at a boundary.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::contract::{Contract, escaped, items, members};

/// Dates of RFC 3339 that readers stumble over: leap seconds, offsets, any number of digits, small letters,
/// the ends of the calendar.
pub const DATES: [&str; 22] = [
    "2023-11-07T05:31:56Z",
    "2023-11-07T05:31:56+00:00",
    "2023-11-07T05:31:56-00:00",
    "2023-11-07T05:31:56+05:45",
    "2023-11-07T05:31:56-23:59",
    "2023-11-07T05:31:56+23:59",
    "2023-11-07t05:31:56z",
    "2023-11-07T05:31:56.1Z",
    "2023-11-07T05:31:56.000000001Z",
    "2023-11-07T05:31:56.123456789Z",
    "2023-11-07T05:31:56.1234567891234567Z",
    "2016-12-31T23:59:60Z",
    "2016-12-31T23:59:60.999999999Z",
    "1990-12-31T15:59:60-08:00",
    "2024-02-29T00:00:00Z",
    "2000-02-29T12:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2038-01-19T03:14:08Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59+14:00",
];

/// What looks like a date and is none, or is none that can be written again: in UTC it is beyond year 9999.
pub const NO_DATES: [&str; 12] = [
    "",
    "2023-11-07",
    "2023-11-07T05:31:56",
    "2023-11-07T05:31Z",
    "2023-02-30T00:00:00Z",
    "2023-11-07T24:00:00Z",
    "1699335116",
    "Tue, 07 Nov 2023 05:31:56 GMT",
    "+12023-11-07T05:31:56Z",
    "2023-11-07T05:31:56.Z",
    "9999-12-31T23:59:59-00:01",
    "0000-01-01T00:00:00+00:01",
];

/// Whole numbers at the edges of what readers can hold, some written as decimals.
fn integers() -> impl Strategy<Value = Value> {
    let edges = [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1];
    prop_oneof![
        proptest::sample::select(edges.to_vec()).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number))),
    ]
}

fn dates() -> impl Strategy<Value = Value> {
    let any = (0..10_000, 1..=12, 1..=28, 0..24, 0..60, 0..60, 0..1_000_000_000, 0..10_usize);
    let any = any.prop_map(|(year, month, day, hour, minute, second, nanos, digits)| {
        let fraction = if digits == 0 { String::new() } else { format!(".{nanos:09}")[..=digits].to_owned() };
        json!(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
    });
    prop_oneof![proptest::sample::select(DATES.to_vec()).prop_map(Value::from), any]
}

/// Text of every plane of Unicode, `least` to `most` characters long, often exactly so. A case that fails
/// shrinks to fewer characters and to plain ones, not to one character at a time: there are too many of them.
pub fn text(least: usize, most: usize) -> impl Strategy<Value = String> {
    let most = most.max(least);
    let length = prop_oneof![1 => Just(least), 1 => Just(most), 4 => least..=most];
    (length, any::<u64>()).prop_map(|(length, seed)| {
        let mut drawn = fastrand::Rng::with_seed(seed);
        (0..length).map(|_| if seed == 0 { 'a' } else { drawn.char(..) }).collect()
    })
}

/// Any JSON, a few levels of it.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text(0, 12).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(0, 6), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object of any members, sometimes a deep or a wide one.
fn free_form() -> impl Strategy<Value = Value> {
    let members = proptest::collection::btree_map(text(0, 8), anything(), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()));
    prop_oneof![30 => members, 1 => (1..100_usize).prop_map(deep), 1 => (1..500_usize).prop_map(wide)]
}

/// An object with so many levels.
pub fn deep(levels: usize) -> Value {
    (0..levels)
        .fold(json!({}), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "in": inner }) })
        .as_object()
        .cloned()
        .map_or_else(|| json!({ "in": [] }), Value::Object)
}

fn wide(members: usize) -> Value {
    (0..members).map(|at| (format!("member {at}"), json!(at))).collect::<Map<_, _>>().into()
}

/// Instances that the schema at `pointer` allows.
pub fn valid(contract: &Contract, pointer: &str) -> BoxedStrategy<Value> {
    let pointer = contract.resolved(pointer);
    let schema = contract.at(&pointer);
    let alternatives = items(&schema["oneOf"]);
    if !alternatives.is_empty() {
        let each = (0..alternatives.len()).map(|at| valid(contract, &format!("{pointer}/oneOf/{at}")));
        return proptest::strategy::Union::new(each).boxed();
    }
    if let Some(values) = schema["enum"].as_array() {
        return proptest::sample::select(values.clone()).boxed();
    }
    let length = |keyword: &str| schema[keyword].as_u64().and_then(|length| usize::try_from(length).ok());
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => dates().boxed(),
        Some("string") if schema["pattern"].is_string() => {
            let pattern = schema["pattern"].as_str().unwrap_or_default();
            let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
            proptest::string::string_regex(pattern).unwrap().prop_map(Value::from).boxed()
        }
        Some("string") => {
            let least = length("minLength").unwrap_or_default();
            text(least, length("maxLength").unwrap_or(least + 20)).prop_map(Value::from).boxed()
        }
        Some("integer") => integers().boxed(),
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("array") => {
            let item = valid(contract, &format!("{pointer}/items"));
            prop_oneof![20 => vec(item.clone(), 0..3), 1 => vec(item, 3..20)].prop_map(Value::from).boxed()
        }
        Some("object") if schema.get("properties").is_some() => object(contract, &pointer),
        Some("object") => free_form().boxed(),
        _ => anything().boxed(),
    }
}

/// Each property, present or, where the contract allows, not.
fn object(contract: &Contract, pointer: &str) -> BoxedStrategy<Value> {
    let schema = contract.at(pointer);
    let required = items(&schema["required"]);
    let each = members(&schema["properties"]).map(|(name, _)| {
        let value = valid(contract, &format!("{pointer}/properties/{}", escaped(name)));
        let always = required.iter().any(|required| required == name);
        let name = name.to_owned();
        let drawn = (0..10, value).prop_map(move |(odds, value)| {
            let there = always || odds < 7;
            there.then(|| (name.clone(), value))
        });
        drawn.boxed()
    });
    let each = each.collect::<Vec<_>>();
    each.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

/// An instance with everything in it that the schema at `pointer` names.
pub fn full(contract: &Contract, pointer: &str) -> Value {
    let pointer = contract.resolved(pointer);
    let schema = contract.at(&pointer);
    if !items(&schema["oneOf"]).is_empty() {
        return full(contract, &format!("{pointer}/oneOf/0"));
    }
    if let Some(value) = items(&schema["enum"]).first() {
        return value.clone();
    }
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => json!(DATES[0]),
        Some("string") => json!("text"),
        Some("integer") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([full(contract, &format!("{pointer}/items"))]),
        Some("object") => members(&schema["properties"])
            .map(|(name, _)| {
                (name.to_owned(), full(contract, &format!("{pointer}/properties/{}", escaped(name))))
            })
            .collect::<Map<_, _>>()
            .into(),
        _ => json!({}),
    }
}
