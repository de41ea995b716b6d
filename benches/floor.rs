//! The lower bound for the cost of a cached token: one atomic load of the token and one read of the clock.
//!
//! Measurements of a cached token are given as multiples of this floor, taken in the same run. That makes them
//! comparable between machines, and on a machine whose speed varies.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

pub struct Floor(ArcSwap<String>);

impl Floor {
    pub fn new() -> Self {
        Self(ArcSwap::new(Arc::new("token".to_owned())))
    }

    /// Loads the token and reads the clock.
    pub fn read(&self) {
        let token = self.0.load();
        black_box(&token);
        black_box(Instant::now());
    }
}
