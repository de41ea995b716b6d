//! The two secrets: the API key and the access token.
//!
//! They can't be printed by accident: `Debug` is redacted, and there is no `Display`. Their memory is zeroized when the
//! last copy is dropped. Copies that the TLS, HTTP and JSON layers make during a request are not zeroized.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

/// The API key of a social.plus network: 1 to 16,384 visible ASCII characters.
///
/// The key is sent in an HTTP header (`x-api-key`).
///
/// ```
/// use social_plus_bot::ApiKey;
///
/// let key = ApiKey::try_from("b0e8a2c4d6f8")?;
/// assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
/// assert!(ApiKey::try_from("two\nlines").is_err());
/// # Ok::<(), social_plus_bot::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Returns the key as plain text. Take care where you pass it.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The key as a header value that is marked as sensitive.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl TryFrom<String> for ApiKey {
    type Error = Error;

    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the key is empty, longer than 16,384 characters, or
    /// contains a character that is not visible ASCII. The error does not show the key.
    fn try_from(key: String) -> Result<Self, Error> {
        let key = secret(key);
        match fault(key.expose_secret()) {
            None => Ok(Self(key)),
            Some(fault) => Err(Error::config("api_key", format!("the key {fault}"))),
        }
    }
}

impl TryFrom<&str> for ApiKey {
    type Error = Error;

    /// # Errors
    ///
    /// As for a `String`.
    fn try_from(key: &str) -> Result<Self, Error> {
        key.to_owned().try_into()
    }
}

impl TryFrom<&String> for ApiKey {
    type Error = Error;

    /// # Errors
    ///
    /// As for a `String`.
    fn try_from(key: &String) -> Result<Self, Error> {
        key.as_str().try_into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

/// The access token of a bot session, sent as `Authorization: Bearer <token>`.
///
/// Clones are cheap, and share the memory. Serialization writes the token as plain text, so take care what you
/// serialize.
#[derive(Clone)]
pub struct AccessToken(Arc<Formatted>);

/// A token as it is sent. Behind one pointer, so that a clone of the token counts one reference.
struct Formatted {
    /// The token with `Bearer ` before it.
    bearer: Arc<SecretString>,
    /// A header value in the same memory.
    header: Option<HeaderValue>,
}

const SCHEME: &str = "Bearer ";

impl AccessToken {
    /// Returns the token as plain text. Take care where you pass it.
    pub fn expose_secret(&self) -> &str {
        self.0.bearer.expose_secret().get(SCHEME.len()..).unwrap_or_default()
    }

    /// Returns the value of the `Authorization` header, `Bearer <token>`, marked as sensitive. It is formatted once for
    /// each token, shares its memory, and is wiped with it.
    ///
    /// ```
    /// use social_plus_bot::AccessToken;
    ///
    /// let header = AccessToken::from("abc".to_owned()).header()?;
    /// assert_eq!(header, "Bearer abc");
    /// assert_eq!(format!("{header:?}"), "Sensitive");
    /// # Ok::<(), social_plus_bot::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the token contains a character that a header can't have. The token of a
    /// session contains none.
    pub fn header(&self) -> Result<HeaderValue, Error> {
        self.0
            .header
            .clone()
            .ok_or_else(|| Error::invalid_input("token", "the access token can't be sent in a header"))
    }

    /// Why the token can't be sent as a bearer token, if it can't.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        fault(self.expose_secret())
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl Eq for AccessToken {}

impl From<String> for AccessToken {
    fn from(token: String) -> Self {
        let token = secret(token);
        // With the room for all of it at once, since growing would leave a copy behind.
        let mut bearer = String::with_capacity(SCHEME.len() + token.expose_secret().len());
        bearer.push_str(SCHEME);
        bearer.push_str(token.expose_secret());
        let bearer = Arc::new(SecretString::from(bearer));
        let shared = Bytes::from_owner(Bearer(Arc::clone(&bearer)));
        let mut header = HeaderValue::from_maybe_shared(shared).ok();
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        Self(Arc::new(Formatted { bearer, header }))
    }
}

/// Lends the memory of a token to header values, which is wiped when the last of them is dropped.
struct Bearer(Arc<SecretString>);

impl AsRef<[u8]> for Bearer {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

impl Serialize for AccessToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose_secret())
    }
}

impl<'de> Deserialize<'de> for AccessToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(feature = "schemars")]
#[cfg_attr(docsrs, doc(cfg(feature = "schemars")))]
impl schemars::JsonSchema for AccessToken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AccessToken".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._~+/-]+=*$" })
    }
}

/// Takes a text, and wipes it with its spare capacity. Converting it would shorten its memory, which can leave a copy behind.
fn secret(mut text: String) -> SecretString {
    let secret = SecretString::from(text.as_str());
    text.zeroize();
    secret
}

/// The maximum length of a secret. Servers refuse longer headers, and a session holds its token several times.
const LONGEST: usize = 16 * 1024;

/// Why `secret` can't be sent in a header, if it can't.
fn fault(secret: &str) -> Option<&'static str> {
    if secret.is_empty() {
        Some("is empty")
    } else if secret.len() > LONGEST {
        Some("is longer than 16384 bytes")
    } else if secret.contains(['\r', '\n']) {
        Some("contains a line break")
    } else if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("contains a character that is not visible ASCII")
    } else {
        None
    }
}
