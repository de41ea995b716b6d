//! Processes that share a store.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_read_is_for_all_processes() {
    let fixture = Fixture::at_noon().await;
    fixture.service.takes(Duration::from_secs(3));
    let processes: Vec<_> = (0..20).map(|_| fixture.process(ReadCache::in_memory())).collect();
    let callers: Vec<_> = processes
        .iter()
        .cloned()
        .map(|process| tokio::spawn(async move { text(&process, "/a").await }))
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "/a 0");
    }
    assert_eq!(fixture.service.reads(), ["/a"]);
    for process in &processes {
        assert_eq!(process.budget().await.unwrap().used(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_takes_over_what_another_has_refreshed() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    assert_eq!((text(&one, "/a").await, text(&other, "/a").await), ("/a 0".to_owned(), "/a 0".to_owned()));
    advance(16 * MINUTE).await;
    fixture.service.set_version(1);
    read(&one, "/a").await.unwrap();
    settle().await;
    read(&other, "/a").await.unwrap();
    settle().await;
    assert_eq!((text(&other, "/a").await, fixture.service.reads().len()), ("/a 1".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_has_the_pages_of_the_others() {
    let fixture = Fixture::at_noon().await;
    read(&fixture.process(ReadCache::in_memory()), "/a").await.unwrap();
    advance(HOUR).await;
    let page = read(&fixture.process(ReadCache::in_memory()), "/a").await.unwrap();
    assert_eq!((page.age().as_secs() / 60, fixture.service.reads().len()), (60, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_read_of_a_day_is_sent_once() {
    let fixture = Fixture::at_noon().await;
    let settings = || ReadCache::in_memory().daily_reads(1).reserved_reads(0);
    let callers: Vec<_> = (0..20)
        .map(|number| {
            let process = fixture.process(settings());
            tokio::spawn(async move { read(&process, &format!("/{number}")).await.is_ok() })
        })
        .collect();
    let mut succeeded = 0;
    for caller in callers {
        succeeded += usize::from(caller.await.unwrap());
    }
    assert_eq!((succeeded, fixture.service.reads().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_for_all_processes() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    fixture.service.will_fail([failed(503, None, Some(HOUR))]);
    read(&one, "/a").await.unwrap_err();
    let error = read(&other, "/b").await.unwrap_err();
    assert_eq!((error.status().map(u16::from), error.retry_after()), (Some(503), Some(HOUR)));
    assert_eq!(fixture.service.reads(), ["/a"]);
    // The caller knows better.
    other.resume_in(Duration::ZERO, crate::session::clock::Clock::now(&fixture.clocks));
    read(&other, "/b").await.unwrap();
    read(&one, "/c").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_process_has_its_pages_and_its_part_of_the_reads() {
    let fixture = Fixture::at_noon().await;
    let settings = || ReadCache::in_memory().daily_reads(43).reserved_reads(0);
    let processes: Vec<_> = (0..4).map(|_| fixture.process(settings())).collect();
    for (number, process) in processes.iter().enumerate() {
        read(process, &format!("/{number}")).await.unwrap();
    }
    // They learn of each other.
    for process in &processes {
        process.budget().await.unwrap();
    }
    fixture.store.0.with(|content| content.down = true);
    for (number, process) in processes.iter().enumerate() {
        assert_eq!(text(process, &format!("/{number}")).await, format!("/{number} 0"));
        let mut succeeded = 0;
        for page in 0..20 {
            succeeded += usize::from(read(process, &format!("/{number}/{page}")).await.is_ok());
        }
        assert_eq!(succeeded, (43 - 4) / 4);
    }
    let sent = fixture.service.reads().len();
    fixture.store.0.with(|content| content.down = false);
    settle().await;
    for process in &processes {
        _ = read(process, "/new").await;
    }
    let counted = processes[0].budget().await.unwrap().used() as usize;
    assert_eq!(counted, fixture.service.reads().len());
    assert!((sent..=43).contains(&counted), "{counted}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_everything_does_not_set_the_count_back() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    for number in 0..7 {
        read(&process, &format!("/{number}")).await.unwrap();
    }
    fixture.store.0.with(|content| content.records.clear());
    assert_eq!(text(&process, "/0").await, "/0 0");
    read(&process, "/7").await.unwrap();
    assert_eq!(process.budget().await.unwrap().used(), 8);
    assert_eq!(fixture.process(ReadCache::in_memory()).budget().await.unwrap().used(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_while_another_process_reads_it_is_not_stored() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    fixture.service.takes(Duration::from_secs(10));
    let caller = tokio::spawn(async move { text(&one, "/a").await });
    settle().await;
    fixture.service.set_version(1);
    other.forget("/a").await.unwrap();
    assert_eq!(caller.await.unwrap(), "/a 0");
    assert_eq!(text(&fixture.process(ReadCache::in_memory()), "/a").await, "/a 1");
}

#[tokio::test(start_paused = true)]
async fn what_is_filled_while_another_process_reads_it_stays() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    fixture.service.takes(Duration::from_secs(10));
    let caller = tokio::spawn(async move { text(&one, "/a").await });
    settle().await;
    other.fill("/a", Bytes::from_static(b"filled"), Duration::ZERO).await.unwrap();
    caller.await.unwrap();
    assert_eq!(text(&fixture.process(ReadCache::in_memory()), "/a").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_another_process_has_forgotten_is_dropped_with_the_next_look() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    read(&one, "/a").await.unwrap();
    read(&other, "/a").await.unwrap();
    advance(20 * MINUTE).await;
    other.forget("/a").await.unwrap();
    fixture.service.will_fail([failed(404, Some(ErrorCode::NOT_FOUND), None)]);
    read(&one, "/a").await.unwrap();
    settle().await;
    assert_eq!(read(&one, "/a").await.unwrap_err().status().map(u16::from), Some(404));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_nothing_is_shared_too() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    fixture.service.will_fail([failed(404, Some(ErrorCode::NOT_FOUND), None)]);
    for process in [&one, &other] {
        let error = read(process, "/a").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, Some(ErrorCode::NOT_FOUND)));
    }
    assert_eq!(fixture.service.reads().len(), 1);
    advance(10 * MINUTE).await;
    assert_eq!(text(&other, "/a").await, "/a 0");
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_process_died_is_made_by_another() {
    let fixture = Fixture::at_noon().await;
    let dying = fixture.process(ReadCache::in_memory());
    fixture.service.takes(HOUR);
    let caller = tokio::spawn({
        let dying = Arc::clone(&dying);
        async move { read(&dying, "/a").await }
    });
    settle().await;
    caller.abort();
    drop(dying);
    fixture.service.takes(Duration::ZERO);
    assert_eq!(text(&fixture.process(ReadCache::in_memory()), "/a").await, "/a 0");
    assert_eq!(fixture.process(ReadCache::in_memory()).budget().await.unwrap().used(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_once_and_not_for_each_page() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    read(&process, "/a").await.unwrap();
    fixture.store.0.with(|content| content.hangs = true);
    let start = tokio::time::Instant::now();
    for number in 0..100 {
        process.fill(&format!("/{number}"), Bytes::new(), Duration::ZERO).await.unwrap();
        read(&process, &format!("/{number}")).await.unwrap();
    }
    assert!(start.elapsed() <= Duration::from_secs(3), "{:?}", start.elapsed());
}
