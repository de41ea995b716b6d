//! The numbers that the service gives its errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The service's number for an error; the same number can come with several HTTP statuses.
///
/// The constants are the ones published for this endpoint and for what a bot may do afterwards. Another
/// number is an `ErrorCode` as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ErrorCode(i64);

impl ErrorCode {
    /// The request is malformed.
    pub const BAD_REQUEST: Self = Self(400_000);
    /// The API key or the token is missing, unknown or revoked, or its user is banned.
    pub const UNAUTHORIZED: Self = Self(400_100);
    /// The operation is forbidden.
    pub const FORBIDDEN: Self = Self(400_300);
    /// The user lacks the permission.
    pub const PERMISSION_DENIED: Self = Self(400_301);
    /// Too many requests.
    pub const RATE_LIMITED: Self = Self(400_311);
    /// The user is banned from the whole network.
    pub const USER_BANNED: Self = Self(400_312);
    /// The 100 reads a day of a visitor or bot are used up.
    pub const DAILY_QUOTA_EXCEEDED: Self = Self(400_323);
    /// The thing does not exist.
    pub const NOT_FOUND: Self = Self(400_400);
    /// A bot tried what bots may not do.
    pub const BOT_PERMISSION_DENIED: Self = Self(403_998);
    /// A visitor tried what visitors may not do.
    pub const VISITOR_PERMISSION_DENIED: Self = Self(403_999);
    /// With status 422 a parameter is wrong, with 500 the service failed.
    pub const UNEXPECTED: Self = Self(500_000);

    /// The status that usually comes with the code. Its second to fourth digits are close to that.
    pub(crate) fn usual_status(self) -> u16 {
        match self.0 {
            400_100..=400_199 => 401,
            400_300..=400_399 | 403_000..=403_999 => 403,
            400_400..=400_499 => 404,
            500_000..=599_999 => 500,
            _ => 400,
        }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<i64> for ErrorCode {
    fn from(code: i64) -> Self {
        Self(code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
