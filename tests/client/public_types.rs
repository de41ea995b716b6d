//! What all public types have: they can be sent to and shared with other threads, and shown.

use std::fmt::Debug;
use std::time::Duration;

use social_plus_bot::{
    AccessToken, ApiKey, BotClient, BotClientBuilder, ConversionError, DeviceId, DeviceInfo, DeviceKind,
    Error, ErrorCode, ErrorKind, HashFlag, Metrics, Open, Permission, Region, RequestBuilder, RetryPolicy,
    SchemaMismatch, Session, TokenProvider, User, UserMetadata, UserType,
};

fn shareable<T: Send + Sync + Unpin + Debug + 'static>() {}

/// Callers hold these futures within their own, so they are small: a task that runs many of them has each in memory.
fn send_and_small<T: Send>(future: &T) {
    let size = size_of_val(future);
    assert!(size <= 8 * 1024, "{}: {size} bytes", std::any::type_name::<T>());
}

#[test]
fn types_are_send_and_sync() {
    shareable::<AccessToken>();
    shareable::<ApiKey>();
    shareable::<BotClient>();
    shareable::<BotClientBuilder>();
    shareable::<ConversionError>();
    shareable::<DeviceId>();
    shareable::<DeviceInfo>();
    shareable::<DeviceKind>();
    shareable::<Error>();
    shareable::<ErrorCode>();
    shareable::<ErrorKind>();
    shareable::<HashFlag>();
    shareable::<Metrics>();
    shareable::<Open<UserType>>();
    shareable::<Permission>();
    shareable::<Region>();
    shareable::<RetryPolicy>();
    shareable::<SchemaMismatch>();
    shareable::<Session>();
    shareable::<std::sync::Arc<dyn TokenProvider>>();
    shareable::<User>();
    shareable::<UserMetadata>();
    shareable::<UserType>();
    // A body can be a stream, which is not `Sync`.
    fn movable<T: Send + Debug + 'static>() {}
    movable::<RequestBuilder>();
    #[cfg(feature = "tower")]
    shareable::<social_plus_bot::BotService<reqwest::Client>>();
    #[cfg(feature = "blocking")]
    {
        use social_plus_bot::blocking;

        shareable::<blocking::BotClient>();
        movable::<blocking::RequestBuilder>();
        movable::<blocking::Response>();
    }
    #[cfg(feature = "read-cache")]
    {
        shareable::<social_plus_bot::Freshness>();
        shareable::<social_plus_bot::Page>();
        shareable::<social_plus_bot::ReadBudget>();
        shareable::<social_plus_bot::ReadCache>();
        shareable::<social_plus_bot::StaleReason>();
    }
    #[cfg(feature = "store")]
    {
        use social_plus_bot::store;

        shareable::<std::sync::Arc<dyn store::Store>>();
        shareable::<store::RecordKind>();
        shareable::<store::StoreFaults>();
        shareable::<store::StoreKey>();
        shareable::<store::StoreOutage>();
        shareable::<store::StoredRecord>();
        // It is given back once, by value.
        movable::<store::Lease>();
        #[cfg(feature = "file-store")]
        shareable::<store::FileStore>();
        #[cfg(feature = "redis-store")]
        shareable::<store::RedisStore>();
        #[cfg(feature = "sealing")]
        shareable::<store::SealingKey>();
    }
    {
        use social_plus_bot::sandbox;

        shareable::<sandbox::Fault>();
        shareable::<sandbox::Request>();
        shareable::<sandbox::Sandbox>();
        shareable::<sandbox::SandboxBuilder>();
        shareable::<sandbox::Stub>();
    }
}

#[test]
fn futures_are_send_and_small() {
    let builder = BotClient::builder().api_key("b0e8a2c4d6f81357").region(Region::Us).device_id("crawler-1");
    let bot = builder.build().unwrap();
    let token = AccessToken::from("abc".to_owned());
    let request = || reqwest::Request::new(reqwest::Method::GET, bot.base_url().parse().unwrap());
    send_and_small(&bot.register());
    send_and_small(&bot.session());
    send_and_small(&bot.access_token());
    send_and_small(&bot.access_token_after(&token));
    send_and_small(&bot.auth_headers());
    send_and_small(&bot.send(request()));
    send_and_small(&bot.get("/").send());
    #[cfg(feature = "store")]
    send_and_small(&bot.stored_session());
    #[cfg(feature = "read-cache")]
    {
        send_and_small(&bot.read("/"));
        send_and_small(&bot.read_fresh_for("/", Duration::ZERO));
        send_and_small(&bot.fill("/", ""));
        send_and_small(&bot.fill_aged("/", "", Duration::ZERO));
        send_and_small(&bot.forget("/"));
        send_and_small(&bot.read_budget());
    }
}

#[test]
fn a_region_is_serialized_as_its_name() {
    for region in Region::ALL {
        let text = serde_json::to_string(region).unwrap();
        assert_eq!(text, format!("\"{region}\""));
        assert_eq!(serde_json::from_str::<Region>(&text).unwrap(), *region);
    }
    let error = serde_json::from_str::<Region>("\"mars\"").unwrap_err();
    assert!(error.to_string().starts_with("region: \"mars\" is not a region"), "{error}");
}
