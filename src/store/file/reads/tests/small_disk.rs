//! Disks that are full or can only be read. They are mounts of a process of its own, and gone with it.

#![cfg(target_os = "linux")]

use std::env;
use std::process::Command;

use super::*;

/// The disk of a process, set by the test that starts it.
const DISK: &str = "READS_DISK";

/// Runs a test of this file again in a process that has a disk of 1 MiB there.
fn on_a_disk_of_its_own(test: &str) {
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m,mode=700 tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(disk.path());
    command.arg(env::current_exe().unwrap());
    command.args(["--exact", &format!("store::file::reads::tests::small_disk::{test}"), "--nocapture"]);
    let output = command.env(DISK, disk.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
}

fn fill(disk: &Path) -> PathBuf {
    let other = disk.join("other");
    let filled = std::io::copy(&mut std::io::repeat(0), &mut fs::File::create(&other).unwrap());
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    other
}

#[track_caller]
fn assert_full(error: &Error) {
    assert_eq!(error.kind(), crate::ErrorKind::Store);
    let said = error.to_string();
    assert!(said.contains("reads.sqlite3"), "{said}");
    assert!(said.contains("free some space, or use a folder on another disk"), "{said}");
}

#[tokio::test]
async fn on_a_full_disk_counting_goes_on_and_nothing_is_lost() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return on_a_disk_of_its_own("on_a_full_disk_counting_goes_on_and_nothing_is_lost");
    };
    let store = FileStore::new(&disk).unwrap();
    assert_eq!(count(&store).await.unwrap(), 1);
    put(&store, "/a", b"a").await.unwrap();
    let other = fill(&disk);
    for counted in 2..=500 {
        assert_eq!(count(&store).await.unwrap(), counted, "the log has room for it");
    }
    assert_full(&put(&store, "/b", &[7; 100_000]).await.unwrap_err());
    for store in [&store, &FileStore::new(&disk).unwrap()] {
        assert_eq!(number(load(store, &budget()).await.unwrap().as_deref()), 500);
        assert_eq!(load(store, &read("/a")).await.unwrap().unwrap(), b"a");
    }
    fs::remove_file(other).unwrap();
    put(&store, "/b", &[7; 100_000]).await.unwrap();
    assert_eq!(count(&FileStore::new(&disk).unwrap()).await.unwrap(), 501);
    assert!(!disk.join("reads.sqlite3.unread").exists());
}

#[tokio::test]
async fn on_a_full_disk_no_database_is_made() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return on_a_disk_of_its_own("on_a_full_disk_no_database_is_made");
    };
    let store = FileStore::new(&disk).unwrap();
    let other = fill(&disk);
    assert_full(&count(&store).await.unwrap_err());
    assert!(!disk.join("reads.sqlite3").exists());
    fs::remove_file(other).unwrap();
    assert_eq!(count(&store).await.unwrap(), 1);
}

#[tokio::test]
async fn on_a_full_disk_a_damaged_database_keeps_its_count() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return on_a_disk_of_its_own("on_a_full_disk_a_damaged_database_keeps_its_count");
    };
    let store = FileStore::new(&disk).unwrap();
    let body = b"a body that is damaged";
    put(&store, "/a", body).await.unwrap();
    for counted in 1..=5 {
        assert_eq!(count(&store).await.unwrap(), counted);
    }
    let connection = rusqlite::Connection::open(disk.join("reads.sqlite3")).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = fs::read(disk.join("reads.sqlite3")).unwrap();
    let place = bytes.windows(body.len()).position(|found| found == body).unwrap();
    bytes[place] = b'|';
    fs::write(disk.join("reads.sqlite3"), bytes).unwrap();
    let other = fill(&disk);
    assert_full(&load(&store, &read("/a")).await.unwrap_err());
    fs::remove_file(other).unwrap();
    assert_eq!(load(&store, &read("/a")).await.unwrap(), None);
    assert_eq!(count(&store).await.unwrap(), 6);
    assert!(disk.join("reads.sqlite3.unread").exists());
}

#[tokio::test]
async fn a_disk_that_becomes_full_at_any_time_loses_no_count() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return on_a_disk_of_its_own("a_disk_that_becomes_full_at_any_time_loses_no_count");
    };
    let store = FileStore::new(&disk).unwrap();
    let mut counted = 0;
    let mut failures = 0;
    for round in 0..100_usize {
        match count(&store).await {
            Ok(count) => {
                assert!(count > counted, "{count} after {counted}");
                counted = count;
            }
            Err(error) => assert_full(&error),
        }
        let path = format!("/{round}");
        let body = vec![round as u8; 1_000 * (1 + round % 60)];
        match put(&store, &path, &body).await {
            Ok(()) => assert_eq!(load(&store, &read(&path)).await.unwrap().unwrap(), body),
            Err(error) => {
                assert_full(&error);
                failures += 1;
            }
        }
    }
    println!("{failures} of 100 bodies did not fit");
    assert!(failures > 0);
    assert_eq!(number(load(&store, &budget()).await.unwrap().as_deref()), counted);
}

#[tokio::test]
async fn on_a_disk_that_can_only_be_read_the_error_says_so() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else {
        return on_a_disk_of_its_own("on_a_disk_that_can_only_be_read_the_error_says_so");
    };
    let (new, old) = (FileStore::new(disk.join("new")).unwrap(), FileStore::new(disk.join("old")).unwrap());
    // In a process of its own, which leaves no file open.
    let mut first = Command::new(env::current_exe().unwrap());
    first.args(["--exact", "store::file::reads::tests::processes::a_process_counts_and_stores"]);
    assert!(first.env("READS_FOLDER", old.folder()).output().unwrap().status.success());
    let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(mounted.success());
    for store in [&new, &old] {
        let said = count(store).await.unwrap_err().to_string();
        println!("{said}");
        assert!(said.contains(store.folder().to_str().unwrap()), "{said}");
        assert!(
            said.contains("use a folder that you can write to") || said.contains("can't be written to"),
            "{said}"
        );
    }
}
