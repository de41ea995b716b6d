//! The key of a stored record.
//!
//! Two processes share records if they use the same address, device id and API key. A fingerprint of the three is a short
//! name that is safe in file names and reveals nothing.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

use crate::config::ApiKey;

/// The key of a record in a store: one device id, with one API key, at one address, and for reads also the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreKey {
    fingerprint: String,
    kind: RecordKind,
}

/// What a record is, for stores that keep each kind in a place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// The session of a bot. It contains the token.
    Session,
    /// The reads that a bot has made today.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    Budget,
    /// The response to a read. There is one for each path.
    #[cfg(feature = "read-cache")]
    #[cfg_attr(docsrs, doc(cfg(feature = "read-cache")))]
    Read,
}

impl RecordKind {
    /// A word for names of keys and files, such as `session`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            #[cfg(feature = "read-cache")]
            Self::Budget => "budget",
            #[cfg(feature = "read-cache")]
            Self::Read => "read",
        }
    }
}

impl StoreKey {
    pub(crate) fn new(base_url: &str, device_id: &str, api_key: &ApiKey) -> Self {
        let parts = [base_url, device_id, api_key.expose_secret()];
        Self { fingerprint: fingerprint("social-plus-bot session\n", &parts), kind: RecordKind::Session }
    }

    /// The key of the day's reads of the bot whose session has this key.
    #[cfg(feature = "read-cache")]
    pub(crate) fn budget(&self) -> Self {
        let fingerprint = fingerprint("social-plus-bot budget\n", &[&self.fingerprint]);
        Self { fingerprint, kind: RecordKind::Budget }
    }

    /// A key that names `path` within a process without a store.
    #[cfg(feature = "read-cache")]
    pub(crate) fn local(path: &str) -> Self {
        Self { fingerprint: path.to_owned(), kind: RecordKind::Read }
    }

    /// The key of what the bot whose session has this key read at `path`.
    #[cfg(feature = "read-cache")]
    pub(crate) fn read(&self, path: &str) -> Self {
        let fingerprint = fingerprint("social-plus-bot read\n", &[&self.fingerprint, path]);
        Self { fingerprint, kind: RecordKind::Read }
    }

    /// 32 lower-case hexadecimal digits: half of a SHA-256 hash of address, device id, API key and, for a read, its path.
    /// It is different for each record. The API key can't be computed from it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What the record is.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }
}

fn fingerprint(purpose: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new_with_prefix(purpose);
    for part in parts {
        // The length prefix keeps the parts apart.
        hash.update(format!("{}:{part}", part.len()));
    }
    let mut fingerprint = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        // Writing to a string does not fail.
        write!(fingerprint, "{byte:02x}").ok();
    }
    fingerprint
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(base_url: &str, device_id: &str, api_key: &str) -> StoreKey {
        StoreKey::new(base_url, device_id, &ApiKey::try_from(api_key).unwrap())
    }

    #[test]
    fn each_part_makes_another_key() {
        let one = key("https://a.example", "crawler-1", "secret");
        assert_eq!(one, key("https://a.example", "crawler-1", "secret"));
        assert_ne!(one, key("https://b.example", "crawler-1", "secret"));
        assert_ne!(one, key("https://a.example", "crawler-2", "secret"));
        assert_ne!(one, key("https://a.example", "crawler-1", "Secret"));
        assert_ne!(one, key("https://a.example", "crawler-", "1secret"));
    }

    #[test]
    fn it_is_the_same_in_every_version() {
        let key = key("https://apix.us.amity.co", "crawler-1", "b0e8a2c4d6f8");
        assert_eq!(key.to_string(), "1ee3d22a63ac89192cb0b8dc81a9b0ac");
    }
}
