//! The comments on a post: those that it carries, and those of the list if there are more.

use crate::model::{Comment, Items, User};

/// Comments with their authors, the oldest first.
pub struct Discussion<'a>(Vec<(&'a Comment, Option<&'a User>)>);

impl<'a> Discussion<'a> {
    /// The comments in these responses. Where two have the same, that of the first counts.
    pub fn new(responses: &[&'a Items]) -> Self {
        let user = |id| responses.iter().find_map(|items| items.user(id));
        let mut comments: Vec<(&Comment, _)> = Vec::new();
        for comment in responses.iter().flat_map(|items| items.comments.iter().chain(&items.comment_children))
        {
            let is_new = comments.iter().all(|(known, _)| known.comment_id != comment.comment_id);
            if is_new && !comment.is_deleted {
                comments.push((comment, comment.user_id.as_ref().and_then(user)));
            }
        }
        comments.sort_by_key(|(comment, _)| comment.created_at);
        Self(comments)
    }

    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The replies to a comment, or to the post.
    pub fn replies(&self, parent: Option<&str>) -> impl Iterator<Item = (&'a Comment, Option<&'a User>)> {
        self.0.iter().copied().filter(move |(comment, _)| comment.parent_id.as_deref() == parent)
    }

    pub fn modified(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.0.iter().map(|(comment, _)| comment.modified()).max()
    }
}
