//! Stored sessions that are damaged, of another device, or dated by another clock.

use super::*;
use crate::store::StoreKey;

#[tokio::test(start_paused = true)]
async fn an_unusable_stored_session_is_ignored_and_reported() {
    for (stored, reason) in [
        (&b""[..], "it is damaged"),
        (b"{\"version\":2}", "it is damaged"),
        (b"\xff\x00rubbish", "it is damaged"),
        (b"{\"version\":1,\"anything\":\"else\"}", "it has format 1"),
        (b"social-plus-bot sealed 1\n1234", "it is sealed"),
    ] {
        let fixture = Fixture::new();
        let stored = StoredRecord::from(stored.to_vec());
        fixture.store.0.with(|content| content.records.insert(key().fingerprint().to_owned(), stored));
        let process = fixture.process();
        assert_eq!(token(&process).await.unwrap(), "token-1");
        let fault = process.faults().last.unwrap().to_string();
        assert!(fault.contains(reason), "{fault}");
        assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
        assert_eq!(fixture.service.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_another_device_is_not_taken() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    let other = StoreKey::new("https://a.example", "crawler-2", &ApiKey::try_from("b0e8a2c4d6f8").unwrap());
    fixture.store.0.with(|content| {
        let stored = content.records[key().fingerprint()].clone();
        content.records.insert(other.fingerprint().to_owned(), stored);
    });
    let mut handle = handle(&fixture.store).unwrap();
    handle.key = other;
    let process = fixture.process_of(Some(handle), fixture.clocks);
    assert_eq!(token(&process).await.unwrap(), "token-2");
    assert!(process.faults().last.unwrap().to_string().contains("for another address, device or key"));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_says_is_left_counts() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    fixture.store.0.with(|content| {
        let stored = content.records.get_mut(key().fingerprint()).unwrap();
        *stored = stored.clone().expiring_in(LIFE - DAY * 3);
    });
    sleep(DAY).await;
    let session = fixture.process().register().await.unwrap();
    assert_eq!(session.age(fixture.clocks.now()), DAY * 3);
}

#[tokio::test(start_paused = true)]
async fn a_session_from_the_future_is_not_used() {
    for (ahead, used) in [(Duration::from_secs(60), true), (HOUR, false), (DAY * 40, false)] {
        let fixture = Fixture::new();
        token(&fixture.process()).await.unwrap();
        // As another machine's clock would have had it.
        fixture.store.0.with(|content| {
            let stored = content.records.get_mut(key().fingerprint()).unwrap();
            let mut record: serde_json::Value = serde_json::from_slice(stored.expose_secret()).unwrap();
            let received = record["newest"]["received_ms"].as_u64().unwrap() + ahead.as_millis() as u64;
            record["newest"]["received_ms"] = received.into();
            *stored = record.to_string().into_bytes().into();
        });
        let process = fixture.process();
        let expected = if used { "token-1" } else { "token-2" };
        assert_eq!(token(&process).await.unwrap(), expected, "{ahead:?}");
        if !used {
            let fault = process.faults().last.unwrap().to_string();
            assert!(fault.contains("in the future; check this machine's clock"), "{fault}");
        }
        // Once replaced, it is shared again.
        assert_eq!(token(&fixture.process()).await.unwrap(), expected, "{ahead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_counts_the_time_overrules_a_wrong_clock() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    fixture.store.0.with(|content| {
        let stored = content.records.get_mut(key().fingerprint()).unwrap();
        *stored = stored.clone().expiring_in(LIFE);
    });
    let process = fixture.process_with(fixture.clocks.ahead(DAY * 25));
    let session = process.register().await.unwrap();
    assert_eq!(session.access_token().expose_secret(), "token-1");
    assert_eq!(fixture.service.asked(), 1);
}
