//! Registrations, leases and stores that fail.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_process_uses_a_stale_session_during_an_outage() {
    let fixture = Fixture::new();
    let first = fixture.process();
    token(&first).await.unwrap();
    sleep(LIFE.mul_f64(0.9)).await;
    fixture.will([outage(), outage()]);
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
    // Who has it already has to know that the renewal failed.
    assert_eq!(token(&first).await.unwrap_err().status().map(u16::from), Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_expires_during_a_failed_registration_is_not_used() {
    let fixture = Fixture::new();
    token(&fixture.process()).await.unwrap();
    // So short before its end that the registration outlasts it.
    sleep(LIFE - Duration::from_secs(30) - fixture.service.takes - fixture.service.takes / 2).await;
    fixture.will([outage()]);
    assert_eq!(token(&fixture.process()).await.unwrap_err().status().map(u16::from), Some(503));
}

#[tokio::test(start_paused = true)]
async fn a_failed_registration_serves_all_processes_until_its_pause_is_over() {
    let fixture = Fixture::new();
    fixture.will([outage()]);
    let processes: Vec<_> = (0..10).map(|_| Arc::new(fixture.process())).collect();
    let mut all = JoinSet::new();
    for process in &processes {
        let process = Arc::clone(process);
        all.spawn(async move { token(&process).await });
    }
    for outcome in all.join_all().await {
        assert_eq!(outcome.unwrap_err().status().map(u16::from), Some(503));
    }
    let late = token(&fixture.process()).await.unwrap_err();
    assert_eq!((late.status().map(u16::from), late.is_transient()), (Some(503), true));
    assert_eq!(fixture.service.asked(), 1);
    sleep(late.retry_after().unwrap() + Duration::from_millis(10)).await;
    for process in &processes {
        assert_eq!(token(process).await.unwrap(), "token-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_after_the_pause_of_a_failure_continues_the_back_off() {
    let fixture = Fixture::new();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        fixture.will([outage()]);
        let pause = token(&fixture.process()).await.unwrap_err().retry_after();
        // The service's error has none, and the next process learns of the pause.
        let pause = match pause {
            Some(pause) => pause,
            None => token(&fixture.process()).await.unwrap_err().retry_after().unwrap(),
        };
        pauses.push(pause.as_secs());
        sleep(pause + Duration::from_millis(10)).await;
    }
    assert_eq!(fixture.service.asked(), 8);
    assert!((60..=75).contains(&pauses[7]), "{pauses:?}");
    // A success ends it.
    token(&fixture.process()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_does_not_wait_for_the_pause_of_another_process_s_failed_refresh() {
    for (requested, registers) in [(None, true), (Some(Duration::from_secs(20)), false)] {
        let fixture = Fixture::new();
        let (one, other) = (fixture.process(), fixture.process());
        token(&one).await.unwrap();
        token(&other).await.unwrap();
        sleep(LIFE.mul_f64(0.81)).await;
        fixture.will([Err(Error::service(
            StatusCode::SERVICE_UNAVAILABLE,
            ServiceMessage::default(),
            requested,
        ))]);
        token(&one).await.unwrap_err();
        let wait = token(&other).await.unwrap_err().retry_after().unwrap();
        assert!(wait > Duration::from_secs(29), "{wait:?}");
        other.revoke(&"token-1".to_owned().into());
        sleep(Duration::from_secs(2)).await;
        let outcome = token(&other).await;
        assert_eq!(outcome.is_ok(), registers, "Retry-After {requested:?}: {outcome:?}");
        sleep(Duration::from_secs(20)).await;
        assert_eq!(token(&other).await.unwrap(), "token-3");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_lease_of_a_dead_process() {
    let fixture = Fixture::new();
    let dead = Arc::new(fixture.process());
    let dies = tokio::spawn({
        let process = Arc::clone(&dead);
        async move { token(&process).await }
    });
    tokio::task::yield_now().await;
    dies.abort();
    let before = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..10 {
        let process = fixture.process();
        all.spawn(async move { token(&process).await.unwrap() });
    }
    assert!(all.join_all().await.iter().all(|token| token == "token-2"));
    assert!(
        before.elapsed() < dead.source.lease_limit() + POLL_MAX * 2 + fixture.service.takes,
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_never_ends_keeps_nobody_from_registering() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.lease = Some((Instant::now() + DAY * 365, 0)));
    let process = fixture.process();
    let before = Instant::now();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert!(before.elapsed() < process.max_duration(), "{:?}", before.elapsed());
    assert_eq!(process.faults().count, 1);
    let fault = process.faults().last.unwrap();
    assert_eq!(fault.kind(), ErrorKind::Store);
    assert!(fault.to_string().contains("another process has had the lease"), "{fault}");
    // And what it got is there for the others.
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_process_registers_for_itself_and_shares_again_afterwards() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.down = true);
    let process = fixture.process();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert_eq!(process.faults().count, 2);
    fixture.store.0.with(|content| content.down = false);
    assert_eq!(token(&process).await.unwrap(), "token-2");
    assert_eq!(process.faults().count, 2);
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_two_seconds_an_operation() {
    let fixture = Fixture::new();
    fixture.store.0.with(|content| content.hangs = true);
    let process = fixture.process();
    let before = Instant::now();
    assert_eq!(token(&process).await.unwrap(), "token-1");
    assert_eq!(before.elapsed(), operation::LIMIT * 2 + fixture.service.takes);
    assert!(process.faults().last.unwrap().to_string().contains("within 2s"));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_slept_beyond_its_lease_does_not_replace_a_newer_session() {
    let fixture = Fixture::new();
    let (sleeper, other) = (fixture.process(), fixture.process());
    let older = sleeper.register().await.unwrap();
    token(&other).await.unwrap();
    other.revoke(older.access_token());
    assert_eq!(token(&other).await.unwrap(), "token-2");
    // What was stored when it took the lease: nothing.
    let handle = sleeper.source.handle.as_ref().unwrap();
    sleeper.source.publish(handle, &older, None, &fixture.clocks).await;
    assert_eq!(token(&fixture.process()).await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}
