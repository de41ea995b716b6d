//! Items in the documented shapes.

use serde_json::{Value, json};

use super::{FILES, Kind, content, diary};

/// The comments that a response carries with a post.
const FIRST_COMMENTS: usize = 5;

pub(super) struct Community<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) owner: &'a str,
    pub(super) image: Option<&'a str>,
    pub(super) tags: &'a [&'a str],
    pub(super) created_at: &'a str,
}

pub(super) struct User<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) image: Option<&'a str>,
    pub(super) created_at: &'a str,
}

/// A post in a community or in the feed of a user. If it has an image, that is a post of its own, its child.
pub(super) struct Post<'a> {
    pub(super) id: &'a str,
    pub(super) target_type: &'a str,
    pub(super) target: &'a str,
    pub(super) author: &'a str,
    pub(super) text: &'a str,
    pub(super) image: Option<&'a str>,
    pub(super) created_at: &'a str,
}

/// A comment on a post, or a reply to another comment.
pub(super) struct Comment<'a> {
    pub(super) id: &'a str,
    pub(super) post: &'a str,
    pub(super) parent: Option<&'a str>,
    pub(super) author: &'a str,
    pub(super) text: &'a str,
    pub(super) created_at: &'a str,
}

/// An image.
pub(super) struct File<'a> {
    pub(super) id: &'a str,
    pub(super) alt: &'a str,
    pub(super) is_public: bool,
}

/// The item as it was seeded, if there is one.
pub(super) fn seeded(kind: Kind, id: &str, origin: &str) -> Option<Value> {
    match kind {
        Kind::Community => find(content::COMMUNITIES, |item| item.id == id).map(community),
        Kind::User => find(content::USERS, |item| item.id == id).map(user).or_else(|| diary::member(id)),
        Kind::Post => find(content::POSTS, |item| item.id == id)
            .map(post)
            .or_else(|| {
                let parent = id.strip_suffix("-image")?;
                find(content::POSTS, |item| item.id == parent && item.image.is_some()).map(image_post)
            })
            .or_else(|| diary::post(id)),
        Kind::Comment => {
            find(content::COMMENTS, |item| item.id == id).map(comment).or_else(|| diary::comment(id))
        }
        Kind::File => find(content::FILES, |item| item.id == id).map(|item| file(item, origin)),
    }
}

fn find<T>(items: &[T], matches: impl Fn(&T) -> bool) -> Option<&T> {
    items.iter().find(|item| matches(item))
}

/// The ids of all communities, in the order of their creation.
pub(super) fn communities() -> Vec<String> {
    content::COMMUNITIES.iter().map(|item| item.id.to_owned()).collect()
}

/// The ids of all users.
pub(super) fn users() -> Vec<String> {
    content::USERS.iter().map(|item| item.id.to_owned()).chain(diary::members()).collect()
}

/// The ids of the posts of a target, in the order of their creation.
pub(super) fn posts(target_type: &str, target: &str) -> Vec<String> {
    if target == diary::COMMUNITY {
        return diary::posts();
    }
    let is_there = |item: &&Post| item.target_type == target_type && item.target == target;
    content::POSTS.iter().filter(is_there).map(|item| item.id.to_owned()).collect()
}

/// The ids of the comments on a post that are no replies, in the order of their creation.
pub(super) fn comments(post: &str) -> Vec<String> {
    let is_there = |item: &&Comment| item.post == post && item.parent.is_none();
    let ids = content::COMMENTS.iter().filter(is_there).map(|item| item.id.to_owned());
    ids.chain(diary::comments(post)).collect()
}

fn community(item: &Community) -> Value {
    json!({
        "_id": item.id, "path": format!("sandbox/community/{}", item.id),
        "communityId": item.id, "channelId": item.id,
        "userId": item.owner, "userPublicId": item.owner, "userInternalId": item.owner,
        "displayName": item.name, "avatarFileId": item.image, "description": item.description,
        "isOfficial": false, "isPublic": true, "onlyAdminCanPost": false,
        "tags": item.tags, "metadata": {},
        "postsCount": posts("community", item.id).len(), "membersCount": users().len(), "isJoined": false,
        "categoryIds": [], "isDeleted": false,
        "createdAt": item.created_at, "updatedAt": item.created_at,
        "hasFlaggedComment": false, "hasFlaggedPost": false, "needApprovalOnPostCreation": false,
        "moderatorMemberCount": 1, "allowCommentInStory": true, "notificationMode": "default",
    })
}

