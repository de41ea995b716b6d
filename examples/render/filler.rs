//! Fills the site from lists, in the background.
//!
//! A list of posts is one read, and carries a hundred posts with their authors and communities. So the lists of all
//! communities are read one after the other, first all of them, and then again and again over the day. What else is
//! kept is refreshed by the client as it is asked for.
//!
//! Where several processes serve one site, one of them should do this.

use std::time::Duration;

use tokio::time::sleep;

use crate::address::{COMMUNITIES, next_in_api};
use crate::model::Community;
use crate::reader::Reader;
use crate::response::Failure;

/// The reads of a day that are for lists. The others are for new pages, long discussions, and refreshes.
pub const LISTS_PER_DAY: u32 = 80;

/// The time between two lists after the first round.
pub const EVERY: Duration = Duration::from_secs(24 * 60 * 60 / LISTS_PER_DAY as u64);

/// The time between two lists of the first round. The service allows 100 requests in 5 s.
const APART: Duration = Duration::from_millis(100);

/// The most lists of a community, in case that they lead in a circle.
const MAX_LISTS: usize = 1000;

/// Reads the lists, `every` so often.
pub async fn run(reader: Reader, every: Duration) {
    // The day's reads may not suffice for all. Those that are there already cost nothing.
    while round(&reader, None).await.is_err() {
        sleep(every).await;
    }
    loop {
        // What failed is in the log, and comes again in the next round, after a pause.
        drop(round(&reader, Some(every)).await);
    }
}

/// Goes through all lists once. With a pause, each is read again after it; otherwise only if it is not kept.
pub async fn round(reader: &Reader, pause: Option<Duration>) -> Result<(), Failure> {
    for community in lists(reader, COMMUNITIES, pause).await? {
        match lists(reader, &community.address().list_in_api(), pause).await {
            // It was closed in the meantime.
            Err(Failure::NotFound) => {}
            result => drop(result?),
        }
    }
    Ok(())
}

/// Goes through a list from its first page to its last. Returns the communities in it.
async fn lists(reader: &Reader, first: &str, pause: Option<Duration>) -> Result<Vec<Community>, Failure> {
    let (mut communities, mut path) = (Vec::new(), first.to_owned());
    for _ in 0..MAX_LISTS {
        let read = match pause {
            None => {
                sleep(APART).await;
                reader.kept_list(&path).await?
            }
            Some(pause) => {
                sleep(pause).await;
                reader.list_again(&path).await?
            }
        };
        communities.extend(read.items.communities);
        let Some(token) = read.items.paging.and_then(|paging| paging.next) else { break };
        path = next_in_api(first, &token);
    }
    Ok(communities)
}
