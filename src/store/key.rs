//! The key of a stored session.
//!
//! Two processes share a session if they use the same address, device id and API key. A fingerprint of the three is a
//! short name that is safe in file names and reveals nothing.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

use crate::config::ApiKey;

/// The key of a session in a store: one device id, with one API key, at one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreKey(String);

impl StoreKey {
    pub(crate) fn new(base_url: &str, device_id: &str, api_key: &ApiKey) -> Self {
        let mut hash = Sha256::new_with_prefix("social-plus-bot session\n");
        for part in [base_url, device_id, api_key.expose_secret()] {
            // The length prefix keeps the parts apart.
            hash.update(format!("{}:{part}", part.len()));
        }
        let mut fingerprint = String::with_capacity(32);
        for byte in hash.finalize().iter().take(16) {
            // Writing to a string does not fail.
            write!(fingerprint, "{byte:02x}").ok();
        }
        Self(fingerprint)
    }

    /// 32 lower-case hexadecimal digits: half of a SHA-256 hash of address, device id and API key. The API key can't be
    /// computed from it.
    pub fn fingerprint(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
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
