//! An open database of reads: its tables, and what is done in a transaction.
//!
//! Every transaction is short and waits for nothing but the disk. Content is in a table of its own, so that changing what
//! is known of a record does not write its content again.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::room::{RESERVED, give_back, make_room, note};
use super::{Identity, beside};
use crate::error::Error;
use crate::store::{RecordKind, StoreKey, StoredRecord};

/// Bytes of a page, the unit in which SQLite takes space.
pub(super) const PAGE: u64 = 4096;

/// Pages of an empty database, and more.
const EMPTY: u64 = 16;

/// So many expired records are removed with each that is written.
const EXPIRED_AT_ONCE: i64 = 64;

/// How long to wait for other processes. An operation may take 2 s.
const BUSY: Duration = Duration::from_millis(1500);

/// How long to wait for them with what the caller does not need.
const BUSY_ON_THE_SIDE: Duration = Duration::from_millis(100);

/// The log is cut to this length when it is begun again, which is usual at 4 MiB.
const LOG_BYTES: u64 = 4 << 20;

/// A log of this length is cut even if others have to wait.
const MAX_LOG_BYTES: u64 = 16 << 20;

/// Marks a database as that of this crate.
const APPLICATION: i64 = 0x7370_6272;

/// The version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        digest BLOB NOT NULL,
        expires INTEGER NOT NULL,
        loads INTEGER NOT NULL,
        priority INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX records_by_expiry ON records (expires);
    CREATE INDEX reads_by_priority ON records (priority, id) WHERE kind = 'read';
    CREATE TABLE contents (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
    CREATE TRIGGER content_follows_record AFTER DELETE ON records
        BEGIN DELETE FROM contents WHERE id = old.id; END;
    -- The highest priority that was dropped. New records begin there, so that old favourites don't stay for ever.
    CREATE TABLE cache (age INTEGER NOT NULL) STRICT;
    INSERT INTO cache VALUES (0);
";

/// A record to store.
pub(super) struct Change<'a> {
    key: &'a StoreKey,
    content: &'a [u8],
    digest: [u8; 32],
    /// The digest of what is to be there.
    old: Option<[u8; 32]>,
    ttl: i64,
    /// The loads to note with it.
    loads: HashMap<String, i64>,
}

impl<'a> Change<'a> {
    pub(super) fn new(
        key: &'a StoreKey,
        old: Option<&StoredRecord>,
        new: &'a StoredRecord,
        ttl: Duration,
        loads: HashMap<String, i64>,
    ) -> Self {
        let (content, fingerprint) = (new.expose_secret(), key.fingerprint());
        let old = old.map(|old| digest(fingerprint, old.expose_secret()));
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        Self { key, content, digest: digest(fingerprint, content), old, ttl, loads }
    }

    pub(super) fn into_loads(self) -> HashMap<String, i64> {
        self.loads
    }
}

/// Whether there is room for this content in an empty database.
pub(super) fn fits(content: &[u8], max_bytes: u64) -> bool {
    EMPTY.saturating_add(pages(content)) <= max_bytes / PAGE
}

/// The pages that a record with this content takes at most.
fn pages(content: &[u8]) -> u64 {
    let pages = content.len() as u64 / (PAGE - 4);
    // The rest of it and the indexes take some pages, and so do the numbers of all pages.
    pages + pages / 512 + 8
}

/// A count that was found in a damaged database, whole.
pub(super) struct Count {
    fingerprint: String,
    digest: [u8; 32],
    expires: i64,
    content: Vec<u8>,
}

/// What is written to the tables.
struct Record<'a> {
    fingerprint: &'a str,
    kind: &'a str,
    digest: [u8; 32],
    expires: i64,
    content: &'a [u8],
}

/// Shows damage that SQLite can't see.
fn digest(fingerprint: &str, content: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(fingerprint).chain_update(content).finalize().into()
}

#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    pub(super) identity: Identity,
    log: PathBuf,
    /// The limit for reads.
    max_pages: u64,
}

/// What came of an attempt to store a record.
enum Attempt {
    Done(bool),
    /// Some records were dropped, and more have to be.
    MadeRoom,
}

