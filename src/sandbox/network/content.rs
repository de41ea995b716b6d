//! The items that are written by hand. Each list is in the order of creation.

use super::diary;
use super::item::{Comment, Community, File, Post, User};

/// When the first items were created.
pub(super) const CREATED_AT: &str = "2023-11-06T08:00:00.000Z";

pub(super) const COMMUNITIES: &[Community<'static>] = &[
    Community {
        id: "gardening",
        name: "Gardening",
        description: "Beds, borders & balconies: what grows, what doesn't, and what to try next year.",
        owner: "ada",
        image: Some("gardening-cover"),
        tags: &["garden", "vegetables"],
        created_at: CREATED_AT,
    },
    Community {
        id: "composting",
        name: "Composting",
        description: "From kitchen scraps to soil.",
        owner: "bao",
        image: None,
        tags: &["garden", "soil"],
        created_at: "2023-12-01T10:30:00.000Z",
    },
    Community {
        id: diary::COMMUNITY,
        name: "Plant diary",
        description: "A note for every plant that was looked after, every hour.",
        owner: "member-1",
        image: None,
        tags: &["diary"],
        created_at: "2024-01-01T00:00:00.000Z",
    },
];

pub(super) const USERS: &[User<'static>] = &[
    User {
        id: "ada",
        name: "Ada Okafor",
        description: "Grows vegetables on four square metres of roof.",
        image: Some("ada-portrait"),
        created_at: CREATED_AT,
    },
    User {
        id: "bao",
        name: "Bảo Trần",
        description: "Compost first, plants second.",
        image: Some("bao-portrait"),
        created_at: "2023-11-07T09:12:00.000Z",
    },
    User {
        id: "chidi",
        name: "Chidi 🌱",
        description: "",
        image: None,
        created_at: "2023-11-20T18:45:00.000Z",
    },
    User {
        id: "dora",
        name: "Dóra Kiss",
        description: "Roses, mostly.",
        image: None,
        created_at: "2024-02-11T07:05:00.000Z",
    },
];

pub(super) const POSTS: &[Post<'static>] = &[
    Post {
        id: "first-frost",
        target_type: "community",
        target: "gardening",
        author: "ada",
        text: "When do you bring the citrus in?\n\nThe forecast says two degrees for Thursday night. Last year I waited for the \
               first frost and lost half of the leaves. Is a fleece enough for one night?",
        image: None,
        created_at: "2025-03-02T08:15:00.000Z",
    },
    Post {
        id: "hot-heap",
        target_type: "community",
        target: "composting",
        author: "bao",
        text: "The heap is at 62 °C\n\nOne part of grass, two parts of straw, turned on the third day. It steams in the morning.",
        image: None,
        created_at: "2025-03-09T06:40:00.000Z",
    },
    Post {
        id: "tomatoes-on-a-balcony",
        target_type: "community",
        target: "gardening",
        author: "chidi",
        text: "Tomatoes on a balcony: what I learned in three years\n\nBig pots matter more than anything: 20 litres for each \
               plant.\nWater in the morning, at the foot.\nTake out the side shoots, but leave two stems on cherry varieties.\n\n\
               Ask me anything!",
        image: Some("tomatoes"),
        created_at: "2025-03-16T17:20:00.000Z",
    },
    Post {
        id: "roof-plan",
        target_type: "user",
        target: "ada",
        author: "ada",
        text: "The plan for this year's roof: beans along the railing, salad in between, and no courgettes. Two plants fed \
               the whole house.",
        image: None,
        created_at: "2025-03-20T19:00:00.000Z",
    },
    Post {
        id: "rose-pruning",
        target_type: "community",
        target: "gardening",
        author: "dora",
        text: "Pruned too early?\n\nThe roses had shoots as long as a thumb, so I cut them back to three buds. Now it snows.",
        image: Some("roses"),
        created_at: "2025-03-23T11:55:00.000Z",
    },
];

pub(super) const COMMENTS: &[Comment<'static>] = &[
    Comment {
        id: "first-frost-1",
        post: "first-frost",
        parent: None,
        author: "dora",
        text: "A fleece is worth about three degrees, so for one night it should do.",
        created_at: "2025-03-02T08:40:00.000Z",
    },
    Comment {
        id: "first-frost-2",
        post: "first-frost",
        parent: Some("first-frost-1"),
        author: "ada",
        text: "Thank you! Two layers then.",
        created_at: "2025-03-02T09:02:00.000Z",
    },
    Comment {
        id: "tomatoes-1",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "ada",
        text: "Which varieties? Mine get blight every August.",
        created_at: "2025-03-16T17:48:00.000Z",
    },
    Comment {
        id: "tomatoes-2",
        post: "tomatoes-on-a-balcony",
        parent: Some("tomatoes-1"),
        author: "chidi",
        text: "Black Cherry and Matina. A roof over them helps more than the variety does.",
        created_at: "2025-03-16T18:03:00.000Z",
    },
    Comment {
        id: "tomatoes-3",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "bao",
        text: "Half compost in the pot, and you don't need to feed them before July.",
        created_at: "2025-03-17T06:10:00.000Z",
    },
    Comment {
        id: "tomatoes-4",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "dora",
        text: "Does a north-facing balcony work at all?",
        created_at: "2025-03-17T20:31:00.000Z",
    },
    Comment {
        id: "tomatoes-5",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "member-4",
        text: "I tried that. Grow salad instead.",
        created_at: "2025-03-17T21:00:00.000Z",
    },
    Comment {
        id: "tomatoes-6",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "member-9",
        text: "20 litres is what the label says, and it is true for once.",
        created_at: "2025-03-18T05:57:00.000Z",
    },
    Comment {
        id: "tomatoes-7",
        post: "tomatoes-on-a-balcony",
        parent: None,
        author: "member-16",
        text: "Saved this for next year.",
        created_at: "2025-03-18T12:22:00.000Z",
    },
    Comment {
        id: "rose-pruning-1",
        post: "rose-pruning",
        parent: None,
        author: "bao",
        text: "Snow is the best blanket there is.",
        created_at: "2025-03-23T12:30:00.000Z",
    },
];

pub(super) const FILES: &[File<'static>] = &[
    File { id: "gardening-cover", alt: "A flower with six petals", is_public: true },
    File { id: "ada-portrait", alt: "Ada Okafor", is_public: true },
    File { id: "bao-portrait", alt: "Bảo Trần", is_public: false },
    File { id: "tomatoes", alt: "Ripe tomatoes on a balcony", is_public: true },
    File { id: "roses", alt: "Roses in the snow", is_public: false },
];
