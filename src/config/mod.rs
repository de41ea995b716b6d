//! Configuration values: the API key and the address of the service.
//!
//! Constructors validate, so a value needs no further checks. This module depends on [`error`](crate::error) only.

mod credentials;
pub(crate) mod percent;
pub(crate) mod region;
pub(crate) mod setting;

pub use credentials::{AccessToken, ApiKey};
pub use region::Region;
pub use setting::IntoSetting;