impl Database {
    /// Makes a database with these counts of the file at `path`, which is empty and which nobody else uses.
    pub(super) fn create(path: &Path, counts: &[Count]) -> Result<(), Failure> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE};
             PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = MEMORY;
             PRAGMA synchronous = FULL;
             BEGIN;
             {TABLES}
             PRAGMA application_id = {APPLICATION};
             PRAGMA user_version = {VERSION};
             COMMIT;"
        ))?;
        for Count { fingerprint, digest, expires, content } in counts {
            let (kind, digest, expires) = (RecordKind::Budget.as_str(), *digest, *expires);
            store(&connection, &Record { fingerprint, kind, digest, expires, content })?;
        }
        connection.execute_batch("PRAGMA journal_mode = WAL")?;
        connection.close().map_err(|(_, error)| error.into())
    }

    /// Opens the database at `path`, which has no links in it.
    pub(super) fn open(path: &Path, max_bytes: u64) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let mut connection = Connection::open_with_flags(path, flags)?;
        wait_when_busy(&mut connection, BUSY)?;
        // The last one to close it would remove the log by its name, which can be that of a new database by then.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        if application != APPLICATION {
            return Err(Failure::Damaged("another program made it"));
        }
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version < VERSION {
            return Err(Failure::Damaged("it has no version"));
        }
        if version > VERSION {
            return Err(Failure::Error(Error::store(format!(
                "{}: a later version of this crate made it (format {version}, this one is {VERSION}); use that \
                 version, or another folder",
                path.display()
            ))));
        }
        let max_pages = (max_bytes / PAGE).min(u64::from(u32::MAX) - 2 * RESERVED);
        connection.execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON;
             PRAGMA cell_size_check = ON;
             PRAGMA trusted_schema = OFF;
             PRAGMA journal_size_limit = {LOG_BYTES};
             PRAGMA max_page_count = {}",
            max_pages + RESERVED
        ))?;
        Ok(Self { connection, identity: Identity::default(), log: beside(path, "-wal"), max_pages })
    }

    /// The content of a record that has not expired.
    pub(super) fn load(&self, key: &StoreKey, now: i64) -> Result<Option<Vec<u8>>, Failure> {
        let found = self.connection.query_row(
            "SELECT digest, content FROM records LEFT JOIN contents USING (id)
             WHERE fingerprint = ?1 AND kind = ?2 AND expires > ?3",
            params![key.fingerprint(), key.kind().as_str(), now],
            |row| <([u8; 32], Vec<u8>)>::try_from(row),
        );
        let Some((expected, content)) = found.optional()? else { return Ok(None) };
        if digest(key.fingerprint(), &content) != expected {
            return Err(Failure::Damaged("a record is not what was written"));
        }
        Ok(Some(content))
    }

    /// The counts that can be read in a damaged database.
    pub(super) fn counts(&self) -> Vec<Count> {
        let mut counts = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut found = self.connection.prepare(
                "SELECT fingerprint, digest, expires, content FROM records JOIN contents USING (id) WHERE kind = ?1",
            )?;
            let mut found = found.query([RecordKind::Budget.as_str()])?;
            while let Some(row) = found.next()? {
                let count = Count {
                    fingerprint: row.get(0)?,
                    digest: row.get(1)?,
                    expires: row.get(2)?,
                    content: row.get(3)?,
                };
                if digest(&count.fingerprint, &count.content) == count.digest {
                    counts.push(count);
                }
            }
            Ok(())
        };
        // What comes before the damage is what there is.
        read().ok();
        counts
    }

    /// Notes how often records were loaded.
    pub(super) fn note(&mut self, loads: &HashMap<String, i64>) -> Result<(), Failure> {
        self.waiting_at_most(BUSY_ON_THE_SIDE, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            note(&transaction, loads)?;
            Ok(transaction.commit()?)
        })
    }

    /// Stores a record if the old one is there, and returns whether it is.
    pub(super) fn replace(
        &mut self,
        change: &Change<'_>,
        now: impl Fn() -> i64,
        wanted: impl Fn() -> bool,
    ) -> Result<bool, Failure> {
        let mut is_log_emptied = false;
        let is_replaced = loop {
            match self.attempt(change, now(), &wanted) {
                Ok(Attempt::Done(is_replaced)) => break is_replaced,
                Ok(Attempt::MadeRoom) => {}
                // The room that the log has on the disk is enough for a small record.
                Err(Failure::Io(error)) if error.kind() == io::ErrorKind::StorageFull && !is_log_emptied => {
                    is_log_emptied = true;
                    self.checkpoint("RESTART");
                }
                Err(failure) => return Err(failure),
            }
        };
        self.limit_log();
        Ok(is_replaced)
    }

    fn attempt(
        &mut self,
        change: &Change<'_>,
        now: i64,
        wanted: impl Fn() -> bool,
    ) -> Result<Attempt, Failure> {
        let max_pages = self.max_pages;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The caller gave up on this while others were at it, so there may be a newer record by now.
        if !wanted() {
            return Err(Failure::GivenUp);
        }
        let found = transaction
            .query_row(
                "SELECT id, digest, expires, length(content) FROM records LEFT JOIN contents USING (id)
                 WHERE fingerprint = ?1",
                [change.key.fingerprint()],
                |row| <(i64, [u8; 32], i64, i64)>::try_from(row),
            )
            .optional()?;
        let present = found.filter(|(_, _, expires, _)| *expires > now).map(|(_, digest, ..)| digest);
        if present != change.old {
            return Ok(Attempt::Done(false));
        }
        note(&transaction, &change.loads)?;
        transaction.execute(
            "DELETE FROM records WHERE id IN
                 (SELECT id FROM records WHERE expires <= ?1 AND fingerprint <> ?2 ORDER BY expires LIMIT ?3)",
            params![now, change.key.fingerprint(), EXPIRED_AT_ONCE],
        )?;
        let (id, old_length) = found.map_or((None, 0), |(id, _, _, length)| (Some(id), length));
        let freed = u64::try_from(old_length).unwrap_or_default() / PAGE;
        let needed = pages(change.content).saturating_sub(freed);
        if !make_room(&transaction, max_pages, needed, id)? {
            transaction.commit()?;
            return Ok(Attempt::MadeRoom);
        }
        let record = Record {
            fingerprint: change.key.fingerprint(),
            kind: change.key.kind().as_str(),
            digest: change.digest,
            expires: now.saturating_add(change.ttl),
            content: change.content,
        };
        store(&transaction, &record)?;
        give_back(&transaction, max_pages)?;
        transaction.commit()?;
        Ok(Attempt::Done(true))
    }

    /// Cuts a long log. Usually that happens on the way; but not while there is always somebody who reads.
    fn limit_log(&mut self) {
        if std::fs::metadata(&self.log).is_ok_and(|log| log.len() > MAX_LOG_BYTES) {
            self.checkpoint("TRUNCATE");
        }
    }

    /// Writes the log to the database, so that it begins again, or is cut. The next operation makes up for a failure. What was
    /// stored is stored, so the caller does not wait long for this.
    fn checkpoint(&mut self, mode: &str) {
        let done = self.waiting_at_most(BUSY_ON_THE_SIDE, |connection| {
            Ok(connection.execute_batch(&format!("PRAGMA wal_checkpoint({mode})"))?)
        });
        if let Err(failure) = done {
            tracing::debug!(log = %self.log.display(), ?failure, "a log can't be written to its database now");
        }
    }

    /// Runs `work`, which waits for other processes for this time only.
    fn waiting_at_most(
        &mut self,
        limit: Duration,
        work: impl FnOnce(&mut Connection) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        wait_when_busy(&mut self.connection, limit)?;
        let done = work(&mut self.connection);
        wait_when_busy(&mut self.connection, BUSY)?;
        done
    }
}

