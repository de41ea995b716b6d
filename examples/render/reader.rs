//! The site's reads. All pages come from the client's cache; what is here decides which paths may cost a read.
//!
//! A path that was read or filled before is kept, so anyone may ask for it. Any other may be of an id that someone made
//! up, and the day has few reads: it is read only if that leaves enough for the [lists](crate::filler).

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use social_plus_bot::{BotClient, Page, ReadBudget};

use crate::address::Address;
use crate::model::Items;
use crate::response::Failure;
use crate::split::split;

#[derive(Clone)]
pub struct Reader(Arc<Shared>);

struct Shared {
    bot: BotClient,
    lists_per_day: u32,
    known: Mutex<Known>,
    /// Held while a path that is not known is read, so that the next one finds it counted.
    new: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// The pages of the site, and when their content changed.
    pages: BTreeMap<Address, DateTime<Utc>>,
    /// What was read or filled. Each takes a part of a read, so there can't be too many.
    paths: HashMap<String, Split>,
    /// A day, and the lists that were read on it.
    lists: (NaiveDate, u32),
}

/// When a list was split into pages, if it was, and the hash of its body.
type Split = Option<(Instant, u64)>;

/// A response, and the time since the service sent it.
pub struct Read {
    pub items: Items,
    pub age: Duration,
}

impl Reader {
    /// Keeps so many of the day's reads for lists.
    pub fn new(bot: BotClient, lists_per_day: u32) -> Self {
        let (known, new) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Shared { bot, lists_per_day, known, new }))
    }

    /// The pages of the site that are known, and when their content changed.
    pub fn pages(&self) -> Vec<(Address, DateTime<Utc>)> {
        self.known().pages.iter().map(|(address, modified)| (address.clone(), *modified)).collect()
    }

    /// What the page at `address` shows.
    pub async fn page(&self, address: &Address) -> Result<Read, Failure> {
        let path = address.in_api();
        let read = self.if_spared(&path, async {
            let page = self.get(&path).await?;
            let items: Items = page.json().map_err(|error| Failure::of(&path, &error))?;
            let modified = items.modified(address).ok_or(Failure::NotFound)?;
            let mut known = self.known();
            known.pages.insert(address.clone(), modified);
            known.paths.entry(path.clone()).or_default();
            Ok(Read { items, age: page.age() })
        });
        let read = read.await;
        if matches!(read, Err(Failure::NotFound)) {
            let mut known = self.known();
            known.pages.remove(address);
            known.paths.remove(&path);
        }
        read
    }

    /// A list, for a page that shows it.
    pub async fn list(&self, path: &str) -> Result<Read, Failure> {
        self.if_spared(path, async {
            let page = self.get(path).await?;
            self.split(path, &page).await
        })
        .await
    }

    /// A list that is kept, or else one of those that may be read on this day.
    pub async fn kept_list(&self, path: &str) -> Result<Read, Failure> {
        let before = self.budget(path).await?;
        if !self.is_known(path) && self.lists_left() == 0 {
            return Err(Failure::until(before.resets_at()));
        }
        let (page, _) = self.kept(path, before.used()).await?;
        self.split(path, &page).await
    }

    /// A list that is read again. If that fails, it stays as it was, unless it is no longer there.
    pub async fn list_again(&self, path: &str) -> Result<Read, Failure> {
        let failed = |error| Failure::of(path, &error);
        let asked = Instant::now();
        let before = self.budget(path).await?;
        let (kept, is_new) = self.kept(path, before.used()).await?;
        if is_new {
            return self.split(path, &kept).await;
        }
        self.count_list();
        self.0.bot.forget(path).await.map_err(failed)?;
        match self.get(path).await {
            Ok(page) => self.split(path, &page).await,
            Err(Failure::NotFound) => Err(Failure::NotFound),
            Err(_) => {
                let (body, age) = (kept.bytes().clone(), kept.age() + asked.elapsed());
                self.0.bot.fill_aged(path, body, age).await.map_err(failed)?;
                self.split(path, &kept).await
            }
        }
    }

    /// A list of any age, which is not refreshed, and whether it had to be read. So many reads were used before.
    async fn kept(&self, path: &str, used: u32) -> Result<(Page, bool), Failure> {
        let page = self.0.bot.read_fresh_for(path, Duration::MAX).await;
        let page = page.map_err(|error| Failure::of(path, &error))?;
        let is_new = self.budget(path).await?.used() > used;
        if is_new {
            self.count_list();
        }
        Ok((page, is_new))
    }

    async fn budget(&self, path: &str) -> Result<ReadBudget, Failure> {
        self.0.bot.read_budget().await.map_err(|error| Failure::of(path, &error))
    }

    async fn get(&self, path: &str) -> Result<Page, Failure> {
        let page = self.0.bot.read(path).await.map_err(|error| Failure::of(path, &error));
        if matches!(page, Err(Failure::NotFound)) {
            self.known().paths.remove(path);
        }
        page
    }

    /// Fills the pages of a list's items, unless that is done already.
    async fn split(&self, path: &str, page: &Page) -> Result<Read, Failure> {
        let failed = |error| Failure::of(path, &error);
        let items: Items = page.json().map_err(failed)?;
        let (now, mut hasher) = (Instant::now(), DefaultHasher::new());
        page.bytes().hash(&mut hasher);
        let hash = hasher.finish();
        let last = self.known().paths.get(path).copied().flatten();
        // A list that was sent after its pages has the same items, which are younger now. Ages are not exact.
        let is_split =
            |(at, of): (Instant, u64)| of == hash && page.age() + Duration::from_secs(1) >= at.elapsed();
        if !last.is_some_and(is_split) {
            for (address, body) in split(&page.json::<Value>().map_err(failed)?) {
                // One that can't be shown needs no page.
                let Some(modified) = items.modified(&address) else { continue };
                let path = address.in_api();
                self.0.bot.fill_aged(&path, body.to_string(), page.age()).await.map_err(failed)?;
                let mut known = self.known();
                known.pages.insert(address, modified);
                known.paths.entry(path).or_default();
            }
            self.known().paths.insert(path.to_owned(), Some((now, hash)));
        }
        Ok(Read { items, age: page.age() })
    }

    /// Reads if the path is known, or the day's reads suffice for it and for the lists that are still to be read.
    async fn if_spared<T>(
        &self,
        path: &str,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if self.is_known(path) {
            return read.await;
        }
        let _turn = self.0.new.lock().await;
        let budget = self.budget(path).await?;
        if budget.used() + self.lists_left() >= budget.limit() {
            return Err(Failure::until(budget.resets_at()));
        }
        read.await
    }

    fn is_known(&self, path: &str) -> bool {
        self.known().paths.contains_key(path)
    }

    fn count_list(&self) {
        self.known().lists_today().1 += 1;
    }

    fn lists_left(&self) -> u32 {
        self.0.lists_per_day.saturating_sub(self.known().lists_today().1)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn lists_today(&mut self) -> &mut (NaiveDate, u32) {
        let today = Utc::now().date_naive();
        if self.lists.0 != today {
            self.lists = (today, 0);
        }
        &mut self.lists
    }
}

impl Items {
    /// When the content of a page changed, if there is one to show.
    fn modified(&self, address: &Address) -> Option<DateTime<Utc>> {
        match address {
            Address::Community(id) => self.community(id).map(|community| community.modified()),
            Address::Post(id) => self.post(id).map(|post| post.modified()),
            Address::User(id) => self.user(id).map(|user| user.modified()),
        }
    }
}
