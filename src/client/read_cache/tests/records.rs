//! What is stored, and what is not believed.

use super::*;
use crate::store::faults::FaultCount;

/// All that is stored, as text.
#[cfg(feature = "sealing")]
fn stored(fixture: &Fixture) -> String {
    fixture.store.0.with(|content| {
        content
            .records
            .values()
            .map(|record| String::from_utf8_lossy(record.expose_secret()).into_owned())
            .collect()
    })
}

#[cfg(feature = "sealing")]
#[tokio::test(start_paused = true)]
async fn sealed_pages_are_read_only_with_the_key() {
    let fixture = Fixture::at_noon().await;
    let process = |seal| fixture.process_with(ReadCache::in_memory(), fixture.clocks, seal);
    read(&process(Some(1)), "/secret-garden").await.unwrap();
    assert!(!stored(&fixture).contains("garden"));
    assert_eq!(text(&process(Some(1)), "/secret-garden").await, "/secret-garden 0");
    assert_eq!(fixture.service.reads().len(), 1);
    fixture.service.set_version(1);
    assert_eq!(text(&process(Some(2)), "/secret-garden").await, "/secret-garden 1");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_page_is_read_again() {
    let fixture = Fixture::at_noon().await;
    read(&fixture.process(ReadCache::in_memory()), "/a").await.unwrap();
    let whole = fixture.store.0.with(|content| content.records.clone());
    let lengths: Vec<usize> = whole.values().map(|record| record.expose_secret().len()).collect();
    let longest = lengths.into_iter().max().unwrap();
    for at in 0..longest {
        fixture.store.0.with(|content| {
            for (key, record) in &whole {
                let mut bytes = record.expose_secret().to_vec();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                content.records.insert(key.clone(), bytes.into());
            }
        });
        let process = fixture.process(ReadCache::in_memory().daily_reads(100_000));
        let page = read(&process, "/a").await;
        // The day or the pause may be the damaged part.
        if let Ok(page) = page {
            assert_eq!(page.bytes(), "/a 0", "byte {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_not_taken_for_another() {
    let fixture = Fixture::at_noon().await;
    let process = fixture.process(ReadCache::in_memory());
    read(&process, "/a").await.unwrap();
    let of_a = fixture.store.0.with(|content| content.records.clone());
    read(&process, "/b").await.unwrap();
    // Each record takes the place of each other one.
    fixture.store.0.with(|content| {
        let keys: Vec<_> = content.records.keys().cloned().collect();
        for key in keys.into_iter().filter(|key| !of_a.contains_key(key)) {
            let longest = of_a.values().max_by_key(|record| record.expose_secret().len()).unwrap();
            content.records.insert(key, longest.clone());
        }
    });
    assert_eq!(text(&fixture.process(ReadCache::in_memory()), "/b").await, "/b 0");
}

#[tokio::test(start_paused = true)]
async fn a_count_that_cannot_be_read_is_a_fault_of_the_store() {
    let fixture = Fixture::at_noon().await;
    let faults = Arc::new(FaultCount::default());
    let store = sealed(&fixture.store, None).map(|handle| (handle, Arc::clone(&faults)));
    let process =
        Reads::new(ReadCache::in_memory(), Connection(Arc::clone(&fixture.service)), fixture.clocks, store);
    process.count().await.unwrap();
    assert_eq!(faults.get().count, 0);
    fixture.store.0.with(|content| content.records.values_mut().for_each(|record| *record = vec![7].into()));
    process.count().await.unwrap();
    let fault = faults.get();
    assert_eq!(
        fault.last.map(|last| last.to_string()).as_deref(),
        Some("the stored count of reads can't be used")
    );
    // It goes on with what this process knows.
    assert_eq!((process.budget().await.unwrap().used(), fault.count), (2, 1));
}
