//! Tokens that anyone can read and only this sandbox can issue.
//!
//! They are JSON Web Tokens signed with a secret of the sandbox. Which tokens are out there need not be
//! remembered: revoking them all is signing with another secret from then on.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::Result;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::lock;

/// What a token says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Claims {
    pub(super) user_id: String,
    device_id: String,
    iat: i64,
    exp: i64,
    /// The expiry again: `exp` only knows whole seconds, and a test's token may not live that long.
    expires_at: DateTime<Utc>,
    jti: String,
}

/// Issues tokens and recognizes them.
pub(super) struct Tokens(Mutex<[u8; 32]>);

impl Tokens {
    pub(super) fn new() -> Self {
        Self(Mutex::new(secret()))
    }

    pub(super) fn issue(
        &self,
        user_id: &str,
        device_id: &str,
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<String> {
        let claims = Claims {
            user_id: user_id.to_owned(),
            device_id: device_id.to_owned(),
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
            expires_at,
            jti: format!("{:032x}", fastrand::u128(..)),
        };
        let secret = *lock(&self.0);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&secret))
    }

    /// What `token` says, or why it is refused.
    pub(super) fn check(&self, token: &str, now: DateTime<Utc>) -> std::result::Result<Claims, &'static str> {
        let mut signature_only = Validation::new(Algorithm::HS256);
        signature_only.validate_exp = false;
        signature_only.required_spec_claims.clear();
        let secret = *lock(&self.0);
        let claims =
            jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&secret), &signature_only)
                .map_err(|_| "not a token of this sandbox, or revoked")?
                .claims;
        if claims.expires_at <= now { Err("expired") } else { Ok(claims) }
    }

    pub(super) fn revoke(&self) {
        *lock(&self.0) = secret();
    }
}

/// Random, though not for cryptography: whoever forges a token of a sandbox gains `{}`.
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    fastrand::fill(&mut secret);
    secret
}
