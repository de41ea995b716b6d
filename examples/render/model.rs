//! What the pages show of the service's responses.

use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

use crate::address::{Address, Id};
use crate::text::{Name, Text};

/// A response: items, and what belongs to them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Items {
    #[serde(deserialize_with = "valid")]
    pub communities: Vec<Community>,
    #[serde(deserialize_with = "valid")]
    pub posts: Vec<Post>,
    #[serde(deserialize_with = "valid")]
    pub post_children: Vec<Post>,
    #[serde(deserialize_with = "valid")]
    pub comments: Vec<Comment>,
    #[serde(deserialize_with = "valid")]
    pub comment_children: Vec<Comment>,
    #[serde(deserialize_with = "valid")]
    pub users: Vec<User>,
    #[serde(deserialize_with = "valid")]
    pub files: Vec<File>,
    pub paging: Option<Paging>,
}

#[derive(Debug, serde::Deserialize)]
pub struct Paging {
    pub next: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Community {
    pub community_id: Id,
    pub display_name: Name,
    pub description: Option<Text>,
    pub avatar_file_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub is_deleted: bool,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    pub post_id: Id,
    pub posted_user_id: Option<Id>,
    pub target_id: Option<Id>,
    pub target_type: Option<String>,
    #[serde(default)]
    pub data: Data,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub reactions_count: u64,
    #[serde(default)]
    pub comments_count: u64,
    #[serde(default)]
    pub children: Vec<String>,
    #[serde(default)]
    pub is_deleted: bool,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub comment_id: Id,
    pub user_id: Option<Id>,
    pub parent_id: Option<String>,
    #[serde(default)]
    pub data: Data,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub reactions_count: u64,
    #[serde(default)]
    pub is_deleted: bool,
}

/// What a post or a comment says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Data {
    pub text: Option<Text>,
    pub file_id: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub user_id: Id,
    pub display_name: Option<Name>,
    pub profile_handle: Option<Name>,
    pub description: Option<Text>,
    pub avatar_file_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub is_deleted: bool,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub file_id: String,
    pub file_url: WebUrl,
    pub alt_text: Option<Name>,
    pub access_type: Option<String>,
}

/// A link that only a page or a file can be behind, not a script.
#[derive(Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct WebUrl(Url);

impl TryFrom<String> for WebUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        url.map(Self).ok_or("not a link to the web")
    }
}

impl WebUrl {
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The items that can be decoded. One that can't does not cost the page.
fn valid<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

impl Items {
    pub fn community(&self, id: &Id) -> Option<&Community> {
        self.communities.iter().find(|community| community.community_id == *id && !community.is_deleted)
    }

    pub fn post(&self, id: &Id) -> Option<&Post> {
        self.posts.iter().find(|post| post.post_id == *id && !post.is_deleted)
    }

    pub fn user(&self, id: &Id) -> Option<&User> {
        self.users.iter().find(|user| user.user_id == *id && !user.is_deleted)
    }

    /// The image, if anyone may see it. The link to any other file would need the token.
    pub fn image(&self, id: Option<&String>) -> Option<&File> {
        let file = self.files.iter().find(|file| Some(&file.file_id) == id)?;
        (file.access_type.as_deref() == Some("public")).then_some(file)
    }

    /// The images of a post, which are its children.
    pub fn images(&self, post: &Post) -> Vec<&File> {
        let children = self
            .post_children
            .iter()
            .filter(|child| post.children.iter().any(|id| *id == *child.post_id.as_str()));
        children
            .filter(|child| !child.is_deleted)
            .filter_map(|child| self.image(child.data.file_id.as_ref()))
            .collect()
    }
}

impl Community {
    pub fn address(&self) -> Address {
        Address::Community(self.community_id.clone())
    }

    pub fn modified(&self) -> DateTime<Utc> {
        self.updated_at.unwrap_or(self.created_at)
    }
}

impl Post {
    pub fn address(&self) -> Address {
        Address::Post(self.post_id.clone())
    }

    /// The page of the community or user that the post is addressed to.
    pub fn target(&self) -> Option<Address> {
        let id = self.target_id.clone()?;
        match self.target_type.as_deref()? {
            "community" => Some(Address::Community(id)),
            "user" => Some(Address::User(id)),
            _ => None,
        }
    }

    pub fn text(&self) -> &str {
        self.data.text.as_deref().unwrap_or_default()
    }

    pub fn modified(&self) -> DateTime<Utc> {
        self.edited_at.unwrap_or(self.created_at)
    }
}

impl Comment {
    pub fn text(&self) -> &str {
        self.data.text.as_deref().unwrap_or_default()
    }

    pub fn modified(&self) -> DateTime<Utc> {
        self.edited_at.unwrap_or(self.created_at)
    }
}

impl User {
    pub fn address(&self) -> Address {
        Address::User(self.user_id.clone())
    }

    pub fn name(&self) -> &str {
        let names = [&self.display_name, &self.profile_handle];
        names.into_iter().flatten().map(|name| &**name).find(|name| !name.is_empty()).unwrap_or("Member")
    }

    pub fn modified(&self) -> DateTime<Utc> {
        self.updated_at.unwrap_or(self.created_at)
    }
}
