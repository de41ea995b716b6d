//! The documented request and response, verbatim.

use serde_json::Value;
use social_plus_bot::api::Lenient;
use social_plus_bot::api::types::{BotSession, RegisterBotSession};
use social_plus_bot::{Open, UserType};

const RESPONSE: &str = include_str!("../fixtures/documented-response.json");

fn contract() -> Value {
    serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap()
}

#[test]
fn the_documented_response_round_trips() {
    let response: Lenient<BotSession> = serde_json::from_str(RESPONSE).unwrap();
    assert_eq!(response.mismatches(), []);
    assert_eq!(response.user_type, Some(Open::Known(UserType::Bot)));
    let documented: Value = serde_json::from_str(RESPONSE).unwrap();
    assert_eq!(serde_json::to_value(&*response).unwrap(), documented);
}

#[test]
fn the_documented_response_is_the_example_of_the_contract() {
    let mut documented: Value = serde_json::from_str(RESPONSE).unwrap();
    let responses = "/paths/~1api~1v5~1sessions~1bot/post/responses";
    let example = format!("{responses}/200/content/application~1json/examples/documented/value");
    let contract = contract();
    let example = contract.pointer(&example).unwrap();
    // The page has a placeholder for the token, which is none.
    documented["accessToken"] = example["accessToken"].clone();
    assert_eq!(*example, documented);
}

#[test]
fn the_documented_request_is_the_example_of_the_contract_and_round_trips() {
    let documented = serde_json::json!({
        "deviceId": "<string>",
        "deviceInfo": { "kind": "ios", "model": "<string>", "sdkVersion": "<string>" },
    });
    let request = "/paths/~1api~1v5~1sessions~1bot/post/requestBody";
    let example = format!("{request}/content/application~1json/examples/documented/value");
    assert_eq!(contract().pointer(&example), Some(&documented));
    let typed: RegisterBotSession = serde_json::from_value(documented.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), documented);
}

#[test]
fn numbers_in_free_form_objects_round_trip() {
    let mut documented: Value = serde_json::from_str(RESPONSE).unwrap();
    for number in [7.038531e-26, 9007199254740991.5, 1.7976931348623157e308, 5e-324, 0.1] {
        documented["users"][0]["metadata"]["number"] = number.into();
        let response: Lenient<BotSession> = serde_json::from_str(&documented.to_string()).unwrap();
        assert_eq!(serde_json::to_value(&*response).unwrap(), documented);
    }
}
