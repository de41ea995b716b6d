//! Room in the database: what is dropped for what is new.
//!
//! The least frequently used reads are dropped, with aging: the priority of a record is the number of its loads and the age
//! that the cache had at the last one, and the age rises to the priority of what is dropped.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction, params};

use super::failure::Failure;

/// Pages that reads leave free for what may not be dropped.
pub(super) const RESERVED: u64 = 64;

/// So many records are dropped in one transaction.
const DROPPED_AT_ONCE: i64 = 512;

/// So many pages are given back to the file system at once, after the limit was lowered.
const GIVEN_BACK_AT_ONCE: u64 = 1024;

/// Adds to the loads of records. Their priority is the age of the cache when they were last loaded, and all their loads.
pub(super) fn note(transaction: &Transaction<'_>, loads: &HashMap<String, i64>) -> Result<(), Failure> {
    let mut note = transaction.prepare(
        "UPDATE records SET loads = loads + ?2, priority = loads + ?2 + (SELECT age FROM cache) WHERE fingerprint = ?1",
    )?;
    for (fingerprint, loads) in loads {
        note.execute(params![fingerprint, loads])?;
    }
    Ok(())
}

/// Drops the reads that are asked for least, until there is room for these pages or no other read is left. Returns false if it
/// needs another transaction.
pub(super) fn make_room(
    transaction: &Transaction<'_>,
    max_pages: u64,
    needed: u64,
    except: Option<i64>,
) -> Result<bool, Failure> {
    let pages = |pragma| transaction.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let mut least = transaction.prepare(
        "SELECT id, priority FROM records WHERE kind = 'read' AND id IS NOT ?1 ORDER BY priority, id LIMIT 1",
    )?;
    let mut age = transaction.prepare("UPDATE cache SET age = max(age, ?1)")?;
    let mut drop = transaction.prepare("DELETE FROM records WHERE id = ?1")?;
    for _ in 0..DROPPED_AT_ONCE {
        let used = pages("PRAGMA page_count")? - pages("PRAGMA freelist_count")?;
        if u64::try_from(used).unwrap_or_default().saturating_add(needed) <= max_pages {
            return Ok(true);
        }
        let found = least.query_row([except], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        let Some((id, priority)) = found.optional()? else { return Ok(true) };
        age.execute([priority])?;
        drop.execute([id])?;
    }
    Ok(false)
}

/// Makes a file shorter that is longer than its limit.
pub(super) fn give_back(transaction: &Transaction<'_>, max_pages: u64) -> Result<(), Failure> {
    let pages: i64 = transaction.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let more = u64::try_from(pages).unwrap_or_default().saturating_sub(max_pages + RESERVED);
    if more > 0 {
        let pragma = format!("PRAGMA incremental_vacuum({})", more.min(GIVEN_BACK_AT_ONCE));
        let mut vacuum = transaction.prepare(&pragma)?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok(())
}