pub(super) fn user(item: &User) -> Value {
    json!({
        "_id": item.id, "path": format!("sandbox/user/{}", item.id),
        "userId": item.id, "userInternalId": item.id, "userPublicId": item.id,
        "roles": [], "permissions": [],
        "displayName": item.name, "profileHandle": item.id, "description": item.description,
        "avatarFileId": item.image, "avatarCustomUrl": "",
        "flagCount": 0, "hashFlag": null, "metadata": {}, "isGlobalBan": false, "isBrand": false,
        "createdAt": item.created_at, "updatedAt": item.created_at, "isDeleted": false,
    })
}

pub(super) fn post(item: &Post) -> Value {
    let children: Vec<_> = item.image.map(|_| format!("{}-image", item.id)).into_iter().collect();
    let comments = comments(item.id);
    let replies = content::COMMENTS.iter().filter(|reply| reply.post == item.id && reply.parent.is_some());
    // Any number will do, but the same each time.
    let likes = item.text.len() % 17;
    json!({
        "postId": item.id, "parentPostId": null,
        "postedUserId": item.author, "postedUserPublicId": item.author, "postedUserInternalId": item.author,
        "sharedUserId": null, "sharedCount": 0,
        "targetId": item.target, "targetPublicId": item.target, "targetInternalId": item.target,
        "targetType": item.target_type, "feedId": format!("{}-feed", item.target),
        "dataType": "text", "data": { "text": item.text }, "metadata": {},
        "flagCount": 0, "hashFlag": null,
        "editedAt": item.created_at, "createdAt": item.created_at, "updatedAt": item.created_at,
        "reactions": { "like": likes }, "reactionsCount": likes, "myReactions": [],
        "commentsCount": comments.len() + replies.count(),
        "comments": comments.get(..FIRST_COMMENTS).unwrap_or(&comments),
        "children": children,
        "isDeleted": false, "hasFlaggedComment": false, "hasFlaggedChildren": false,
        "tags": [], "mentionees": [], "impression": 0, "reach": 0,
    })
}

/// The child with a post's image.
fn image_post(item: &Post) -> Value {
    let id = format!("{}-image", item.id);
    let mut child = post(&Post { id: &id, text: "", image: None, ..*item });
    child["parentPostId"] = json!(item.id);
    child["dataType"] = json!("image");
    child["data"] = json!({ "fileId": item.image });
    child
}

pub(super) fn comment(item: &Comment) -> Value {
    let children = content::COMMENTS.iter().filter(|reply| reply.parent == Some(item.id));
    let children: Vec<_> = children.map(|reply| reply.id).collect();
    let root = item.parent.unwrap_or(item.id);
    let post = find(content::POSTS, |post| post.id == item.post);
    let (target_type, target) =
        post.map_or(("community", diary::COMMUNITY), |post| (post.target_type, post.target));
    let likes = item.text.len() % 5;
    json!({
        "_id": item.id, "path": format!("sandbox/comment/{}", item.id), "commentId": item.id,
        "userId": item.author, "userPublicId": item.author, "userInternalId": item.author,
        "parentId": item.parent, "rootId": root,
        "referenceId": item.post, "referenceType": "post", "targetId": target, "targetType": target_type,
        "dataType": "text", "dataTypes": ["text"], "data": { "text": item.text }, "metadata": {},
        "childrenNumber": children.len(), "children": children,
        "flagCount": 0, "hashFlag": null,
        "reactions": { "like": likes }, "reactionsCount": likes, "myReactions": [],
        "isDeleted": false,
        "editedAt": item.created_at, "createdAt": item.created_at, "updatedAt": item.created_at,
        "segmentNumber": 1, "mentionees": [], "attachments": [],
    })
}

fn file(item: &File, origin: &str) -> Value {
    let size = image(item.id).len();
    json!({
        "fileId": item.id, "fileUrl": format!("{origin}{FILES}{}/download", item.id), "type": "image",
        "accessType": if item.is_public { "public" } else { "network" },
        "altText": item.alt,
        "createdAt": content::CREATED_AT, "updatedAt": content::CREATED_AT,
        "attributes": {
            "name": format!("{}.svg", item.id), "extension": "svg", "size": size.to_string(),
            "mimeType": "image/svg+xml", "metadata": { "width": 640, "height": 360, "isFull": true },
        },
    })
}

/// A drawing of a flower, in a colour of its own for each file.
pub(super) fn image(id: &str) -> String {
    let hue = id.bytes().map(u32::from).sum::<u32>() * 37 % 360;
    let petals: String = (0..6)
        .map(|petal| {
            format!(
                r#"<ellipse cx="320" cy="105" rx="38" ry="70" transform="rotate({} 320 180)"/>"#,
                petal * 60
            )
        })
        .collect();
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360" viewBox="0 0 640 360"><rect width="640" height="360" fill="hsl(110 35% 88%)"/><g fill="hsl({hue} 70% 60%)">{petals}</g><circle cx="320" cy="180" r="34" fill="hsl(45 90% 55%)"/></svg>"#
    )
}
