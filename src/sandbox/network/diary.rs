//! The community with many posts, which are generated from their numbers.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use super::item::{self, Comment, Post, User};

/// The community that these posts are in.
pub(super) const COMMUNITY: &str = "plant-diary";

/// As many as 100 reads can list.
pub(super) const POSTS: usize = 10_000;

/// 2024-01-01. The posts are an hour apart.
const START: i64 = 1_704_067_200;

const PLANTS: [&str; 25] = [
    "Basil",
    "Beetroot",
    "Broad bean",
    "Carrot",
    "Chard",
    "Chive",
    "Courgette",
    "Cucumber",
    "Dill",
    "Fennel",
    "Garlic",
    "Kale",
    "Leek",
    "Lettuce",
    "Marigold",
    "Mint",
    "Onion",
    "Parsley",
    "Pea",
    "Potato",
    "Radish",
    "Sage",
    "Spinach",
    "Thyme",
    "Tomato",
];

const TASKS: [&str; 20] = [
    "sown",
    "watered",
    "thinned out",
    "mulched",
    "repotted",
    "staked",
    "fed with compost",
    "checked for slugs",
    "weeded",
    "pruned",
    "hardened off",
    "planted out",
    "covered for the night",
    "tied up",
    "picked",
    "moved into the sun",
    "moved into the shade",
    "divided",
    "dug up",
    "measured",
];

const REMARKS: [&str; 20] = [
    "The soil was dry two fingers deep.",
    "It rained in the evening, so half the water would have been enough.",
    "Two leaves have turned yellow.",
    "The first flower has opened.",
    "It has grown by a hand since last week.",
    "There were greenfly under the leaves.",
    "The roots fill the pot.",
    "A blackbird watched the whole time.",
    "The neighbours get the next one.",
    "Next year it goes further from the wall.",
    "The new compost is much lighter.",
    "The twine from last year still holds.",
    "It took ten minutes.",
    "The frost last night did no harm.",
    "Everything smells of it.",
    "The seeds were four years old, and most came up.",
    "Wind is forecast for tomorrow.",
    "The bees were faster than the camera.",
    "It needs more light than the window sill has.",
    "That was the last of the straw.",
];

const REPLIES: [&str; 8] = [
    "Ours is a week behind.",
    "Thank you, I would have forgotten.",
    "Which variety is it?",
    "The same here, in clay.",
    "Try it with less water.",
    "That looks right to me.",
    "In a pot or in the ground?",
    "We had slugs every night.",
];

const MEMBERS: [&str; 20] = [
    "Aino", "Boris", "Carla", "Dario", "Edith", "Farid", "Greta", "Hana", "Igor", "Jana", "Kofi", "Lena",
    "Mehmet", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sven", "Tomoko",
];

/// The ids of the posts, in the order of their creation.
pub(super) fn posts() -> Vec<String> {
    (1..=POSTS).map(|number| format!("diary-{number}")).collect()
}

/// The ids of the users who write them.
pub(super) fn members() -> impl Iterator<Item = String> {
    (1..=MEMBERS.len()).map(|number| format!("member-{number}"))
}

/// The ids of the comments on a post: none to three.
pub(super) fn comments(post: &str) -> impl Iterator<Item = String> {
    let count = number(post, "diary-", POSTS).map_or(0, |post| post % 4);
    (1..=count).map(move |comment| format!("{post}-comment-{comment}"))
}

pub(super) fn post(id: &str) -> Option<Value> {
    let number = number(id, "diary-", POSTS)?;
    // Each combination comes once, as the lists have 25 × 20 × 20 of them.
    let plant = pick(&PLANTS, number);
    let task = pick(&TASKS, number / PLANTS.len());
    let remark = pick(&REMARKS, number / (PLANTS.len() * TASKS.len()));
    Some(item::post(&Post {
        id,
        target_type: "community",
        target: COMMUNITY,
        author: &author(number),
        text: &format!("{plant} {task}\n\n{remark}"),
        image: None,
        created_at: &hour(number, 0),
    }))
}

pub(super) fn comment(id: &str) -> Option<Value> {
    let (post, _) = id.split_once("-comment-")?;
    let position = comments(post).position(|comment| comment == id)? + 1;
    let number = number(post, "diary-", POSTS)?;
    Some(item::comment(&Comment {
        id,
        post,
        parent: None,
        author: &author(number + 7 * position),
        text: pick(&REPLIES, number + 3 * position),
        created_at: &hour(number, position),
    }))
}

pub(super) fn member(id: &str) -> Option<Value> {
    let number = number(id, "member-", MEMBERS.len())?;
    Some(item::user(&User {
        id,
        name: pick(&MEMBERS, number),
        description: "Writes in the plant diary.",
        image: None,
        created_at: &hour(0, number),
    }))
}

/// The number in an id, if there is an item with it.
fn number(id: &str, prefix: &str, count: usize) -> Option<usize> {
    let number = id.strip_prefix(prefix)?.parse().ok()?;
    // `+1` and `01` are numbers, but no ids.
    ((1..=count).contains(&number) && format!("{prefix}{number}") == id).then_some(number)
}

fn author(number: usize) -> String {
    format!("member-{}", number % MEMBERS.len() + 1)
}

fn pick(list: &[&'static str], number: usize) -> &'static str {
    list.get(number % list.len()).copied().unwrap_or_default()
}

/// The time this many hours and minutes after the start.
fn hour(hours: usize, minutes: usize) -> String {
    let seconds = hours * 3600 + minutes * 60;
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(START + seconds, 0));
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
