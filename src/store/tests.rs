//! What is left of a token in the memory of the process.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::iter;
use std::time::Duration;

use memchr::memmem;

use super::record::{self, Known, Newest};
use super::*;
use crate::api::types::BotSession;
use crate::config::ApiKey;
use crate::session::Session;
use crate::session::clock::{Clock, SystemClock};

/// How often `part` is in the memory that this process can write to.
fn copies(part: &[u8]) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut copies = 0;
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [mut at, end] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        while rest.starts_with("rw") && at < end {
            let length = usize::try_from(end - at).unwrap().min(buffer.len());
            memory.seek(SeekFrom::Start(at)).unwrap();
            // Another thread may have given it back.
            if memory.read_exact(&mut buffer[..length]).is_err() {
                break;
            }
            copies += memmem::find_iter(&buffer, part).count();
            buffer.fill(0);
            at += length as u64;
        }
    }
    copies
}

#[tokio::test]
async fn a_stored_session_leaves_no_copy_of_its_token() {
    // Memory with no room behind it is moved when it grows.
    let mut blocks: Vec<_> = (0..4_000).map(|number| vec![1_u8; number * 4]).collect();
    let mut is_kept = false;
    blocks.retain(|_| {
        is_kept = !is_kept;
        is_kept
    });
    let token: String = iter::repeat_with(fastrand::alphanumeric).take(3_000).collect();
    let part = &token.as_bytes()[1_000..1_100];
    let body: BotSession = serde_json::from_str(&format!(
        r#"{{"accessToken":"{token}","issuedAt":"2026-01-01T00:00:00Z","expiresAt":"2126-01-01T00:00:00Z"}}"#
    ))
    .unwrap();
    let (now, life) = (SystemClock.now(), Duration::from_secs(1_000_000));
    let session = Session::kept(body, life, Duration::ZERO, now).unwrap();
    let key = StoreKey::new("https://a.example", "crawler-1", &ApiKey::try_from("b0e8a2c4d6f8").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("state")).unwrap();
    let known = Known { newest: Newest::Session(session), failure: None };
    let before = copies(part);
    assert!(before > 0);

    drop(record::write(&key, &known, now).unwrap());
    assert!(copies(part) <= before, "writing a record left a copy");

    let mut with_room = Vec::with_capacity(5_000);
    with_room.extend_from_slice(token.as_bytes());
    drop(StoredRecord::from(with_room));
    assert!(copies(part) <= before, "a record made of a longer buffer left a copy");

    let record = record::write(&key, &known, now).unwrap();
    assert!(store.replace(&key, None, record, life).await.unwrap());
    assert!(copies(part) <= before, "storing a record left a copy");

    let found = store.load(&key).await.unwrap().unwrap();
    assert!(copies(part) > before);
    drop(found);
    assert!(copies(part) <= before, "loading a record left a copy");

    let found = store.load(&key).await.unwrap().unwrap();
    drop(record::read(&key, &found, now).unwrap());
    drop(found);
    assert!(copies(part) <= before, "reading a record left a copy");
    drop(blocks);
}
