//! Which files are made, trusted and found again.

use super::*;

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_user_has_access() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new();
    put(&fixture.store, "/a", b"a").await.unwrap();
    assert_eq!(fixture.files(), ["reads.sqlite3", "reads.sqlite3-shm", "reads.sqlite3-wal"]);
    for file in fixture.files() {
        let mode = fs::metadata(fixture.store.folder().join(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_others_have_access_to_is_an_error_until_it_is_private() {
    let fixture = Fixture::new();
    count(&fixture.store).await.unwrap();
    set_mode(&fixture.database(), 0o640);
    for store in [&fixture.store, &fixture.another()] {
        for error in [count(store).await.unwrap_err(), load(store, &read("/a")).await.unwrap_err()] {
            let said = error.to_string();
            assert!(said.contains("reads.sqlite3: other users have access to it (mode 0640)"), "{said}");
            assert!(said.contains("that only this user can read, or remove it"), "{said}");
        }
    }
    set_mode(&fixture.database(), 0o600);
    assert_eq!(count(&fixture.store).await.unwrap(), 2, "the count is not lost");
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_of_another_user_is_an_error() {
    let fixture = Fixture::new();
    count(&fixture.store).await.unwrap();
    // Only root can give a file away.
    if std::os::unix::fs::chown(fixture.database(), Some(65_534), None).is_err() {
        return;
    }
    let said = count(&fixture.store).await.unwrap_err().to_string();
    assert!(said.contains("it belongs to user 65534"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_a_file_is_an_error_without_waiting() {
    for make in ["mkfifo", "mkdir", "link", "loop"] {
        let fixture = Fixture::new();
        let made = match make {
            "link" | "loop" => {
                let elsewhere = fixture.folder.path().join("elsewhere");
                fs::write(&elsewhere, b"").unwrap();
                let target = if make == "link" { elsewhere } else { fixture.database() };
                std::os::unix::fs::symlink(target, fixture.database()).is_ok()
            }
            make => std::process::Command::new(make).arg(fixture.database()).status().unwrap().success(),
        };
        assert!(made, "{make}");
        for error in
            [count(&fixture.store).await.unwrap_err(), load(&fixture.store, &read("/a")).await.unwrap_err()]
        {
            let said = error.to_string();
            assert!(said.contains("reads.sqlite3: it is not a file; remove it"), "{make}: {said}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_behind_a_link_is_used() {
    let fixture = Fixture::new();
    let link = fixture.folder.path().join("link");
    std::os::unix::fs::symlink(fixture.store.folder(), &link).unwrap();
    assert_eq!(count(&FileStore::new(link).unwrap()).await.unwrap(), 1);
    assert_eq!(count(&fixture.store).await.unwrap(), 2);
}

/// Open files can't be removed on Windows.
#[cfg(unix)]
#[tokio::test]
async fn a_removed_database_is_made_again_for_all() {
    for parts in [&[""][..], &["", "-wal", "-shm"], &["-wal", "-shm", ""], &["-wal", "", "-shm"]] {
        let fixture = Fixture::new();
        let other = fixture.another();
        for store in [&fixture.store, &other] {
            count(store).await.unwrap();
        }
        for part in parts {
            fs::remove_file(fixture.store.folder().join(format!("reads.sqlite3{part}"))).unwrap();
        }
        assert_eq!(load(&other, &budget()).await.unwrap(), None, "{parts:?}");
        for expected in 1..4 {
            assert_eq!(count(&fixture.store).await.unwrap(), expected, "{parts:?}");
        }
        assert_eq!(count(&other).await.unwrap(), 4, "{parts:?}");
        assert_eq!(count(&fixture.another()).await.unwrap(), 5, "{parts:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_removed_folder_is_made_again_for_all() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new();
    let other = fixture.another();
    for store in [&fixture.store, &other] {
        count(store).await.unwrap();
    }
    fs::remove_dir_all(fixture.store.folder()).unwrap();
    assert_eq!(load(&other, &budget()).await.unwrap(), None);
    assert_eq!(count(&fixture.store).await.unwrap(), 1);
    assert_eq!(count(&other).await.unwrap(), 2);
    assert_eq!(fs::metadata(fixture.store.folder()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[cfg(unix)]
#[tokio::test]
async fn another_database_in_its_place_is_used() {
    let fixture = Fixture::new();
    let backup = Fixture::new();
    for _ in 0..5 {
        count(&backup.store).await.unwrap();
    }
    query(&backup.database(), "PRAGMA wal_checkpoint(TRUNCATE)");
    count(&fixture.store).await.unwrap();
    for part in ["-wal", "-shm"] {
        fs::remove_file(fixture.store.folder().join(format!("reads.sqlite3{part}"))).unwrap();
    }
    fs::rename(backup.database(), fixture.database()).unwrap();
    assert_eq!(count(&fixture.store).await.unwrap(), 6);
}

/// Removes the files again and again, as a program that cleans up might.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_files_are_removed_no_other_body_is_loaded() {
    let fixture = Fixture::new();
    let (done, stores) = (std::sync::atomic::AtomicBool::new(false), [fixture.another(), fixture.another()]);
    std::thread::scope(|scope| {
        let remover = scope.spawn(|| {
            let mut removed = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                for part in ["", "-shm", "-wal"] {
                    let path = fixture.store.folder().join(format!("reads.sqlite3{part}"));
                    removed += usize::from(fs::remove_file(path).is_ok());
                }
            }
            removed
        });
        let workers = stores.map(|store| {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for number in 0..100 {
                        let body = format!("/{number} {number}").repeat(500);
                        let path = format!("/{number}");
                        // It may fail, but must not lie.
                        let stored = put(&store, &path, body.as_bytes()).await;
                        if let (Ok(()), Ok(Some(found))) = (stored, load(&store, &read(&path)).await) {
                            assert_eq!(found, body.as_bytes());
                        }
                    }
                });
            })
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        println!("{} files were removed", remover.join().unwrap());
    });
    count(&fixture.store).await.unwrap();
    assert!(count(&fixture.another()).await.unwrap() >= 2);
}

#[tokio::test]
async fn unfinished_databases_are_removed_later() {
    let fixture = Fixture::new();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(120);
    for name in ["reads.x1y2z3.new", "reads.x1y2z3.new-wal"] {
        let path = fixture.store.folder().join(name);
        fs::write(&path, b"half").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    }
    fs::write(fixture.store.folder().join("reads.a1b2c3.new"), b"half").unwrap();
    count(&fixture.store).await.unwrap();
    let left: Vec<_> = fixture.files().into_iter().filter(|name| name.contains(".new")).collect();
    assert_eq!(left, ["reads.a1b2c3.new"], "somebody may be making that one");
}
