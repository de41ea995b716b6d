//! The database is bounded, and what is asked for least goes first.

use super::super::PENDING;
use super::*;

const LIMIT: u64 = 2 << 20;

/// What the file may be longer than its limit, for records that are not dropped.
const RESERVE: u64 = 256 << 10;

/// A body of `size` bytes.
fn body(path: usize, size: usize) -> Vec<u8> {
    path.to_le_bytes().into_iter().cycle().take(size).collect()
}

/// The bytes of the files of the database.
fn on_disk(fixture: &Fixture) -> u64 {
    let size = |name: &String| fs::metadata(fixture.store.folder().join(name)).unwrap().len();
    fixture.files().iter().map(size).sum()
}

#[tokio::test]
async fn the_database_stays_within_its_limit() {
    let fixture = Fixture::limited(LIMIT);
    assert_eq!(count(&fixture.store).await.unwrap(), 1);
    let sizes = [1_000, 3_000, 20_000, 500, 5_000, 100_000, 4_000, 700_000];
    for (number, size) in sizes.into_iter().cycle().take(300).enumerate() {
        put(&fixture.store, &format!("/{number}"), &body(number, size)).await.unwrap();
        assert_eq!(
            load(&fixture.store, &read(&format!("/{number}"))).await.unwrap().unwrap(),
            body(number, size)
        );
        assert!(fixture.size() <= LIMIT + RESERVE, "{} after {number}", fixture.size());
    }
    let kept = query(&fixture.database(), "SELECT sum(length(content)) FROM contents");
    assert!(kept > LIMIT as i64 / 3, "{kept} bytes are kept");
    // The log takes 4 MiB, and as much as the last transaction.
    assert!(on_disk(&fixture) <= LIMIT + RESERVE + (16 << 20) + (1 << 20), "{}", on_disk(&fixture));
    assert_eq!(count(&fixture.store).await.unwrap(), 2, "the count is never dropped");
}

#[tokio::test]
async fn small_records_make_room_for_a_large_one() {
    let fixture = Fixture::limited(LIMIT);
    for number in 0..1_500 {
        put(&fixture.store, &format!("/{number}"), &body(number, 1_000)).await.unwrap();
    }
    let large = body(1, LIMIT as usize - (200 << 10));
    put(&fixture.store, "/large", &large).await.unwrap();
    assert_eq!(load(&fixture.store, &read("/large")).await.unwrap().unwrap(), large);
    assert!(fixture.size() <= LIMIT + RESERVE, "{}", fixture.size());
    // It is replaced within the limit too.
    put(&fixture.store, "/large", &body(2, large.len())).await.unwrap();
    assert!(fixture.size() <= LIMIT + RESERVE, "{}", fixture.size());
}

#[tokio::test]
async fn a_record_that_never_fits_is_an_error_and_drops_nothing() {
    let fixture = Fixture::limited(LIMIT);
    put(&fixture.store, "/a", b"a").await.unwrap();
    let error = replace(&fixture.store, &read("/b"), None, &body(0, LIMIT as usize), DAY).await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Store);
    let said = error.to_string();
    assert!(said.contains("a read of 2097152 bytes does not fit into 2097152 bytes"), "{said}");
    assert!(said.contains("max_read_bytes"), "{said}");
    assert_eq!(load(&fixture.store, &read("/a")).await.unwrap().unwrap(), b"a");

    let fixture = Fixture::limited(0);
    put(&fixture.store, "/a", b"a").await.unwrap_err();
    assert_eq!(count(&fixture.store).await.unwrap(), 1, "the count is kept all the same");
}

#[tokio::test]
async fn the_least_asked_for_goes_first() {
    let fixture = Fixture::limited(LIMIT);
    let paths: Vec<_> = (0..10).map(|number| format!("/{number}")).collect();
    for path in &paths {
        put(&fixture.store, path, &body(0, 100_000)).await.unwrap();
    }
    for (asked, path) in paths.iter().enumerate() {
        // The first and the last ones are asked for most.
        for _ in 0..(10 * asked.abs_diff(5)) {
            load(&fixture.store, &read(path)).await.unwrap().unwrap();
        }
    }
    for number in 0..13 {
        put(&fixture.store, &format!("/new/{number}"), &body(1, 100_000)).await.unwrap();
    }
    let mut kept = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        if load(&fixture.store, &read(path)).await.unwrap().is_some() {
            kept.push(number);
        }
    }
    assert!((2..10).contains(&kept.len()), "{kept:?}");
    let least = kept.iter().map(|number| number.abs_diff(5)).min().unwrap();
    for number in 0..10_usize {
        assert!(
            kept.contains(&number) || number.abs_diff(5) <= least,
            "{number} is gone, of {kept:?} are kept"
        );
    }
}

#[tokio::test]
async fn an_old_favourite_goes_once_nobody_asks_for_it() {
    let fixture = Fixture::limited(LIMIT);
    put(&fixture.store, "/old", &body(0, 100_000)).await.unwrap();
    for _ in 0..20 {
        load(&fixture.store, &read("/old")).await.unwrap().unwrap();
    }
    let mut stored = 0;
    // Each of these is asked for a few times when it is new.
    while query(&fixture.database(), "SELECT count(*) FROM contents WHERE id = 1") == 1 {
        let path = format!("/{stored}");
        put(&fixture.store, &path, &body(1, 100_000)).await.unwrap();
        for _ in 0..3 {
            load(&fixture.store, &read(&path)).await.unwrap().unwrap();
        }
        stored += 1;
        assert!(stored < 1_000, "it stays for ever");
    }
    assert!(stored > 40, "it went after {stored}");
}

#[tokio::test]
async fn a_lowered_limit_makes_the_file_shorter() {
    let fixture = Fixture::limited(4 * LIMIT);
    for number in 0..70 {
        put(&fixture.store, &format!("/{number}"), &body(number, 100_000)).await.unwrap();
    }
    assert!(fixture.size() > 3 * LIMIT || on_disk(&fixture) > 3 * LIMIT);
    let store = fixture.another().max_read_bytes(LIMIT);
    for number in 0..20 {
        put(&store, "/new", &body(number, 1_000)).await.unwrap();
    }
    query(&fixture.database(), "PRAGMA wal_checkpoint(FULL)");
    assert!(fixture.size() <= LIMIT + RESERVE, "{}", fixture.size());
}

#[tokio::test]
async fn loads_alone_are_noted_too() {
    let fixture = Fixture::new();
    for number in 0..PENDING {
        put(&fixture.store, &format!("/{number}"), b"a").await.unwrap();
    }
    let other = fixture.another();
    for number in 0..PENDING {
        load(&other, &read(&format!("/{number}"))).await.unwrap().unwrap();
    }
    assert_eq!(query(&fixture.database(), "SELECT min(loads) FROM records"), 2);
}

#[tokio::test]
async fn loads_are_noted_although_the_record_after_them_is_refused() {
    let fixture = Fixture::new();
    put(&fixture.store, "/a", b"a").await.unwrap();
    for _ in 0..3 {
        load(&fixture.store, &read("/a")).await.unwrap().unwrap();
    }
    assert!(!replace(&fixture.store, &budget(), Some(b"7"), b"8", DAY).await.unwrap());
    assert_eq!(query(&fixture.database(), "SELECT loads FROM records"), 1);
    count(&fixture.store).await.unwrap();
    assert_eq!(query(&fixture.database(), "SELECT loads FROM records WHERE kind = 'read'"), 4);
}
