//! What the settings of a client can be given as.

use crate::config::{ApiKey, Region};
use crate::error::Error;

/// A setting, or a value that is parsed as one.
///
/// It is implemented
///
/// - for [`ApiKey`] and [`Region`] by the type itself, `&str`, `String` and `&String`,
#[cfg_attr(
    feature = "sealing",
    doc = "- for [`SealingKey`](crate::store::SealingKey) by the type itself, `[u8; 32]` and `&[u8]`."
)]
#[cfg_attr(
    not(feature = "sealing"),
    doc = "- for `SealingKey` (feature `sealing`) by the type itself, `[u8; 32]` and `&[u8]`."
)]
///
/// The trait is sealed: it can't be implemented outside the crate, so that more values can be accepted later.
///
/// ```
/// use social_plus_bot::{BotClientBuilder, IntoSetting, Region};
///
/// /// Takes what the builder takes.
/// fn in_region(region: impl IntoSetting<Region>) -> BotClientBuilder {
///     BotClientBuilder::default().region(region)
/// }
///
/// in_region(Region::Eu);
/// in_region("eu");
/// ```
pub trait IntoSetting<T>: Sealed<T> {}

impl<T, V: Sealed<T>> IntoSetting<T> for V {}

/// Converts a value into a setting.
pub trait Sealed<T> {
    fn into_setting(self) -> Result<T, Error>;
}

/// Implements the conversion for a setting that is parsed from text.
macro_rules! from_text {
    ($($setting:ty),+) => {$(
        impl Sealed<$setting> for $setting {
            fn into_setting(self) -> Result<$setting, Error> {
                Ok(self)
            }
        }

        impl Sealed<$setting> for &str {
            fn into_setting(self) -> Result<$setting, Error> {
                self.try_into()
            }
        }

        impl Sealed<$setting> for String {
            fn into_setting(self) -> Result<$setting, Error> {
                self.try_into()
            }
        }

        impl Sealed<$setting> for &String {
            fn into_setting(self) -> Result<$setting, Error> {
                self.try_into()
            }
        }
    )+};
}

from_text!(ApiKey, Region);