/// Polls for the lock, for a limited time. SQLite's own way has pauses of 100 ms, in which others come first.
fn wait_when_busy(connection: &mut Connection, limit: Duration) -> Result<(), Failure> {
    let mut since = Instant::now();
    let wait = move |polls| {
        if polls == 0 {
            since = Instant::now();
        }
        sleep(Duration::from_micros(fastrand::u64(500..2_000)));
        since.elapsed() < limit
    };
    Ok(connection.busy_handler(Some(wait))?)
}

fn store(transaction: &Connection, record: &Record<'_>) -> Result<(), Failure> {
    let Record { fingerprint, kind, digest, expires, content } = record;
    let id: i64 = transaction.query_row(
        "INSERT INTO records (fingerprint, kind, digest, expires, loads, priority)
             VALUES (?1, ?2, ?3, ?4, 1, 1 + (SELECT age FROM cache))
         ON CONFLICT (fingerprint) DO UPDATE SET kind = excluded.kind, digest = excluded.digest,
             expires = excluded.expires, priority = loads + (SELECT age FROM cache)
         RETURNING id",
        params![fingerprint, kind, digest, expires],
        |row| row.get(0),
    )?;
    // The old content is deleted first, so that its pages are free for the new one.
    transaction.execute("DELETE FROM contents WHERE id = ?1", [id])?;
    transaction.execute("INSERT INTO contents (id, content) VALUES (?1, ?2)", params![id, content])?;
    Ok(())
}
