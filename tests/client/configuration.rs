//! Invalid settings are errors of `build` that name the setting and the rule.

use std::time::Duration;

use social_plus_bot::{ApiKey, BotClient, BotClientBuilder, DeviceInfo, DeviceKind, ErrorKind, Region};

const KEY: &str = "b0e8a2c4d6f81357";

fn valid() -> BotClientBuilder {
    BotClient::builder().api_key(KEY).region(Region::Us).device_id("crawler-1")
}

#[track_caller]
fn refused(builder: BotClientBuilder) -> String {
    let error = builder.build().expect_err("the settings are invalid");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!error.is_transient());
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    text
}

#[test]
fn required_settings_are_enough() {
    valid().build().unwrap();
}

#[test]
fn a_missing_setting_is_named_with_its_variable() {
    let without = BotClient::builder().region(Region::Us).device_id("crawler-1");
    assert_eq!(
        refused(without),
        "api_key: not set: pass it to the builder, or use `from_env` and set SOCIAL_PLUS_API_KEY"
    );
    let without = BotClient::builder().api_key(KEY).device_id("crawler-1");
    assert_eq!(
        refused(without),
        "region: not set: pass it or a base_url to the builder, or use `from_env` and set SOCIAL_PLUS_REGION"
    );
    let without = BotClient::builder().api_key(KEY).region(Region::Us);
    assert_eq!(
        refused(without),
        "device_id: not set: pass it to the builder, or use `from_env` and set SOCIAL_PLUS_DEVICE_ID"
    );
}

#[test]
fn an_api_key_that_is_no_header_value_is_refused_and_not_shown() {
    assert_eq!(refused(valid().api_key("")), "api_key: the key is empty");
    for key in ["first-half\nsecond-half", "first-half\r\nsecond-half", "first-half\n"] {
        assert_eq!(refused(valid().api_key(key)), "api_key: the key contains a line break");
    }
    for key in ["schlüssel", "first half", "first\0half", "first\u{7f}half"] {
        assert_eq!(
            refused(valid().api_key(key)),
            "api_key: the key contains a character that is not visible ASCII"
        );
    }
}

#[test]
fn an_api_key_value_is_accepted() {
    let key = ApiKey::try_from(KEY).unwrap();
    valid().api_key(key).build().unwrap();
}

#[test]
fn settings_are_taken_as_owned_and_borrowed_text() {
    let (key, region, id) = (KEY.to_owned(), "eu".to_owned(), "crawler-1".to_owned());
    let bot = BotClient::builder().api_key(&key).region(&region).device_id(&id).build().unwrap();
    assert_eq!(bot.base_url(), "https://apix.eu.amity.co");
    BotClient::builder().api_key(key).region(region).device_id(id).build().unwrap();
}

#[cfg(feature = "sealing")]
#[test]
fn a_sealing_key_without_a_store_is_refused() {
    use social_plus_bot::store::SealingKey;

    let key = [7; 32];
    let builders =
        [valid().sealing_key(key), valid().sealing_key(&key[..]), valid().sealing_key(SealingKey::from(key))];
    for builder in builders {
        let text = refused(builder);
        assert_eq!(text, "sealing_key: seals stored sessions, and there is no store; set one");
    }
    assert_eq!(refused(valid().sealing_key(&key[1..])), "sealing_key: has 31 bytes instead of 32");
}

#[test]
fn a_device_id_has_1_to_150_characters() {
    assert_eq!(refused(valid().device_id("")), "device_id: must not be empty");
    assert_eq!(refused(valid().device_id("x".repeat(151))), "device_id: longer than 150 characters");
    assert_eq!(refused(valid().device_id("é".repeat(151))), "device_id: longer than 150 characters");
    valid().device_id("x".repeat(150)).build().unwrap();
}

#[test]
fn limits_count_characters_not_bytes() {
    valid().device_id("é".repeat(150)).build().unwrap();
    valid()
        .device_info(DeviceInfo::new().model("é".repeat(300)).sdk_version("𝄞".repeat(30)))
        .build()
        .unwrap();
}

