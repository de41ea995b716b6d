//! The site: processes that show pages, and one that fills them from lists.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::stats::Stats;
use super::world::{Connection, LIST, Service};
use super::{DAY, HOUR, MINUTE};
use crate::client::read_cache::reads::Reads;
use crate::client::read_cache::{Page, ReadCache};
use crate::error::Error;
use crate::store::in_memory::{Clocks, Shared, handle};

/// A site and what happens to it.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) pages: usize,
    pub(super) days: u64,
    /// The views of a day.
    pub(super) views: u64,
    pub(super) processes: usize,
    /// Whether lists fill the pages: all of them on the first day, and then one list each 18 minutes.
    pub(super) lists: bool,
    /// Whether the store fails for an hour on the third day.
    pub(super) store_fails: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: "",
            pages: 10_000,
            days: 30,
            views: 1_000_000,
            processes: 1,
            lists: true,
            store_fails: false,
        }
    }
}

type Process = Arc<Reads<Connection, Clocks>>;

struct Site {
    plan: Plan,
    clocks: Clocks,
    service: Arc<Service>,
    store: Shared,
    stats: Mutex<Stats>,
    /// Whether each page was kept once.
    kept: Mutex<Vec<bool>>,
}

/// The time between two lists after the first day, so that 20 reads a day are left.
const EVERY: u64 = 18 * MINUTE;

/// When the first views come, in seconds.
const OPENS: u64 = 200;

pub(super) async fn run(plan: Plan) -> Stats {
    let clocks = Clocks::start();
    let site = Arc::new(Site {
        plan,
        clocks,
        service: Service::new(clocks),
        store: Shared::default(),
        stats: Mutex::new(Stats { name: plan.name, ..Stats::default() }),
        kept: Mutex::new(vec![false; plan.pages]),
    });
    let weights = zipf(plan.pages);
    let mut processes: Vec<Process> = (0..plan.processes).map(|_| site.start()).collect();
    let mut waiting = JoinSet::new();
    let (start, mut views, mut lists) = (Instant::now(), 0, 0);
    for second in 0..plan.days * DAY {
        site.events(second, &mut processes);
        if plan.lists && is_list_due(second, lists, plan.pages) {
            let (process, list) = (Arc::clone(&processes[0]), lists % (plan.pages / LIST));
            let site = Arc::clone(&site);
            waiting.spawn(async move { site.fill(&process, list).await });
            lists += 1;
        }
        // The site opens when all pages are filled.
        while second >= OPENS && views * DAY < (second + 1) * plan.views {
            views += 1;
            let page = weights.partition_point(|sum| *sum < fastrand::f64());
            let page = page.min(plan.pages - 1);
            let process = Arc::clone(&processes[fastrand::usize(..processes.len())]);
            let site = Arc::clone(&site);
            waiting.spawn(async move {
                let result = process.read(&format!("/page/{page}"), None).await;
                site.record(page, result);
            });
        }
        if second % DAY == DAY - 1 {
            site.stats.lock().unwrap().refreshes += processes[0].budget().await.unwrap().refreshes();
        }
        sleep_until(start + Duration::from_secs(second + 1)).await;
        while waiting.try_join_next().is_some_and(|joined| joined.is_ok()) {}
    }
    while let Some(joined) = waiting.join_next().await {
        joined.unwrap();
    }
    drop(processes);
    let mut stats = std::mem::take(&mut *site.stats.lock().unwrap());
    stats.reads_by_day = site.service.reads();
    stats
}

/// All lists before the site opens, and from the second day on one at a time.
fn is_list_due(second: u64, lists: usize, pages: usize) -> bool {
    match lists < pages / LIST {
        true => second < OPENS,
        false => second >= DAY && second.is_multiple_of(EVERY),
    }
}

/// The cumulated probabilities of pages: each is asked for in inverse proportion to its rank.
fn zipf(pages: usize) -> Vec<f64> {
    let total: f64 = (1..=pages).map(|rank| 1.0 / rank as f64).sum();
    let mut sum = 0.0;
    (1..=pages)
        .map(|rank| {
            sum += 1.0 / rank as f64 / total;
            sum
        })
        .collect()
}

impl Site {
    fn start(&self) -> Process {
        let store = handle(&self.store).map(|handle| (handle, Arc::default()));
        // Lists refresh a hundred pages at a time, so most reads are kept for them.
        let reserved = if self.plan.lists { 80 } else { 20 };
        let settings =
            ReadCache::in_memory().fresh_for(Duration::from_secs(6 * HOUR)).reserved_reads(reserved);
        Arc::new(Reads::new(settings, Connection(Arc::clone(&self.service)), self.clocks, store))
    }

    fn events(&self, second: u64, processes: &mut [Process]) {
        // New processes take the place of the old ones each noon.
        if second % DAY == 12 * HOUR {
            processes.fill_with(|| self.start());
        }
        // The service fails for six hours on the third day.
        if second == 2 * DAY + 14 * HOUR || second == 2 * DAY + 20 * HOUR {
            self.service.set_down(second == 2 * DAY + 14 * HOUR);
        }
        if self.plan.store_fails && (second == 2 * DAY + 6 * HOUR || second == 2 * DAY + 7 * HOUR) {
            self.store.0.with(|content| content.down = second == 2 * DAY + 6 * HOUR);
        }
    }

    /// Reads a list again and fills its pages.
    async fn fill(&self, process: &Process, list: usize) {
        let path = format!("/list/{list}");
        process.forget(&path).await.ok();
        let Ok(page) = process.read(&path, None).await else { return };
        let text = String::from_utf8(page.bytes().to_vec()).unwrap();
        for (offset, line) in text.lines().enumerate() {
            let number = list * LIST + offset;
            let body = line.to_owned().into();
            process.fill(&format!("/page/{number}"), body, page.age()).await.unwrap();
            self.kept.lock().unwrap()[number] = true;
        }
        if self.service.now() < DAY {
            self.stats.lock().unwrap().is_filled_on_first_day =
                self.kept.lock().unwrap().iter().all(|kept| *kept);
        }
    }

    fn record(&self, page: usize, result: Result<Page, Error>) {
        let (mut stats, mut kept) = (self.stats.lock().unwrap(), self.kept.lock().unwrap());
        let is_later = self.service.now() >= DAY;
        match result {
            Ok(found) => {
                let body: serde_json::Value = found.json().unwrap();
                let as_of = self.service.now().saturating_sub(found.age().as_secs());
                let version = body["version"].as_u64().unwrap();
                // The age is in whole seconds here, and a read takes part of one.
                let is_right = body["page"] == page
                    && (as_of.saturating_sub(2)..=as_of + 2)
                        .any(|second| self.service.version(page, second) == version);
                stats.wrong += u64::from(!is_right);
                let is_current = self.service.version(page, self.service.now()) == version;
                stats.served(&found, is_current);
                kept[page] = true;
            }
            Err(_) => {
                stats.refused += 1;
                stats.refused_later += u64::from(is_later);
                stats.refused_although_kept += u64::from(is_later && kept[page]);
            }
        }
    }
}
