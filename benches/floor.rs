//! The least that a cached token can cost: finding the present one, and asking what time it is.
//!
//! Every measurement of a cached token is given as a multiple of this one, made in the same run. So it says
//! something on machines that differ, and on one that is faster now than a minute ago.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

pub struct Floor(ArcSwap<String>);

impl Floor {
    pub fn new() -> Self {
        Self(ArcSwap::new(Arc::new("token".to_owned())))
    }

    /// One load and one look at the clock.
    pub fn read(&self) {
        let present = self.0.load();
        black_box(&present);
        black_box(Instant::now());
    }
}
