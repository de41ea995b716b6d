//! The bot users of a sandbox and the number of reads that each has made today.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use chrono::{DateTime, NaiveDate, Utc};

use super::lock;
use crate::api::types::{HashFlag, User, UserMetadata};

/// The documented number of reads per bot and UTC day.
pub(super) const DAILY_READS: u32 = 100;

/// The bot users that have registered.
#[derive(Default)]
pub(super) struct Bots {
    /// Hashes a key and a device id into a user id. The seed is random, so ids differ between sandboxes.
    ids: RandomState,
    by_id: Mutex<HashMap<String, Bot>>,
}

struct Bot {
    created_at: DateTime<Utc>,
    /// The number of the newest registration.
    newest: u64,
    day: NaiveDate,
    reads: u32,
}

/// A registration of a bot.
pub(super) struct Registration {
    pub(super) user_id: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) number: u64,
}

impl Bots {
    /// Registers `device` under `key`.
    pub(super) fn register(&self, key: &[u8], device: &str, now: DateTime<Utc>) -> Registration {
        let half = |which: u8| self.ids.hash_one((which, key, device));
        let id = format!("bot-{:016x}{:016x}", half(0), half(1));
        let mut by_id = lock(&self.by_id);
        let new = Bot { created_at: now, newest: 0, day: now.date_naive(), reads: 0 };
        let bot = by_id.entry(id.clone()).or_insert(new);
        bot.newest += 1;
        Registration { user_id: id, created_at: bot.created_at, number: bot.newest }
    }

    /// Whether no other registration of the bot came after this one.
    pub(super) fn is_newest(&self, id: &str, number: u64) -> bool {
        lock(&self.by_id).get(id).is_some_and(|bot| bot.newest == number)
    }

    /// Counts a read. Returns whether `limit` reads a day allow it.
    pub(super) fn read(&self, id: &str, today: NaiveDate, limit: u32) -> bool {
        // A token is only issued to a registered bot, so the lookup finds it.
        lock(&self.by_id).get_mut(id).is_some_and(|bot| bot.read(today, limit))
    }
}

impl Bot {
    fn read(&mut self, today: NaiveDate, limit: u32) -> bool {
        if self.day != today {
            self.day = today;
            self.reads = 0;
        }
        let allowed = self.reads < limit;
        self.reads += u32::from(allowed);
        allowed
    }
}

/// A user with every documented field. It has no roles or permissions, as a bot can only read.
pub(super) fn profile(id: &str, created_at: DateTime<Utc>) -> User {
    let internal = id.trim_start_matches("bot-");
    User {
        id: Some(internal.to_owned()),
        path: Some(format!("sandbox/user/{internal}")),
        user_id: Some(id.to_owned()),
        user_internal_id: Some(internal.to_owned()),
        user_public_id: Some(internal.to_owned()),
        roles: Some(Vec::new()),
        permissions: Some(Vec::new()),
        display_name: Some("Sandbox bot".to_owned()),
        profile_handle: Some(id.to_owned()),
        description: Some(String::new()),
        avatar_file_id: Some(String::new()),
        avatar_custom_url: Some(String::new()),
        flag_count: Some(0),
        hash_flag: Some(HashFlag { bits: Some(0), hashes: Some(0), hash: Some(Vec::new()) }),
        metadata: Some(UserMetadata(Default::default())),
        is_global_ban: Some(false),
        is_brand: Some(false),
        created_at: Some(created_at),
        updated_at: Some(created_at),
        is_deleted: Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_utc_day_allows_100_reads() {
        let monday = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let bots = Bots::default();
        let id = bots.register(b"key", "device", Utc::now()).user_id;

        let read_on = |day| (0..150).filter(|_| bots.read(&id, day, DAILY_READS)).count();

        assert_eq!(read_on(monday), 100);
        assert_eq!(read_on(monday.succ_opt().unwrap()), 100);
    }
}
