//! What a client is configured with: the API key, and where the service is.
//!
//! Values are checked when they are made, so nothing that has one needs to check it again. This room uses
//! [`error`](crate::error) only.

mod credentials;
pub(crate) mod percent;
pub(crate) mod region;

pub use credentials::{AccessToken, ApiKey};
pub use region::Region;
