//! Registrations that succeed, with or without retries.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{ErrorKind, Open, UserType};

use crate::service;

#[tokio::test]
async fn a_registration_returns_a_session() {
    let sandbox = service::start().await.unwrap();
    let before = Utc::now();
    let session = sandbox.client().build().unwrap().register().await.unwrap();

    assert_eq!(session.access_token().expose_secret().split('.').count(), 3);
    assert_eq!(session.lifetime(), Duration::from_secs(30 * 24 * 60 * 60));
    assert_eq!(session.expires_at() - session.issued_at(), TimeDelta::days(30));
    assert!(!session.is_expired() && session.expires_in().as_secs() / (24 * 60 * 60) == 29);
    assert_eq!(session.user_id(), session.user().unwrap().user_id.as_deref());
    assert!((session.issued_at() - before).abs() < TimeDelta::seconds(5));
    assert_eq!(session.user_type(), Some(&Open::Known(UserType::Bot)));
    assert!(session.user().unwrap().user_id.is_some());
    assert_eq!(session.schema_mismatches(), []);
    assert_eq!(sandbox.violations(), [""; 0]);
}

#[tokio::test]
async fn registered_sessions_are_not_cached() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let first = bot.register().await.unwrap();
    let second = bot.clone().register().await.unwrap();
    assert_eq!(sandbox.requests().len(), 2);
    assert_ne!(first.access_token().expose_secret(), second.access_token().expose_secret());
    assert_eq!(first.user().unwrap().user_id, second.user().unwrap().user_id);
}

#[tokio::test]
async fn a_transient_fault_is_retried() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    for fault in
        [Fault::status(500), Fault::status(503), Fault::status(429), Fault::reset(), Fault::cut_short()]
    {
        sandbox.fail_next(fault);
        bot.register().await.unwrap();
    }
    assert_eq!(sandbox.requests().len(), 10);
}

#[tokio::test]
async fn three_faults_in_a_row_are_retried() {
    let sandbox = service::start().await.unwrap();
    for fault in [Fault::status(503), Fault::reset(), Fault::status(429)] {
        sandbox.fail_next(fault);
    }
    sandbox.client().build().unwrap().register().await.unwrap();
    assert_eq!(sandbox.requests().len(), 4);
}

#[tokio::test]
async fn a_slow_response_within_the_deadline_is_awaited() {
    let sandbox = service::start().await.unwrap();
    sandbox.fail_next(Fault::delay(Duration::from_millis(200)));
    sandbox.client().timeout(Duration::from_secs(120)).build().unwrap().register().await.unwrap();
    assert_eq!(sandbox.requests().len(), 1);
}

#[tokio::test]
async fn requests_match_the_contract() {
    let sandbox = service::start().await.unwrap();
    sandbox
        .client()
        .api_key("another-key")
        .device_id("é".repeat(150))
        .build()
        .unwrap()
        .register()
        .await
        .unwrap();
    assert_eq!(sandbox.violations(), [""; 0]);
}

#[tokio::test]
async fn a_dropped_registration_leaves_the_client_usable() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    sandbox.fail_next(Fault::silence());
    let dropped = tokio::time::timeout(Duration::from_millis(100), bot.register()).await;
    assert!(dropped.is_err());
    bot.register().await.unwrap();
}

#[tokio::test]
async fn the_generated_client_sends_the_key_and_decodes_the_response() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let call = || bot.api().register_bot_session().body_map(|body| body.device_id("crawler-1")).send();
    let response = call().await.unwrap();
    assert_eq!(response.user_type, Some(Open::Known(UserType::Bot)));

    sandbox.fail_next(Fault::status(503));
    assert_eq!(call().await.unwrap_err().status().unwrap(), 503);
    assert_eq!(sandbox.requests().len(), 2);
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let bot = social_plus_bot::BotClient::builder()
        .api_key("b0e8")
        .region("us")
        .device_id("crawler-1")
        .build()
        .unwrap();
    let mut register = std::pin::pin!(bot.register());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match register.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Runtime),
        other => panic!("{other:?}"),
    }
}
