//! What came of the views.

use std::time::Duration;

use super::MINUTE;
use crate::client::read_cache::{Freshness, Page};

pub(super) const HEADING: &str = "| site | fresh | stale | refused | refused from day 2 | age, median | age, 99 % | \
                                  outdated | reads of new pages | of refreshes | most on a day |\n\
                                  |---|---|---|---|---|---|---|---|---|---|---|";

#[derive(Default)]
pub(super) struct Stats {
    pub(super) name: &'static str,
    pub(super) fresh: u64,
    pub(super) stale: u64,
    pub(super) refused: u64,
    /// From the second day on.
    pub(super) refused_later: u64,
    /// From the second day on, of pages that were kept once.
    pub(super) refused_although_kept: u64,
    /// Views with another body than that of the page.
    pub(super) wrong: u64,
    /// Views of a version that was no longer the current one.
    pub(super) outdated: u64,
    /// The number of views by age in minutes.
    pub(super) ages: Vec<u64>,
    pub(super) is_filled_on_first_day: bool,
    pub(super) reads_by_day: Vec<u32>,
    pub(super) refreshes: u32,
}

impl Stats {
    pub(super) fn served(&mut self, page: &Page, is_current: bool) {
        match page.freshness() {
            Freshness::Fresh => self.fresh += 1,
            Freshness::Stale(_) => self.stale += 1,
        }
        self.outdated += u64::from(!is_current);
        let minutes = (page.age().as_secs() / MINUTE) as usize;
        if self.ages.len() <= minutes {
            self.ages.resize(minutes + 1, 0);
        }
        self.ages[minutes] += 1;
    }

    fn age(&self, part: f64) -> String {
        let mut left = (self.ages.iter().sum::<u64>() as f64 * part) as u64;
        let minutes = self.ages.iter().position(|views| {
            let is_it = *views > left;
            left = left.saturating_sub(*views);
            is_it
        });
        let age = Duration::from_secs(minutes.unwrap_or_default() as u64 * MINUTE);
        format!("{:.1} h", age.as_secs_f64() / 3600.0)
    }

    pub(super) fn row(&self) -> String {
        let views = self.fresh + self.stale + self.refused;
        let share = |count: u64| format!("{:.2} %", 100.0 * count as f64 / views as f64);
        let reads: u32 = self.reads_by_day.iter().sum();
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            share(self.fresh),
            share(self.stale),
            share(self.refused),
            self.refused_later,
            self.age(0.5),
            self.age(0.99),
            share(self.outdated),
            reads - self.refreshes,
            self.refreshes,
            self.reads_by_day.iter().max().copied().unwrap_or_default(),
        )
    }
}
