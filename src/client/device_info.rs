//! The description of the device that a registration sends.

use crate::api::types::{self, DeviceKind, DeviceModel, SdkVersion};
use crate::error::Error;

/// A description of the device, which the service uses for analytics and debugging only.
///
/// All fields are optional, and none is sent by default. Lengths are checked when the client is built.
///
/// ```
/// use social_plus_bot::{DeviceInfo, DeviceKind};
///
/// let info = DeviceInfo::new().kind(DeviceKind::Web).model("render-7").sdk_version("1.4.0");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceInfo {
    kind: Option<DeviceKind>,
    model: Option<String>,
    sdk_version: Option<String>,
}

impl DeviceInfo {
    /// Creates an empty description.
    pub fn new() -> Self {
        Self::default()
    }

    /// The platform.
    #[must_use]
    pub fn kind(mut self, kind: DeviceKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The model, at most 300 characters (Unicode code points).
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The version of your software, at most 30 characters (Unicode code points).
    #[must_use]
    pub fn sdk_version(mut self, version: impl Into<String>) -> Self {
        self.sdk_version = Some(version.into());
        self
    }
}

impl TryFrom<DeviceInfo> for types::DeviceInfo {
    type Error = Error;

    fn try_from(info: DeviceInfo) -> Result<Self, Error> {
        let model = info.model.map(DeviceModel::try_from).transpose();
        let sdk_version = info.sdk_version.map(SdkVersion::try_from).transpose();
        Ok(Self {
            kind: info.kind,
            model: model.map_err(|rule| Error::config("device_info.model", rule))?,
            sdk_version: sdk_version.map_err(|rule| Error::config("device_info.sdk_version", rule))?,
        })
    }
}
