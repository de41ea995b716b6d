//! Encryption of stored sessions, for stores that others can read.
//!
//! XChaCha20-Poly1305 has nonces that are long enough to be random in any number of processes. The fingerprint is
//! authenticated, so a sealed session can't be passed off as that of another device.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretSlice};

use super::record::SEALED;
use super::{StoreKey, StoredRecord};
use crate::config::setting::Sealed;
use crate::error::Error;

const NONCE: usize = 24;

/// The key that encrypts stored sessions: 32 random bytes, the same for all processes that share a session.
///
/// ```
/// use social_plus_bot::store::SealingKey;
///
/// let key = SealingKey::from([7; 32]); // from your secret store
/// assert_eq!(format!("{key:?}"), "SealingKey([redacted])");
/// ```
#[derive(Clone)]
pub struct SealingKey(SecretSlice<u8>);

impl TryFrom<&[u8]> for SealingKey {
    type Error = Error;

    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if there are not exactly 32 bytes.
    fn try_from(key: &[u8]) -> Result<Self, Error> {
        match XChaCha20Poly1305::new_from_slice(key) {
            Ok(_) => Ok(Self(key.to_vec().into())),
            Err(_) => Err(Error::config("sealing_key", format!("has {} bytes instead of 32", key.len()))),
        }
    }
}

impl From<[u8; 32]> for SealingKey {
    fn from(key: [u8; 32]) -> Self {
        Self(key.to_vec().into())
    }
}

impl Sealed<SealingKey> for SealingKey {
    fn into_setting(self) -> Result<SealingKey, Error> {
        Ok(self)
    }
}

impl Sealed<SealingKey> for [u8; 32] {
    fn into_setting(self) -> Result<SealingKey, Error> {
        Ok(self.into())
    }
}

impl Sealed<SealingKey> for &[u8] {
    fn into_setting(self) -> Result<SealingKey, Error> {
        self.try_into()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([redacted])")
    }
}

impl SealingKey {
    pub(crate) fn seal(&self, key: &StoreKey, open: &StoredRecord) -> Result<StoredRecord, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|error| Error::store(format!("no random numbers to seal a session with: {error}")))?;
        let payload = Payload { msg: open.expose_secret(), aad: key.fingerprint().as_bytes() };
        let sealed = self.cipher().and_then(|cipher| cipher.encrypt(&XNonce::from(nonce), payload).ok());
        let sealed = sealed.ok_or_else(|| Error::store("the session can't be sealed"))?;
        Ok([SEALED, &nonce, &sealed].concat().into())
    }

    /// Decrypts a session, or says why it can't.
    pub(crate) fn open(&self, key: &StoreKey, stored: &StoredRecord) -> Result<StoredRecord, String> {
        let sealed = stored.expose_secret().strip_prefix(SEALED).ok_or("it is not sealed")?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or("it is damaged")?;
        let payload = Payload { msg: sealed, aad: key.fingerprint().as_bytes() };
        let open = self.cipher().and_then(|cipher| cipher.decrypt(&XNonce::from(*nonce), payload).ok());
        let open = open.ok_or("it was sealed with another key, or is damaged")?;
        let open = StoredRecord::from(open);
        Ok(match stored.ttl() {
            Some(ttl) => open.expiring_in(ttl),
            None => open,
        })
    }

    fn cipher(&self) -> Option<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(self.0.expose_secret()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::ApiKey;

    fn key(device: &str) -> StoreKey {
        StoreKey::new("https://a.example", device, &ApiKey::try_from("secret").unwrap())
    }

    fn seal(byte: u8) -> SealingKey {
        SealingKey::try_from(&[byte; 32][..]).unwrap()
    }

    #[test]
    fn only_the_key_opens_it_and_only_for_its_session() {
        let open = StoredRecord::from(b"a token".to_vec());
        let sealed = seal(1).seal(&key("one"), &open).unwrap();
        assert!(!sealed.expose_secret().windows(7).any(|bytes| bytes == b"a token"));
        assert_eq!(seal(1).open(&key("one"), &sealed), Ok(open));
        assert!(seal(2).open(&key("one"), &sealed).is_err());
        assert!(seal(1).open(&key("two"), &sealed).is_err());
    }

    #[test]
    fn the_copy_of_the_key_in_the_cipher_is_wiped() {
        fn wiped<T: secrecy::zeroize::ZeroizeOnDrop>(_: &T) {}
        wiped(&seal(1).cipher().unwrap());
    }

    #[test]
    fn nonce_is_unique_per_seal() {
        let open = StoredRecord::from(b"a token".to_vec());
        let twice = [(); 2].map(|()| seal(1).seal(&key("one"), &open).unwrap());
        assert_ne!(twice[0], twice[1]);
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let sealed = seal(1).seal(&key("one"), &StoredRecord::from(b"a token".to_vec())).unwrap();
        for at in 0..sealed.expose_secret().len() {
            let mut bytes = sealed.expose_secret().to_vec();
            bytes[at] ^= 1;
            assert!(seal(1).open(&key("one"), &bytes.into()).is_err(), "byte {at}");
        }
        for length in 0..sealed.expose_secret().len() {
            let cut = sealed.expose_secret()[..length].to_vec();
            assert!(seal(1).open(&key("one"), &cut.into()).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn what_is_not_sealed_is_not_taken() {
        let open = StoredRecord::from(b"a token".to_vec());
        assert_eq!(seal(1).open(&key("one"), &open), Err("it is not sealed".to_owned()));
    }

    #[test]
    fn what_the_store_says_of_its_life_stays() {
        let sealed = seal(1).seal(&key("one"), &StoredRecord::from(b"a token".to_vec())).unwrap();
        let sealed = sealed.expiring_in(Duration::from_secs(5));
        assert_eq!(seal(1).open(&key("one"), &sealed).unwrap().ttl(), Some(Duration::from_secs(5)));
    }
}
