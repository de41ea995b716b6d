//! Pages that are forgotten while something else happens to them.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_read_from_before_a_page_was_forgotten_is_not_for_callers_after_it() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    fixture.service.takes(Duration::from_secs(10));
    let early = tokio::spawn({
        let process = Arc::clone(&process);
        async move { text(&process, "/a").await }
    });
    settle().await;
    fixture.service.set_version(1);
    process.forget("/a").await.unwrap();
    assert_eq!(text(&process, "/a").await, "/a 1");
    assert_eq!(early.await.unwrap(), "/a 0");
    assert_eq!(text(&process, "/a").await, "/a 1");
    assert_eq!(fixture.service.reads().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn that_a_page_could_not_be_forgotten_in_the_store_is_an_error() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    read(&process, "/a").await.unwrap();
    fixture.store.0.with(|content| content.down = true);
    let error = process.forget("/a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    // While the store is not asked again, too.
    process.forget("/a").await.unwrap_err();
    fixture.store.0.with(|content| content.down = false);
    settle().await;
    process.forget("/a").await.unwrap();
    fixture.service.set_version(1);
    assert_eq!(text(&process, "/a").await, "/a 1");
}

#[tokio::test(start_paused = true)]
async fn a_path_with_a_secret_is_not_stored_when_it_is_forgotten() {
    let fixture = Fixture::at_noon().await;
    fixture.process(ReadCache::in_memory()).forget("/a?token=x").await.unwrap();
    assert_eq!(fixture.store.0.with(|content| content.records.len()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_from_before_a_page_was_forgotten_does_not_bring_it_back() {
    let fixture = Fixture::at_noon().await;
    let [one, other] = [(); 2].map(|()| fixture.process(ReadCache::in_memory()));
    one.forget("/a").await.unwrap();
    advance(10 * MINUTE).await;
    other.fill("/a", Bytes::from_static(b"deleted"), HOUR).await.unwrap();
    assert_eq!(text(&other, "/a").await, "/a 0");
    other.forget("/a").await.unwrap();
    advance(10 * MINUTE).await;
    other.fill("/a", Bytes::from_static(b"restored"), 5 * MINUTE).await.unwrap();
    assert_eq!(text(&other, "/a").await, "restored");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_an_earlier_read_first_is_bounded_as_well() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.lonely(ReadCache::in_memory());
    fixture.service.takes(Duration::from_secs(170));
    let early = tokio::spawn({
        let process = Arc::clone(&process);
        async move { text(&process, "/a").await }
    });
    settle().await;
    process.forget("/a").await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(read(&process, "/a").await.unwrap_err().kind(), ErrorKind::Unavailable);
    // Four times the timeout of a read and a minute.
    assert_eq!(start.elapsed().as_secs(), 4 * 30 + 60);
    early.await.unwrap();
}
