//! Which failures of a registration are retried, and when.

use std::time::{Duration, Instant};

use http::header::{DATE, RETRY_AFTER};
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, ErrorKind, RetryPolicy};
use tokio::net::TcpListener;

use crate::refusals::{HTML, PAGE, refused};

use crate::service;

#[tokio::test]
async fn a_gateway_failure_is_retried_once_if_the_request_may_have_passed() {
    for (status, expected) in [(502, 2), (503, 4), (504, 2)] {
        let (error, attempts) = refused(Fault::answer(status, HTML, PAGE)).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), attempts),
            (ErrorKind::Unavailable, Some(status), expected)
        );
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn retry_after_can_be_seconds() {
    let (error, attempts) = refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, "120")).await;
    assert_eq!(
        (error.kind(), error.status().map(u16::from), attempts),
        (ErrorKind::RateLimited, Some(429), 1)
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
    assert!(error.is_transient());
}

#[tokio::test]
async fn retry_after_can_be_a_date() {
    let then = std::time::SystemTime::now() + Duration::from_secs(300);
    let (error, _) =
        refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, &httpdate::fmt_http_date(then))).await;
    let wait = error.retry_after().unwrap().as_secs();
    assert!((1..=300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_retry_after_date_counts_by_the_services_clock() {
    let fault = Fault::answer(429, HTML, "")
        .header(DATE, "Sun, 06 Nov 1994 08:49:37 GMT")
        .header(RETRY_AFTER, "Sun, 06 Nov 1994 08:51:37 GMT");
    assert_eq!(refused(fault).await.0.retry_after(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_retry_after_date_in_the_past_is_no_wait() {
    let fault = Fault::answer(503, HTML, "").header(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
    let (error, attempts) = refused(fault).await;
    assert_eq!((error.retry_after(), attempts), (Some(Duration::ZERO), 4));
}

#[tokio::test]
async fn retry_after_can_have_a_fraction_and_be_too_large_for_a_number() {
    for (value, wait) in [
        ("120.5", Duration::from_millis(120_500)),
        ("99999999999999999999999", Duration::from_secs(u64::MAX)),
    ] {
        let (error, attempts) = refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, value)).await;
        assert_eq!((error.retry_after(), attempts), (Some(wait), 1), "{value}");
    }
}

#[tokio::test]
async fn an_invalid_retry_after_is_ignored() {
    for value in ["soon", "-5", ".5", "1.", "1e3"] {
        let (error, attempts) = refused(Fault::answer(429, HTML, "").header(RETRY_AFTER, value)).await;
        assert_eq!((error.retry_after(), attempts), (None, 4), "{value}");
    }
}

#[tokio::test]
async fn a_silent_service_times_out_at_the_deadline() {
    let sandbox = service::start().await.unwrap();
    sandbox.fail_always(Fault::silence());
    let bot = sandbox.client().timeout(Duration::from_millis(300)).build().unwrap();
    let start = Instant::now();
    let error = bot.register().await.unwrap_err();
    assert_eq!((error.kind(), error.status().map(u16::from)), (ErrorKind::Timeout, None));
    assert!(error.is_transient());
    assert!((Duration::from_millis(300)..Duration::from_secs(300)).contains(&start.elapsed()));
}

#[tokio::test]
async fn a_lost_connection_is_retried_once() {
    for (fault, status) in [(Fault::reset(), None), (Fault::cut_short(), Some(200))] {
        let (error, attempts) = refused(fault).await;
        assert_eq!(
            (error.kind(), error.status().map(u16::from), attempts),
            (ErrorKind::Unavailable, status, 2)
        );
        assert!(error.is_transient());
        assert!(error.to_string().starts_with("the connection to the service was lost: "), "{error}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let bot = BotClient::builder()
        .api_key("b0e8a2c4d6f8")
        .device_id("crawler-1")
        .base_url(address)
        .build()
        .unwrap();
    let error = bot.register().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot connect to the service"), "{error}");
}

#[tokio::test]
async fn a_host_without_an_address_is_unavailable() {
    // `.invalid` is reserved for names that never resolve.
    let bot = BotClient::builder()
        .api_key("b0e8a2c4d6f8")
        .device_id("crawler-1")
        .base_url("https://nowhere.invalid");
    let error = bot.timeout(Duration::from_secs(20)).build().unwrap().register().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn the_retry_policy_is_followed() {
    for (policy, attempts) in [
        (RetryPolicy::none(), 1),
        (RetryPolicy::new().max_attempts(6).max_backoff(Duration::from_millis(200)), 6),
    ] {
        let sandbox = service::start().await.unwrap();
        sandbox.fail_always(Fault::status(503));
        let bot = sandbox.client().timeout(Duration::from_secs(300)).retry_policy(policy).build().unwrap();
        let error = bot.register().await.unwrap_err();
        assert_eq!((error.status().map(u16::from), sandbox.requests().len()), (Some(503), attempts));
    }
    let sandbox = service::start().await.unwrap();
    let error = sandbox.client().retry_policy(RetryPolicy::new().max_attempts(0)).build().unwrap_err();
    assert_eq!(error.to_string(), "retry_policy: max_attempts must be at least 1");
}
