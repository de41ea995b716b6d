//! Where pages are: on this site, in the app, and in the service's API.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// The base URL of this site. Search engines index the pages under it, and links between pages begin with it.
pub const SITE: &str = "https://www.example.com";

/// The base URL of the app, where people go.
pub const APP: &str = "https://app.example.com";

/// The list of all communities.
pub const COMMUNITIES: &str = "/api/v3/communities?options[limit]=100";

/// The longest id, in bytes.
const MAX_ID: usize = 200;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The id of an item. It is printed percent-encoded, as one segment of a path.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(try_from = "String")]
pub struct Id(String);

impl Id {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    /// Ids of users can be any text, such as an e-mail address. Those that could name another path, even to a server that
    /// decodes them too early, are refused.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_unsafe = |c: char| c.is_control() || c.is_whitespace() || "/\\?#%".contains(c);
        if text.is_empty() || text.len() > MAX_ID || text == "." || text == ".." || text.contains(is_unsafe) {
            return Err("not the id of an item");
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        utf8_percent_encode(&self.0, ENCODED).fmt(f)
    }
}

/// A page of this site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    Community(Id),
    Post(Id),
    User(Id),
}

impl Address {
    pub fn id(&self) -> &Id {
        let (Self::Community(id) | Self::Post(id) | Self::User(id)) = self;
        id
    }

    /// The page's path, on this site and in the app.
    pub fn path(&self) -> String {
        let kind = match self {
            Self::Community(_) => "community",
            Self::Post(_) => "post",
            Self::User(_) => "user",
        };
        format!("/{kind}/{}", self.id())
    }

    /// The page's canonical URL.
    pub fn url(&self) -> String {
        format!("{SITE}{}", self.path())
    }

    pub fn in_app(&self) -> String {
        format!("{APP}{}", self.path())
    }

    /// What the page is read from.
    pub fn in_api(&self) -> String {
        let kind = match self {
            Self::Community(_) => "communities",
            Self::Post(_) => "posts",
            Self::User(_) => "users",
        };
        format!("/api/v3/{kind}/{}", self.id())
    }

    /// What is listed on the page: the newest posts of a community or a user, or the comments on a post.
    pub fn list_in_api(&self) -> String {
        let id = self.id();
        let (path, query) = match self {
            Self::Community(_) => ("v4/posts", format!("targetId={id}&targetType=community")),
            Self::User(_) => ("v4/posts", format!("targetId={id}&targetType=user")),
            Self::Post(_) => ("v3/comments", format!("referenceId={id}&referenceType=post")),
        };
        format!("/api/{path}?{query}&options[limit]=100")
    }
}

/// The rest of a list, which begins at the token in its `paging.next`.
pub fn next_in_api(list: &str, token: &str) -> String {
    format!("{list}&options[token]={}", utf8_percent_encode(token, ENCODED))
}
