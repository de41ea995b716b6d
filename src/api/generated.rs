// Generated from openapi/social-plus-bot.json by `cargo xtask regen`: change that, not this.

#[allow(unused_imports)]
pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};
#[allow(unused_imports)]
use progenitor_client::{encode_path, ClientHooks, OperationInfo, RequestBuilderExt};
/// Types used as operation parameters and responses.
#[allow(clippy::all)]
pub mod types {
    ///A session: the access token, its lifetime, and whom it belongs to.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct BotSession {
        #[serde(rename = "accessToken")]
        pub access_token: crate::AccessToken,
        ///When the token stops working.
        #[serde(rename = "expiresAt")]
        pub expires_at: ::chrono::DateTime<::chrono::offset::Utc>,
        ///Files that belong to the users, such as avatars; shown empty for a bot.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub files: ::std::option::Option<::std::vec::Vec<File>>,
        ///When the token was issued.
        #[serde(rename = "issuedAt")]
        pub issued_at: ::chrono::DateTime<::chrono::offset::Utc>,
        ///When the caches of the network were last purged.
        #[serde(
            rename = "lastCachePurge",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub last_cache_purge: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        ///Role definitions; shown empty for a bot.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub roles: ::std::option::Option<::std::vec::Vec<Role>>,
        #[serde(
            rename = "userType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub user_type: ::std::option::Option<crate::Open<crate::api::types::UserType>>,
        ///The users of the session; for a bot, the bot user.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub users: ::std::option::Option<::std::vec::Vec<User>>,
    }
    impl BotSession {
        pub fn builder() -> builder::BotSession {
            Default::default()
        }
    }
    ///Name of the device that registers, 1 to 150 characters (Unicode code points). It identifies the bot user: the same device stays the same user, a new one makes a new user.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    #[serde(transparent)]
    #[cfg_attr(
        feature = "schemars",
        schemars(extend("minLength" = 1, "maxLength" = 150))
    )]
    pub struct DeviceId(::std::string::String);
    impl ::std::ops::Deref for DeviceId {
        type Target = ::std::string::String;
        fn deref(&self) -> &::std::string::String {
            &self.0
        }
    }
    impl ::std::convert::From<DeviceId> for ::std::string::String {
        fn from(value: DeviceId) -> Self {
            value.0
        }
    }
    impl ::std::str::FromStr for DeviceId {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            if value.chars().count() > 150usize {
                return Err("longer than 150 characters".into());
            }
            if value.chars().count() < 1usize {
                return Err("shorter than 1 characters".into());
            }
            Ok(Self(value.to_string()))
        }
    }
    impl ::std::convert::TryFrom<&str> for DeviceId {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for DeviceId {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl<'de> ::serde::Deserialize<'de> for DeviceId {
        fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
        where
            D: ::serde::Deserializer<'de>,
        {
            ::std::string::String::deserialize(deserializer)?
                .parse()
                .map_err(|e: self::error::ConversionError| {
                    <D::Error as ::serde::de::Error>::custom(e.to_string())
                })
        }
    }
    ///What kind of device registers; the service uses it for analytics and debugging.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct DeviceInfo {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub kind: ::std::option::Option<DeviceKind>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub model: ::std::option::Option<DeviceModel>,
        #[serde(
            rename = "sdkVersion",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub sdk_version: ::std::option::Option<SdkVersion>,
    }
    impl DeviceInfo {
        pub fn builder() -> builder::DeviceInfo {
            Default::default()
        }
    }
    ///Platform of a device.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum DeviceKind {
        #[serde(rename = "ios")]
        Ios,
        #[serde(rename = "android")]
        Android,
        #[serde(rename = "web")]
        Web,
        #[serde(rename = "node")]
        Node,
    }
    impl ::std::fmt::Display for DeviceKind {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Ios => f.write_str("ios"),
                Self::Android => f.write_str("android"),
                Self::Web => f.write_str("web"),
                Self::Node => f.write_str("node"),
            }
        }
    }
    impl ::std::str::FromStr for DeviceKind {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "ios" => Ok(Self::Ios),
                "android" => Ok(Self::Android),
                "web" => Ok(Self::Web),
                "node" => Ok(Self::Node),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for DeviceKind {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for DeviceKind {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Model of a device, at most 300 characters (Unicode code points).
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    #[serde(transparent)]
    #[cfg_attr(feature = "schemars", schemars(extend("maxLength" = 300)))]
    pub struct DeviceModel(::std::string::String);
    impl ::std::ops::Deref for DeviceModel {
        type Target = ::std::string::String;
        fn deref(&self) -> &::std::string::String {
            &self.0
        }
    }
    impl ::std::convert::From<DeviceModel> for ::std::string::String {
        fn from(value: DeviceModel) -> Self {
            value.0
        }
    }
    impl ::std::str::FromStr for DeviceModel {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            if value.chars().count() > 300usize {
                return Err("longer than 300 characters".into());
            }
            Ok(Self(value.to_string()))
        }
    }
    impl ::std::convert::TryFrom<&str> for DeviceModel {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for DeviceModel {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl<'de> ::serde::Deserialize<'de> for DeviceModel {
        fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
        where
            D: ::serde::Deserializer<'de>,
        {
            ::std::string::String::deserialize(deserializer)?
                .parse()
                .map_err(|e: self::error::ConversionError| {
                    <D::Error as ::serde::de::Error>::custom(e.to_string())
                })
        }
    }
    ///What the service says when it refuses or fails.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ErrorBody {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<crate::ErrorCode>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub data: ::std::option::Option<ErrorData>,
        ///What happened, for people.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        ///Always `error`.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub status: ::std::option::Option<::std::string::String>,
    }
    impl ErrorBody {
        pub fn builder() -> builder::ErrorBody {
            Default::default()
        }
    }
    ///More about an error.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ErrorData {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub detail: ::std::option::Option<ErrorDetail>,
    }
    impl ErrorData {
        pub fn builder() -> builder::ErrorData {
            Default::default()
        }
    }
    ///What was wrong: a list of sentences, or an object of any shape.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ErrorDetail {
        List(ErrorDetailList),
        Object(ErrorDetailObject),
    }
    impl ::std::convert::From<ErrorDetailList> for ErrorDetail {
        fn from(value: ErrorDetailList) -> Self {
            Self::List(value)
        }
    }
    impl ::std::convert::From<ErrorDetailObject> for ErrorDetail {
        fn from(value: ErrorDetailObject) -> Self {
            Self::Object(value)
        }
    }
    ///A sentence for each thing that was wrong.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct ErrorDetailList(pub ::std::vec::Vec<::std::string::String>);
    impl ::std::ops::Deref for ErrorDetailList {
        type Target = ::std::vec::Vec<::std::string::String>;
        fn deref(&self) -> &::std::vec::Vec<::std::string::String> {
            &self.0
        }
    }
    impl ::std::convert::From<ErrorDetailList>
    for ::std::vec::Vec<::std::string::String> {
        fn from(value: ErrorDetailList) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<::std::vec::Vec<::std::string::String>>
    for ErrorDetailList {
        fn from(value: ::std::vec::Vec<::std::string::String>) -> Self {
            Self(value)
        }
    }
    ///An object that says what was wrong.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct ErrorDetailObject(
        pub ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    );
    impl ::std::ops::Deref for ErrorDetailObject {
        type Target = ::serde_json::Map<::std::string::String, ::serde_json::Value>;
        fn deref(
            &self,
        ) -> &::serde_json::Map<::std::string::String, ::serde_json::Value> {
            &self.0
        }
    }
    impl ::std::convert::From<ErrorDetailObject>
    for ::serde_json::Map<::std::string::String, ::serde_json::Value> {
        fn from(value: ErrorDetailObject) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<
        ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    > for ErrorDetailObject {
        fn from(
            value: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ) -> Self {
            Self(value)
        }
    }
    ///A file, as the service gives it.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct File(pub ::serde_json::Map<::std::string::String, ::serde_json::Value>);
    impl ::std::ops::Deref for File {
        type Target = ::serde_json::Map<::std::string::String, ::serde_json::Value>;
        fn deref(
            &self,
        ) -> &::serde_json::Map<::std::string::String, ::serde_json::Value> {
            &self.0
        }
    }
    impl ::std::convert::From<File>
    for ::serde_json::Map<::std::string::String, ::serde_json::Value> {
        fn from(value: File) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<
        ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    > for File {
        fn from(
            value: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ) -> Self {
            Self(value)
        }
    }
    ///A Bloom filter of who flagged the user.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct HashFlag {
        ///Size of the filter in bits.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub bits: ::std::option::Option<i64>,
        ///The filter's content.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hash: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///Number of hash functions.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hashes: ::std::option::Option<i64>,
    }
    impl HashFlag {
        pub fn builder() -> builder::HashFlag {
            Default::default()
        }
    }
    ///Something a user may do.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum Permission {
        #[serde(rename = "MUTE_CHANNEL")]
        MuteChannel,
        #[serde(rename = "CLOSE_CHANNEL")]
        CloseChannel,
        #[serde(rename = "EDIT_CHANNEL")]
        EditChannel,
        #[serde(rename = "EDIT_CHANNEL_RATELIMIT")]
        EditChannelRatelimit,
        #[serde(rename = "EDIT_MESSAGE")]
        EditMessage,
        #[serde(rename = "DELETE_MESSAGE")]
        DeleteMessage,
        #[serde(rename = "BAN_USER_FROM_CHANNEL")]
        BanUserFromChannel,
        #[serde(rename = "MUTE_USER_INSIDE_CHANNEL")]
        MuteUserInsideChannel,
        #[serde(rename = "ADD_CHANNEL_USER")]
        AddChannelUser,
        #[serde(rename = "REMOVE_CHANNEL_USER")]
        RemoveChannelUser,
        #[serde(rename = "EDIT_CHANNEL_USER")]
        EditChannelUser,
        #[serde(rename = "ASSIGN_CHANNEL_USER_ROLE")]
        AssignChannelUserRole,
        #[serde(rename = "BAN_USER")]
        BanUser,
        #[serde(rename = "EDIT_USER")]
        EditUser,
        #[serde(rename = "ASSIGN_USER_ROLE")]
        AssignUserRole,
        #[serde(rename = "EDIT_USER_FEED_POST")]
        EditUserFeedPost,
        #[serde(rename = "DELETE_USER_FEED_POST")]
        DeleteUserFeedPost,
        #[serde(rename = "EDIT_USER_FEED_COMMENT")]
        EditUserFeedComment,
        #[serde(rename = "DELETE_USER_FEED_COMMENT")]
        DeleteUserFeedComment,
        #[serde(rename = "ADD_COMMUNITY_USER")]
        AddCommunityUser,
        #[serde(rename = "REMOVE_COMMUNITY_USER")]
        RemoveCommunityUser,
        #[serde(rename = "EDIT_COMMUNITY_USER")]
        EditCommunityUser,
        #[serde(rename = "BAN_COMMUNITY_USER")]
        BanCommunityUser,
        #[serde(rename = "MUTE_COMMUNITY_USER")]
        MuteCommunityUser,
        #[serde(rename = "EDIT_COMMUNITY")]
        EditCommunity,
        #[serde(rename = "DELETE_COMMUNITY")]
        DeleteCommunity,
        #[serde(rename = "EDIT_COMMUNITY_POST")]
        EditCommunityPost,
        #[serde(rename = "DELETE_COMMUNITY_POST")]
        DeleteCommunityPost,
        #[serde(rename = "PIN_COMMUNITY_POST")]
        PinCommunityPost,
        #[serde(rename = "EDIT_COMMUNITY_COMMENT")]
        EditCommunityComment,
        #[serde(rename = "DELETE_COMMUNITY_COMMENT")]
        DeleteCommunityComment,
        #[serde(rename = "ASSIGN_COMMUNITY_USER_ROLE")]
        AssignCommunityUserRole,
        #[serde(rename = "CREATE_COMMUNITY_CATEGORY")]
        CreateCommunityCategory,
        #[serde(rename = "EDIT_COMMUNITY_CATEGORY")]
        EditCommunityCategory,
        #[serde(rename = "DELETE_COMMUNITY_CATEGORY")]
        DeleteCommunityCategory,
        #[serde(rename = "CREATE_ROLE")]
        CreateRole,
        #[serde(rename = "EDIT_ROLE")]
        EditRole,
        #[serde(rename = "DELETE_ROLE")]
        DeleteRole,
        #[serde(rename = "MANAGE_COMMUNITY_STORY")]
        ManageCommunityStory,
    }
    impl ::std::fmt::Display for Permission {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::MuteChannel => f.write_str("MUTE_CHANNEL"),
                Self::CloseChannel => f.write_str("CLOSE_CHANNEL"),
                Self::EditChannel => f.write_str("EDIT_CHANNEL"),
                Self::EditChannelRatelimit => f.write_str("EDIT_CHANNEL_RATELIMIT"),
                Self::EditMessage => f.write_str("EDIT_MESSAGE"),
                Self::DeleteMessage => f.write_str("DELETE_MESSAGE"),
                Self::BanUserFromChannel => f.write_str("BAN_USER_FROM_CHANNEL"),
                Self::MuteUserInsideChannel => f.write_str("MUTE_USER_INSIDE_CHANNEL"),
                Self::AddChannelUser => f.write_str("ADD_CHANNEL_USER"),
                Self::RemoveChannelUser => f.write_str("REMOVE_CHANNEL_USER"),
                Self::EditChannelUser => f.write_str("EDIT_CHANNEL_USER"),
                Self::AssignChannelUserRole => f.write_str("ASSIGN_CHANNEL_USER_ROLE"),
                Self::BanUser => f.write_str("BAN_USER"),
                Self::EditUser => f.write_str("EDIT_USER"),
                Self::AssignUserRole => f.write_str("ASSIGN_USER_ROLE"),
                Self::EditUserFeedPost => f.write_str("EDIT_USER_FEED_POST"),
                Self::DeleteUserFeedPost => f.write_str("DELETE_USER_FEED_POST"),
                Self::EditUserFeedComment => f.write_str("EDIT_USER_FEED_COMMENT"),
                Self::DeleteUserFeedComment => f.write_str("DELETE_USER_FEED_COMMENT"),
                Self::AddCommunityUser => f.write_str("ADD_COMMUNITY_USER"),
                Self::RemoveCommunityUser => f.write_str("REMOVE_COMMUNITY_USER"),
                Self::EditCommunityUser => f.write_str("EDIT_COMMUNITY_USER"),
                Self::BanCommunityUser => f.write_str("BAN_COMMUNITY_USER"),
                Self::MuteCommunityUser => f.write_str("MUTE_COMMUNITY_USER"),
                Self::EditCommunity => f.write_str("EDIT_COMMUNITY"),
                Self::DeleteCommunity => f.write_str("DELETE_COMMUNITY"),
                Self::EditCommunityPost => f.write_str("EDIT_COMMUNITY_POST"),
                Self::DeleteCommunityPost => f.write_str("DELETE_COMMUNITY_POST"),
                Self::PinCommunityPost => f.write_str("PIN_COMMUNITY_POST"),
                Self::EditCommunityComment => f.write_str("EDIT_COMMUNITY_COMMENT"),
                Self::DeleteCommunityComment => f.write_str("DELETE_COMMUNITY_COMMENT"),
                Self::AssignCommunityUserRole => {
                    f.write_str("ASSIGN_COMMUNITY_USER_ROLE")
                }
                Self::CreateCommunityCategory => f.write_str("CREATE_COMMUNITY_CATEGORY"),
                Self::EditCommunityCategory => f.write_str("EDIT_COMMUNITY_CATEGORY"),
                Self::DeleteCommunityCategory => f.write_str("DELETE_COMMUNITY_CATEGORY"),
                Self::CreateRole => f.write_str("CREATE_ROLE"),
                Self::EditRole => f.write_str("EDIT_ROLE"),
                Self::DeleteRole => f.write_str("DELETE_ROLE"),
                Self::ManageCommunityStory => f.write_str("MANAGE_COMMUNITY_STORY"),
            }
        }
    }
    impl ::std::str::FromStr for Permission {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "MUTE_CHANNEL" => Ok(Self::MuteChannel),
                "CLOSE_CHANNEL" => Ok(Self::CloseChannel),
                "EDIT_CHANNEL" => Ok(Self::EditChannel),
                "EDIT_CHANNEL_RATELIMIT" => Ok(Self::EditChannelRatelimit),
                "EDIT_MESSAGE" => Ok(Self::EditMessage),
                "DELETE_MESSAGE" => Ok(Self::DeleteMessage),
                "BAN_USER_FROM_CHANNEL" => Ok(Self::BanUserFromChannel),
                "MUTE_USER_INSIDE_CHANNEL" => Ok(Self::MuteUserInsideChannel),
                "ADD_CHANNEL_USER" => Ok(Self::AddChannelUser),
                "REMOVE_CHANNEL_USER" => Ok(Self::RemoveChannelUser),
                "EDIT_CHANNEL_USER" => Ok(Self::EditChannelUser),
                "ASSIGN_CHANNEL_USER_ROLE" => Ok(Self::AssignChannelUserRole),
                "BAN_USER" => Ok(Self::BanUser),
                "EDIT_USER" => Ok(Self::EditUser),
                "ASSIGN_USER_ROLE" => Ok(Self::AssignUserRole),
                "EDIT_USER_FEED_POST" => Ok(Self::EditUserFeedPost),
                "DELETE_USER_FEED_POST" => Ok(Self::DeleteUserFeedPost),
                "EDIT_USER_FEED_COMMENT" => Ok(Self::EditUserFeedComment),
                "DELETE_USER_FEED_COMMENT" => Ok(Self::DeleteUserFeedComment),
                "ADD_COMMUNITY_USER" => Ok(Self::AddCommunityUser),
                "REMOVE_COMMUNITY_USER" => Ok(Self::RemoveCommunityUser),
                "EDIT_COMMUNITY_USER" => Ok(Self::EditCommunityUser),
                "BAN_COMMUNITY_USER" => Ok(Self::BanCommunityUser),
                "MUTE_COMMUNITY_USER" => Ok(Self::MuteCommunityUser),
                "EDIT_COMMUNITY" => Ok(Self::EditCommunity),
                "DELETE_COMMUNITY" => Ok(Self::DeleteCommunity),
                "EDIT_COMMUNITY_POST" => Ok(Self::EditCommunityPost),
                "DELETE_COMMUNITY_POST" => Ok(Self::DeleteCommunityPost),
                "PIN_COMMUNITY_POST" => Ok(Self::PinCommunityPost),
                "EDIT_COMMUNITY_COMMENT" => Ok(Self::EditCommunityComment),
                "DELETE_COMMUNITY_COMMENT" => Ok(Self::DeleteCommunityComment),
                "ASSIGN_COMMUNITY_USER_ROLE" => Ok(Self::AssignCommunityUserRole),
                "CREATE_COMMUNITY_CATEGORY" => Ok(Self::CreateCommunityCategory),
                "EDIT_COMMUNITY_CATEGORY" => Ok(Self::EditCommunityCategory),
                "DELETE_COMMUNITY_CATEGORY" => Ok(Self::DeleteCommunityCategory),
                "CREATE_ROLE" => Ok(Self::CreateRole),
                "EDIT_ROLE" => Ok(Self::EditRole),
                "DELETE_ROLE" => Ok(Self::DeleteRole),
                "MANAGE_COMMUNITY_STORY" => Ok(Self::ManageCommunityStory),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for Permission {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for Permission {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///What a bot says of itself when it registers.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct RegisterBotSession {
        #[serde(rename = "deviceId")]
        pub device_id: DeviceId,
        #[serde(
            rename = "deviceInfo",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub device_info: ::std::option::Option<DeviceInfo>,
    }
    impl RegisterBotSession {
        pub fn builder() -> builder::RegisterBotSession {
            Default::default()
        }
    }
    ///A role definition, as the service gives it.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct Role(pub ::serde_json::Map<::std::string::String, ::serde_json::Value>);
    impl ::std::ops::Deref for Role {
        type Target = ::serde_json::Map<::std::string::String, ::serde_json::Value>;
        fn deref(
            &self,
        ) -> &::serde_json::Map<::std::string::String, ::serde_json::Value> {
            &self.0
        }
    }
    impl ::std::convert::From<Role>
    for ::serde_json::Map<::std::string::String, ::serde_json::Value> {
        fn from(value: Role) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<
        ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    > for Role {
        fn from(
            value: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ) -> Self {
            Self(value)
        }
    }
    ///Version of the client software, at most 30 characters (Unicode code points).
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Serialize, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
    #[serde(transparent)]
    #[cfg_attr(feature = "schemars", schemars(extend("maxLength" = 30)))]
    pub struct SdkVersion(::std::string::String);
    impl ::std::ops::Deref for SdkVersion {
        type Target = ::std::string::String;
        fn deref(&self) -> &::std::string::String {
            &self.0
        }
    }
    impl ::std::convert::From<SdkVersion> for ::std::string::String {
        fn from(value: SdkVersion) -> Self {
            value.0
        }
    }
    impl ::std::str::FromStr for SdkVersion {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            if value.chars().count() > 30usize {
                return Err("longer than 30 characters".into());
            }
            Ok(Self(value.to_string()))
        }
    }
    impl ::std::convert::TryFrom<&str> for SdkVersion {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for SdkVersion {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl<'de> ::serde::Deserialize<'de> for SdkVersion {
        fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
        where
            D: ::serde::Deserializer<'de>,
        {
            ::std::string::String::deserialize(deserializer)?
                .parse()
                .map_err(|e: self::error::ConversionError| {
                    <D::Error as ::serde::de::Error>::custom(e.to_string())
                })
        }
    }
    ///A user of the network.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct User {
        ///Address of an avatar kept elsewhere.
        #[serde(
            rename = "avatarCustomUrl",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub avatar_custom_url: ::std::option::Option<::std::string::String>,
        ///Identifier of the avatar's file.
        #[serde(
            rename = "avatarFileId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub avatar_file_id: ::std::option::Option<::std::string::String>,
        ///When the user was created.
        #[serde(
            rename = "createdAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub created_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        ///What the user says of itself.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        ///Name shown to others.
        #[serde(
            rename = "displayName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub display_name: ::std::option::Option<::std::string::String>,
        ///How often the user was flagged by others.
        #[serde(
            rename = "flagCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub flag_count: ::std::option::Option<i64>,
        #[serde(
            rename = "hashFlag",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub hash_flag: ::std::option::Option<HashFlag>,
        ///Private identifier of the user, used by real-time events.
        #[serde(rename = "_id", skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<::std::string::String>,
        ///Whether the user is a brand.
        #[serde(
            rename = "isBrand",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub is_brand: ::std::option::Option<bool>,
        ///Whether the user was deleted.
        #[serde(
            rename = "isDeleted",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub is_deleted: ::std::option::Option<bool>,
        ///Whether the user is banned from the whole network.
        #[serde(
            rename = "isGlobalBan",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub is_global_ban: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub metadata: ::std::option::Option<UserMetadata>,
        ///Path of the user, used by real-time events.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub path: ::std::option::Option<::std::string::String>,
        ///What the user may do beyond reading.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub permissions: ::std::option::Option<
            ::std::vec::Vec<crate::Open<crate::api::types::Permission>>,
        >,
        ///Handle of the profile.
        #[serde(
            rename = "profileHandle",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub profile_handle: ::std::option::Option<::std::string::String>,
        ///Identifiers of the user's roles.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub roles: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        ///When the user was last changed.
        #[serde(
            rename = "updatedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub updated_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        ///Identifier of the user within the network.
        #[serde(
            rename = "userId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub user_id: ::std::option::Option<::std::string::String>,
        ///Identifier of the user inside the service.
        #[serde(
            rename = "userInternalId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub user_internal_id: ::std::option::Option<::std::string::String>,
        ///Identifier of the user for the public.
        #[serde(
            rename = "userPublicId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub user_public_id: ::std::option::Option<::std::string::String>,
    }
    impl User {
        pub fn builder() -> builder::User {
            Default::default()
        }
    }
    ///Whatever the network keeps with the user.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(transparent)]
    pub struct UserMetadata(
        pub ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    );
    impl ::std::ops::Deref for UserMetadata {
        type Target = ::serde_json::Map<::std::string::String, ::serde_json::Value>;
        fn deref(
            &self,
        ) -> &::serde_json::Map<::std::string::String, ::serde_json::Value> {
            &self.0
        }
    }
    impl ::std::convert::From<UserMetadata>
    for ::serde_json::Map<::std::string::String, ::serde_json::Value> {
        fn from(value: UserMetadata) -> Self {
            value.0
        }
    }
    impl ::std::convert::From<
        ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    > for UserMetadata {
        fn from(
            value: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        ) -> Self {
            Self(value)
        }
    }
    ///What kind of user a session belongs to.
    #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum UserType {
        #[serde(rename = "signed-in")]
        SignedIn,
        #[serde(rename = "visitor")]
        Visitor,
        #[serde(rename = "bot")]
        Bot,
    }
    impl ::std::fmt::Display for UserType {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::SignedIn => f.write_str("signed-in"),
                Self::Visitor => f.write_str("visitor"),
                Self::Bot => f.write_str("bot"),
            }
        }
    }
    impl ::std::str::FromStr for UserType {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "signed-in" => Ok(Self::SignedIn),
                "visitor" => Ok(Self::Visitor),
                "bot" => Ok(Self::Bot),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for UserType {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for UserType {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    /// Types for composing complex structures.
    pub mod builder {
        #[derive(Clone, Debug)]
        pub struct BotSession {
            access_token: ::std::result::Result<
                crate::AccessToken,
                ::std::string::String,
            >,
            expires_at: ::std::result::Result<
                ::chrono::DateTime<::chrono::offset::Utc>,
                ::std::string::String,
            >,
            files: ::std::result::Result<
                ::std::option::Option<::std::vec::Vec<super::File>>,
                ::std::string::String,
            >,
            issued_at: ::std::result::Result<
                ::chrono::DateTime<::chrono::offset::Utc>,
                ::std::string::String,
            >,
            last_cache_purge: ::std::result::Result<
                ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                ::std::string::String,
            >,
            roles: ::std::result::Result<
                ::std::option::Option<::std::vec::Vec<super::Role>>,
                ::std::string::String,
            >,
            user_type: ::std::result::Result<
                ::std::option::Option<crate::Open<crate::api::types::UserType>>,
                ::std::string::String,
            >,
            users: ::std::result::Result<
                ::std::option::Option<::std::vec::Vec<super::User>>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for BotSession {
            fn default() -> Self {
                Self {
                    access_token: Err("no value supplied for access_token".to_string()),
                    expires_at: Err("no value supplied for expires_at".to_string()),
                    files: Ok(Default::default()),
                    issued_at: Err("no value supplied for issued_at".to_string()),
                    last_cache_purge: Ok(Default::default()),
                    roles: Ok(Default::default()),
                    user_type: Ok(Default::default()),
                    users: Ok(Default::default()),
                }
            }
        }
        impl BotSession {
            pub fn access_token<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<crate::AccessToken>,
                T::Error: ::std::fmt::Display,
            {
                self.access_token = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for access_token: {e}")
                    });
                self
            }
            pub fn expires_at<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::chrono::DateTime<::chrono::offset::Utc>>,
                T::Error: ::std::fmt::Display,
            {
                self.expires_at = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for expires_at: {e}")
                    });
                self
            }
            pub fn files<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::std::vec::Vec<super::File>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.files = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for files: {e}")
                    });
                self
            }
            pub fn issued_at<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::chrono::DateTime<::chrono::offset::Utc>>,
                T::Error: ::std::fmt::Display,
            {
                self.issued_at = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for issued_at: {e}")
                    });
                self
            }
            pub fn last_cache_purge<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.last_cache_purge = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for last_cache_purge: {e}"
                        )
                    });
                self
            }
            pub fn roles<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::std::vec::Vec<super::Role>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.roles = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for roles: {e}")
                    });
                self
            }
            pub fn user_type<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<crate::Open<crate::api::types::UserType>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.user_type = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for user_type: {e}")
                    });
                self
            }
            pub fn users<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::std::vec::Vec<super::User>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.users = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for users: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<BotSession> for super::BotSession {
            type Error = super::error::ConversionError;
            fn try_from(
                value: BotSession,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    access_token: value.access_token?,
                    expires_at: value.expires_at?,
                    files: value.files?,
                    issued_at: value.issued_at?,
                    last_cache_purge: value.last_cache_purge?,
                    roles: value.roles?,
                    user_type: value.user_type?,
                    users: value.users?,
                })
            }
        }
        impl ::std::convert::From<super::BotSession> for BotSession {
            fn from(value: super::BotSession) -> Self {
                Self {
                    access_token: Ok(value.access_token),
                    expires_at: Ok(value.expires_at),
                    files: Ok(value.files),
                    issued_at: Ok(value.issued_at),
                    last_cache_purge: Ok(value.last_cache_purge),
                    roles: Ok(value.roles),
                    user_type: Ok(value.user_type),
                    users: Ok(value.users),
                }
            }
        }
        #[derive(Clone, Debug)]
        pub struct DeviceInfo {
            kind: ::std::result::Result<
                ::std::option::Option<super::DeviceKind>,
                ::std::string::String,
            >,
            model: ::std::result::Result<
                ::std::option::Option<super::DeviceModel>,
                ::std::string::String,
            >,
            sdk_version: ::std::result::Result<
                ::std::option::Option<super::SdkVersion>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for DeviceInfo {
            fn default() -> Self {
                Self {
                    kind: Ok(Default::default()),
                    model: Ok(Default::default()),
                    sdk_version: Ok(Default::default()),
                }
            }
        }
        impl DeviceInfo {
            pub fn kind<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::DeviceKind>>,
                T::Error: ::std::fmt::Display,
            {
                self.kind = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for kind: {e}")
                    });
                self
            }
            pub fn model<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::DeviceModel>>,
                T::Error: ::std::fmt::Display,
            {
                self.model = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for model: {e}")
                    });
                self
            }
            pub fn sdk_version<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::SdkVersion>>,
                T::Error: ::std::fmt::Display,
            {
                self.sdk_version = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for sdk_version: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<DeviceInfo> for super::DeviceInfo {
            type Error = super::error::ConversionError;
            fn try_from(
                value: DeviceInfo,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    kind: value.kind?,
                    model: value.model?,
                    sdk_version: value.sdk_version?,
                })
            }
        }
        impl ::std::convert::From<super::DeviceInfo> for DeviceInfo {
            fn from(value: super::DeviceInfo) -> Self {
                Self {
                    kind: Ok(value.kind),
                    model: Ok(value.model),
                    sdk_version: Ok(value.sdk_version),
                }
            }
        }
        #[derive(Clone, Debug)]
        pub struct ErrorBody {
            code: ::std::result::Result<
                ::std::option::Option<crate::ErrorCode>,
                ::std::string::String,
            >,
            data: ::std::result::Result<
                ::std::option::Option<super::ErrorData>,
                ::std::string::String,
            >,
            message: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            status: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for ErrorBody {
            fn default() -> Self {
                Self {
                    code: Ok(Default::default()),
                    data: Ok(Default::default()),
                    message: Ok(Default::default()),
                    status: Ok(Default::default()),
                }
            }
        }
        impl ErrorBody {
            pub fn code<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<crate::ErrorCode>>,
                T::Error: ::std::fmt::Display,
            {
                self.code = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for code: {e}")
                    });
                self
            }
            pub fn data<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::ErrorData>>,
                T::Error: ::std::fmt::Display,
            {
                self.data = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for data: {e}")
                    });
                self
            }
            pub fn message<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.message = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for message: {e}")
                    });
                self
            }
            pub fn status<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.status = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for status: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<ErrorBody> for super::ErrorBody {
            type Error = super::error::ConversionError;
            fn try_from(
                value: ErrorBody,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    code: value.code?,
                    data: value.data?,
                    message: value.message?,
                    status: value.status?,
                })
            }
        }
        impl ::std::convert::From<super::ErrorBody> for ErrorBody {
            fn from(value: super::ErrorBody) -> Self {
                Self {
                    code: Ok(value.code),
                    data: Ok(value.data),
                    message: Ok(value.message),
                    status: Ok(value.status),
                }
            }
        }
        #[derive(Clone, Debug)]
        pub struct ErrorData {
            detail: ::std::result::Result<
                ::std::option::Option<super::ErrorDetail>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for ErrorData {
            fn default() -> Self {
                Self {
                    detail: Ok(Default::default()),
                }
            }
        }
        impl ErrorData {
            pub fn detail<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::ErrorDetail>>,
                T::Error: ::std::fmt::Display,
            {
                self.detail = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for detail: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<ErrorData> for super::ErrorData {
            type Error = super::error::ConversionError;
            fn try_from(
                value: ErrorData,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self { detail: value.detail? })
            }
        }
        impl ::std::convert::From<super::ErrorData> for ErrorData {
            fn from(value: super::ErrorData) -> Self {
                Self { detail: Ok(value.detail) }
            }
        }
        #[derive(Clone, Debug)]
        pub struct HashFlag {
            bits: ::std::result::Result<
                ::std::option::Option<i64>,
                ::std::string::String,
            >,
            hash: ::std::result::Result<
                ::std::option::Option<::std::vec::Vec<::std::string::String>>,
                ::std::string::String,
            >,
            hashes: ::std::result::Result<
                ::std::option::Option<i64>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for HashFlag {
            fn default() -> Self {
                Self {
                    bits: Ok(Default::default()),
                    hash: Ok(Default::default()),
                    hashes: Ok(Default::default()),
                }
            }
        }
        impl HashFlag {
            pub fn bits<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<i64>>,
                T::Error: ::std::fmt::Display,
            {
                self.bits = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for bits: {e}")
                    });
                self
            }
            pub fn hash<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::std::vec::Vec<::std::string::String>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.hash = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for hash: {e}")
                    });
                self
            }
            pub fn hashes<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<i64>>,
                T::Error: ::std::fmt::Display,
            {
                self.hashes = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for hashes: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<HashFlag> for super::HashFlag {
            type Error = super::error::ConversionError;
            fn try_from(
                value: HashFlag,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    bits: value.bits?,
                    hash: value.hash?,
                    hashes: value.hashes?,
                })
            }
        }
        impl ::std::convert::From<super::HashFlag> for HashFlag {
            fn from(value: super::HashFlag) -> Self {
                Self {
                    bits: Ok(value.bits),
                    hash: Ok(value.hash),
                    hashes: Ok(value.hashes),
                }
            }
        }
        #[derive(Clone, Debug)]
        pub struct RegisterBotSession {
            device_id: ::std::result::Result<super::DeviceId, ::std::string::String>,
            device_info: ::std::result::Result<
                ::std::option::Option<super::DeviceInfo>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for RegisterBotSession {
            fn default() -> Self {
                Self {
                    device_id: Err("no value supplied for device_id".to_string()),
                    device_info: Ok(Default::default()),
                }
            }
        }
        impl RegisterBotSession {
            pub fn device_id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<super::DeviceId>,
                T::Error: ::std::fmt::Display,
            {
                self.device_id = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for device_id: {e}")
                    });
                self
            }
            pub fn device_info<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::DeviceInfo>>,
                T::Error: ::std::fmt::Display,
            {
                self.device_info = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for device_info: {e}")
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<RegisterBotSession> for super::RegisterBotSession {
            type Error = super::error::ConversionError;
            fn try_from(
                value: RegisterBotSession,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    device_id: value.device_id?,
                    device_info: value.device_info?,
                })
            }
        }
        impl ::std::convert::From<super::RegisterBotSession> for RegisterBotSession {
            fn from(value: super::RegisterBotSession) -> Self {
                Self {
                    device_id: Ok(value.device_id),
                    device_info: Ok(value.device_info),
                }
            }
        }
        #[derive(Clone, Debug)]
        pub struct User {
            avatar_custom_url: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            avatar_file_id: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            created_at: ::std::result::Result<
                ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                ::std::string::String,
            >,
            description: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            display_name: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            flag_count: ::std::result::Result<
                ::std::option::Option<i64>,
                ::std::string::String,
            >,
            hash_flag: ::std::result::Result<
                ::std::option::Option<super::HashFlag>,
                ::std::string::String,
            >,
            id: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            is_brand: ::std::result::Result<
                ::std::option::Option<bool>,
                ::std::string::String,
            >,
            is_deleted: ::std::result::Result<
                ::std::option::Option<bool>,
                ::std::string::String,
            >,
            is_global_ban: ::std::result::Result<
                ::std::option::Option<bool>,
                ::std::string::String,
            >,
            metadata: ::std::result::Result<
                ::std::option::Option<super::UserMetadata>,
                ::std::string::String,
            >,
            path: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            permissions: ::std::result::Result<
                ::std::option::Option<
                    ::std::vec::Vec<crate::Open<crate::api::types::Permission>>,
                >,
                ::std::string::String,
            >,
            profile_handle: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            roles: ::std::result::Result<
                ::std::option::Option<::std::vec::Vec<::std::string::String>>,
                ::std::string::String,
            >,
            updated_at: ::std::result::Result<
                ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                ::std::string::String,
            >,
            user_id: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            user_internal_id: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
            user_public_id: ::std::result::Result<
                ::std::option::Option<::std::string::String>,
                ::std::string::String,
            >,
        }
        impl ::std::default::Default for User {
            fn default() -> Self {
                Self {
                    avatar_custom_url: Ok(Default::default()),
                    avatar_file_id: Ok(Default::default()),
                    created_at: Ok(Default::default()),
                    description: Ok(Default::default()),
                    display_name: Ok(Default::default()),
                    flag_count: Ok(Default::default()),
                    hash_flag: Ok(Default::default()),
                    id: Ok(Default::default()),
                    is_brand: Ok(Default::default()),
                    is_deleted: Ok(Default::default()),
                    is_global_ban: Ok(Default::default()),
                    metadata: Ok(Default::default()),
                    path: Ok(Default::default()),
                    permissions: Ok(Default::default()),
                    profile_handle: Ok(Default::default()),
                    roles: Ok(Default::default()),
                    updated_at: Ok(Default::default()),
                    user_id: Ok(Default::default()),
                    user_internal_id: Ok(Default::default()),
                    user_public_id: Ok(Default::default()),
                }
            }
        }
        impl User {
            pub fn avatar_custom_url<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.avatar_custom_url = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for avatar_custom_url: {e}"
                        )
                    });
                self
            }
            pub fn avatar_file_id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.avatar_file_id = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for avatar_file_id: {e}"
                        )
                    });
                self
            }
            pub fn created_at<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.created_at = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for created_at: {e}")
                    });
                self
            }
            pub fn description<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.description = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for description: {e}")
                    });
                self
            }
            pub fn display_name<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.display_name = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for display_name: {e}")
                    });
                self
            }
            pub fn flag_count<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<i64>>,
                T::Error: ::std::fmt::Display,
            {
                self.flag_count = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for flag_count: {e}")
                    });
                self
            }
            pub fn hash_flag<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::HashFlag>>,
                T::Error: ::std::fmt::Display,
            {
                self.hash_flag = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for hash_flag: {e}")
                    });
                self
            }
            pub fn id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.id = value
                    .try_into()
                    .map_err(|e| format!("error converting supplied value for id: {e}"));
                self
            }
            pub fn is_brand<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<bool>>,
                T::Error: ::std::fmt::Display,
            {
                self.is_brand = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for is_brand: {e}")
                    });
                self
            }
            pub fn is_deleted<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<bool>>,
                T::Error: ::std::fmt::Display,
            {
                self.is_deleted = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for is_deleted: {e}")
                    });
                self
            }
            pub fn is_global_ban<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<bool>>,
                T::Error: ::std::fmt::Display,
            {
                self.is_global_ban = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for is_global_ban: {e}")
                    });
                self
            }
            pub fn metadata<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<super::UserMetadata>>,
                T::Error: ::std::fmt::Display,
            {
                self.metadata = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for metadata: {e}")
                    });
                self
            }
            pub fn path<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.path = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for path: {e}")
                    });
                self
            }
            pub fn permissions<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<
                        ::std::vec::Vec<crate::Open<crate::api::types::Permission>>,
                    >,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.permissions = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for permissions: {e}")
                    });
                self
            }
            pub fn profile_handle<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.profile_handle = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for profile_handle: {e}"
                        )
                    });
                self
            }
            pub fn roles<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::std::vec::Vec<::std::string::String>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.roles = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for roles: {e}")
                    });
                self
            }
            pub fn updated_at<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<
                    ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
                >,
                T::Error: ::std::fmt::Display,
            {
                self.updated_at = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for updated_at: {e}")
                    });
                self
            }
            pub fn user_id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.user_id = value
                    .try_into()
                    .map_err(|e| {
                        format!("error converting supplied value for user_id: {e}")
                    });
                self
            }
            pub fn user_internal_id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.user_internal_id = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for user_internal_id: {e}"
                        )
                    });
                self
            }
            pub fn user_public_id<T>(mut self, value: T) -> Self
            where
                T: ::std::convert::TryInto<::std::option::Option<::std::string::String>>,
                T::Error: ::std::fmt::Display,
            {
                self.user_public_id = value
                    .try_into()
                    .map_err(|e| {
                        format!(
                            "error converting supplied value for user_public_id: {e}"
                        )
                    });
                self
            }
        }
        impl ::std::convert::TryFrom<User> for super::User {
            type Error = super::error::ConversionError;
            fn try_from(
                value: User,
            ) -> ::std::result::Result<Self, super::error::ConversionError> {
                Ok(Self {
                    avatar_custom_url: value.avatar_custom_url?,
                    avatar_file_id: value.avatar_file_id?,
                    created_at: value.created_at?,
                    description: value.description?,
                    display_name: value.display_name?,
                    flag_count: value.flag_count?,
                    hash_flag: value.hash_flag?,
                    id: value.id?,
                    is_brand: value.is_brand?,
                    is_deleted: value.is_deleted?,
                    is_global_ban: value.is_global_ban?,
                    metadata: value.metadata?,
                    path: value.path?,
                    permissions: value.permissions?,
                    profile_handle: value.profile_handle?,
                    roles: value.roles?,
                    updated_at: value.updated_at?,
                    user_id: value.user_id?,
                    user_internal_id: value.user_internal_id?,
                    user_public_id: value.user_public_id?,
                })
            }
        }
        impl ::std::convert::From<super::User> for User {
            fn from(value: super::User) -> Self {
                Self {
                    avatar_custom_url: Ok(value.avatar_custom_url),
                    avatar_file_id: Ok(value.avatar_file_id),
                    created_at: Ok(value.created_at),
                    description: Ok(value.description),
                    display_name: Ok(value.display_name),
                    flag_count: Ok(value.flag_count),
                    hash_flag: Ok(value.hash_flag),
                    id: Ok(value.id),
                    is_brand: Ok(value.is_brand),
                    is_deleted: Ok(value.is_deleted),
                    is_global_ban: Ok(value.is_global_ban),
                    metadata: Ok(value.metadata),
                    path: Ok(value.path),
                    permissions: Ok(value.permissions),
                    profile_handle: Ok(value.profile_handle),
                    roles: Ok(value.roles),
                    updated_at: Ok(value.updated_at),
                    user_id: Ok(value.user_id),
                    user_internal_id: Ok(value.user_internal_id),
                    user_public_id: Ok(value.user_public_id),
                }
            }
        }
    }
    /// Error types.
    pub mod error {
        /// Error from a `TryFrom` or `FromStr` implementation.
        pub struct ConversionError(::std::borrow::Cow<'static, str>);
        impl ::std::error::Error for ConversionError {}
        impl ::std::fmt::Display for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl From<&'static str> for ConversionError {
            fn from(value: &'static str) -> Self {
                Self(value.into())
            }
        }
        impl From<String> for ConversionError {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }
    }
}
#[derive(Clone, Debug)]
/**Client for social.plus bot sessions

Registering a read-only bot user with a social.plus network, for search crawlers and automated readers. The sources of every part, and every place where this contract departs from them, are listed beside this file in README.md.

Version: 1.0.0*/
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
    pub(crate) inner: crate::api::Transport,
}
impl Client {
    /// Create a new client.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new(baseurl: &str, inner: crate::api::Transport) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let client = {
            let dur = ::std::time::Duration::from_secs(15u64);
            reqwest::ClientBuilder::new().connect_timeout(dur).timeout(dur)
        };
        #[cfg(target_arch = "wasm32")]
        let client = reqwest::ClientBuilder::new();
        Self::new_with_client(baseurl, client.build().unwrap(), inner)
    }
    /// Construct a new client with an existing `reqwest::Client`,
    /// allowing more control over its configuration.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new_with_client(
        baseurl: &str,
        client: reqwest::Client,
        inner: crate::api::Transport,
    ) -> Self {
        Self {
            baseurl: baseurl.to_string(),
            client,
            inner,
        }
    }
}
impl ClientInfo<crate::api::Transport> for Client {
    fn api_version() -> &'static str {
        "1.0.0"
    }
    fn baseurl(&self) -> &str {
        self.baseurl.as_str()
    }
    fn client(&self) -> &reqwest::Client {
        &self.client
    }
    fn inner(&self) -> &crate::api::Transport {
        &self.inner
    }
}
const _: () = {
    #[allow(dead_code)]
    fn assert_client_hooks()
    where
        Client: ClientHooks<crate::api::Transport>,
    {}
};
impl Client {
    /**Register a bot session

Registers the device as a bot user of the network that the API key belongs to, and answers with an access token. A bot user can read and nothing else. The token is valid for 30 days unless the network says otherwise.

Sends a `POST` request to `/api/v5/sessions/bot`

Arguments:
- `body`: The device that the bot reads from.
```text
let response = client.register_bot_session()
    .body(body)
    .send()
    .await;
```*/
    pub fn register_bot_session(&self) -> builder::RegisterBotSession<'_> {
        builder::RegisterBotSession::new(self)
    }
}
/// Types for composing operation parameters.
#[allow(clippy::all)]
pub mod builder {
    use super::types;
    #[allow(unused_imports)]
    use super::{
        encode_path, ByteStream, ClientInfo, ClientHooks, Error, OperationInfo,
        RequestBuilderExt, ResponseValue,
    };
    /**Builder for [`Client::register_bot_session`]

[`Client::register_bot_session`]: super::Client::register_bot_session*/
    #[derive(Debug, Clone)]
    pub struct RegisterBotSession<'a> {
        client: &'a super::Client,
        body: Result<types::builder::RegisterBotSession, String>,
    }
    impl<'a> RegisterBotSession<'a> {
        pub fn new(client: &'a super::Client) -> Self {
            Self {
                client: client,
                body: Ok(::std::default::Default::default()),
            }
        }
        pub fn body<V>(mut self, value: V) -> Self
        where
            V: std::convert::TryInto<types::RegisterBotSession>,
            <V as std::convert::TryInto<
                types::RegisterBotSession,
            >>::Error: std::fmt::Display,
        {
            self.body = value
                .try_into()
                .map(From::from)
                .map_err(|s| {
                    format!("conversion to `RegisterBotSession` for body failed: {}", s)
                });
            self
        }
        pub fn body_map<F>(mut self, f: F) -> Self
        where
            F: std::ops::FnOnce(
                types::builder::RegisterBotSession,
            ) -> types::builder::RegisterBotSession,
        {
            self.body = self.body.map(f);
            self
        }
        ///Sends a `POST` request to `/api/v5/sessions/bot`
        pub async fn send(
            self,
        ) -> Result<
            ResponseValue<crate::api::Lenient<crate::api::types::BotSession>>,
            Error<crate::api::Lenient<crate::api::types::ErrorBody>>,
        > {
            let Self { client, body } = self;
            let body = body
                .and_then(|v| {
                    types::RegisterBotSession::try_from(v).map_err(|e| e.to_string())
                })
                .map_err(Error::InvalidRequest)?;
            let url = format!("{}/api/v5/sessions/bot", client.baseurl,);
            let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
            header_map
                .append(
                    ::reqwest::header::HeaderName::from_static("api-version"),
                    ::reqwest::header::HeaderValue::from_static(
                        super::Client::api_version(),
                    ),
                );
            #[allow(unused_mut)]
            let mut request = client
                .client
                .post(url)
                .header(
                    ::reqwest::header::ACCEPT,
                    ::reqwest::header::HeaderValue::from_static("application/json"),
                )
                .json(&body)
                .headers(header_map)
                .build()?;
            let info = OperationInfo {
                operation_id: "register_bot_session",
            };
            client.pre(&mut request, &info).await?;
            let result = client.exec(request, &info).await;
            client.post(&result, &info).await?;
            let response = result?;
            match response.status().as_u16() {
                200u16 => crate::api::decoded(response).await,
                400u16..=499u16 => {
                    Err(
                        Error::ErrorResponse(
                            crate::api::decoded(response).await?,
                        ),
                    )
                }
                500u16..=599u16 => {
                    Err(
                        Error::ErrorResponse(
                            crate::api::decoded(response).await?,
                        ),
                    )
                }
                _ => Err(Error::UnexpectedResponse(response)),
            }
        }
    }
}
/// Items consumers will typically use such as the Client.
pub mod prelude {
    pub use self::super::Client;
}