#[test]
fn device_info_has_limits() {
    let model = DeviceInfo::new().kind(DeviceKind::Web).model("x".repeat(301));
    assert_eq!(refused(valid().device_info(model)), "device_info.model: longer than 300 characters");
    let version = DeviceInfo::new().sdk_version("x".repeat(31));
    assert_eq!(refused(valid().device_info(version)), "device_info.sdk_version: longer than 30 characters");
}

#[test]
fn http_needs_a_loopback_host() {
    for url in
        ["http://apix.us.amity.co", "http://10.0.0.1:8080", "http://localhost.example.com", "http://[::2]"]
    {
        let text = refused(valid().base_url(url));
        assert_eq!(text, "base_url: plain http would send the API key unencrypted; use https", "{url}");
    }
    for url in ["http://localhost:8080", "http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:8080/"] {
        valid().base_url(url).build().unwrap();
    }
}

#[test]
fn a_base_url_has_no_credentials_query_or_fragment() {
    for url in ["apix.us.amity.co", "localhost:8080", ""] {
        assert_eq!(refused(valid().base_url(url)), "base_url: must begin with https://");
    }
    assert!(refused(valid().base_url("https://")).starts_with("base_url: not a URL: "));
    assert_eq!(refused(valid().base_url("ftp://example.com")), "base_url: the scheme must be https");
    for url in ["https://example.com?key=hidden", "https://example.com/#hidden"] {
        assert_eq!(refused(valid().base_url(url)), "base_url: must not contain a query or fragment");
    }
    for url in
        ["https://someone:hidden@example.com", "https://hidden@example.com", "https://:hidden@example.com"]
    {
        assert_eq!(refused(valid().base_url(url)), "base_url: must not contain a user name or password");
    }
    valid().base_url("https://proxy.example.com/social-plus/").build().unwrap();
}

#[test]
fn an_unknown_region_is_an_error_that_lists_the_known_ones() {
    assert_eq!(
        refused(valid().region("mars")),
        "region: \"mars\" is not a region; the regions are us, eu, sg"
    );
    assert!(refused(valid().region("m\nars")).contains(r#""m\nars""#));
}

#[test]
fn a_key_in_place_of_a_region_is_not_shown() {
    for key in [KEY, "b0e8a2c4", "b0e8a2c4d6f81357b0e8a2c4d6f81357b0e8a2c4d6f81357"] {
        let text = refused(valid().region(key));
        assert!(!text.contains(&key[..8]), "{text}");
        assert!(text.starts_with("region: ") && text.ends_with("the regions are us, eu, sg"), "{text}");
        assert!(!format!("{:?}", valid().region(key)).contains(&key[..8]));
    }
}

#[test]
fn the_key_is_refused_as_device_id() {
    let text = refused(valid().device_id(KEY));
    assert_eq!(text, "device_id: must not be the API key");
}

#[test]
fn regions_are_parsed_from_their_names() {
    for region in Region::ALL {
        assert_eq!(region.to_string().parse::<Region>().unwrap(), *region);
        valid().region(region.as_str()).build().unwrap();
    }
    assert_eq!("EU".parse::<Region>().unwrap(), Region::Eu);
}

#[test]
fn regions_are_the_servers_of_the_contract() {
    let contract: serde_json::Value =
        serde_json::from_str(include_str!("../../openapi/social-plus-bot.json")).unwrap();
    let servers: Vec<_> = contract["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| server["url"].as_str().unwrap())
        .collect();
    let regions: Vec<_> = Region::ALL.iter().map(|region| region.base_url()).collect();
    assert_eq!(regions, servers);
}

#[test]
fn a_timeout_of_zero_is_refused() {
    assert_eq!(refused(valid().timeout(Duration::ZERO)), "timeout: must be longer than zero");
    valid().timeout(Duration::MAX).build().unwrap();
}

#[test]
fn the_last_value_of_a_setting_counts() {
    valid().api_key("").api_key(KEY).build().unwrap();
    valid().region("mars").base_url("https://example.com").build().unwrap();
}
