//! Failed registrations, as processes tell each other of them.

use super::super::*;
use super::marks::{Fixture, token, unavailable};
use crate::store::in_memory::{HOUR, key};

const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn a_refused_token_does_not_shorten_what_the_service_asked_another_process_to_wait() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    for process in [&one, &other] {
        assert_eq!(token(process).await.unwrap(), "token-1");
    }
    fixture.will(unavailable(Some(HOUR)));
    one.refresh().await.unwrap_err();
    other.invalidate(&"token-1".to_owned().into());
    let error = token(&other).await.unwrap_err();
    assert_eq!(fixture.registrations(), 2);
    let wait = error.retry_after().unwrap();
    assert!(wait > HOUR - Duration::from_secs(10), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_shortens_the_pause_after_a_refresh_that_failed_elsewhere() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    for process in [&one, &other] {
        assert_eq!(token(process).await.unwrap(), "token-1");
    }
    sleep(LIFE.mul_f64(0.81)).await;
    for _ in 0..8 {
        fixture.will(unavailable(None));
    }
    for _ in 0..6 {
        token(&one).await.unwrap();
        token(&other).await.unwrap();
        sleep(Duration::from_secs(16 * 60)).await;
    }
    for process in [&one, &other] {
        token(process).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    fixture.service.answers.lock().unwrap().clear();
    other.invalidate(&"token-1".to_owned().into());
    let start = Instant::now();
    while token(&other).await.is_err() {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_shorter_pause_of_another_process_does_not_replace_what_the_service_asked_for() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.will(unavailable(None));
    assert!(token(&other).await.is_err());
    let old = fixture.store.0.with(|content| content.records[key().fingerprint()].clone());
    sleep(Duration::from_secs(3)).await;
    fixture.will(unavailable(Some(HOUR)));
    assert!(token(&one).await.is_err());
    fixture.store.0.with(|content| content.records.insert(key().fingerprint().to_owned(), old));
    fixture.alter(|record| record["failure"]["pause_ms"] = 60_000.into());
    sleep(Duration::from_secs(4)).await;
    for _ in 0..100 {
        token(&one).await.ok();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(fixture.registrations(), 2);
}
