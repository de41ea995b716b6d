//! The access tokens of a sandbox.
//!
//! They are JSON Web Tokens, signed with a secret of the sandbox. The sandbox does not store them: it revokes
//! all of them by changing the secret.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::Result;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::bots::Registration;
use super::lock;

/// The claims of a token.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Claims {
    pub(super) user_id: String,
    /// The number of the registration, among those of its user.
    pub(super) registration: u64,
    device_id: String,
    iat: i64,
    exp: i64,
    /// The expiry in full precision: `exp` has whole seconds, and a test can use a shorter lifetime.
    expires_at: DateTime<Utc>,
    jti: String,
}

/// Issues and verifies tokens.
pub(super) struct Tokens(Mutex<[u8; 32]>);

impl Tokens {
    pub(super) fn new() -> Self {
        Self(Mutex::new(secret()))
    }

    pub(super) fn issue(
        &self,
        registration: &Registration,
        device_id: &str,
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<String> {
        let claims = Claims {
            user_id: registration.user_id.clone(),
            registration: registration.number,
            device_id: device_id.to_owned(),
            iat: issued_at.timestamp(),
            exp: expires_at.timestamp(),
            expires_at,
            jti: format!("{:032x}", fastrand::u128(..)),
        };
        let secret = *lock(&self.0);
        let key = EncodingKey::from_secret(&secret)?;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
    }

    /// Verifies `token` and returns its claims, or the reason why it is rejected.
    pub(super) fn verify(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> std::result::Result<Claims, &'static str> {
        let mut signature_only = Validation::new(Algorithm::HS256);
        signature_only.validate_exp = false;
        signature_only.required_spec_claims.clear();
        let secret = *lock(&self.0);
        let claims = DecodingKey::from_secret(&secret)
            .and_then(|key| jsonwebtoken::decode::<Claims>(token, &key, &signature_only))
            .map_err(|_| "unknown or revoked token")?
            .claims;
        if claims.expires_at <= now { Err("expired") } else { Ok(claims) }
    }

    pub(super) fn revoke(&self) {
        *lock(&self.0) = secret();
    }
}

/// A random secret. It is not cryptographically secure: there is nothing to protect in a sandbox.
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    fastrand::fill(&mut secret);
    secret
}
