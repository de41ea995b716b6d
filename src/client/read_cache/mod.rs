//! Reads that are kept: freshness, budget and refresh.
//!
//! Paths come in from [`read`](crate::client::read), and pages go out. A page comes from memory, from the client's store, or
//! from the service; [`fetch`] is how the client sends the read. Nothing else of the client is used here. `entry` is what is kept, `record` its form in a store; `budget`
//! decides which read is worth sending, `ledger` counts the day's reads for all processes, and `flights` sees to it that
//! there is one read at a time for each path. `reads` puts them together.

mod budget;
mod entry;
pub(crate) mod fetch;
mod flights;
mod ledger;
mod memory;
mod page;
mod pages;
pub(crate) mod reads;
mod record;
mod settings;

pub use budget::ReadBudget;
pub use page::{Freshness, Page, StaleReason};
pub use settings::ReadCache;

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests;
