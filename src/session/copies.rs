//! Copies of one token for threads that ask for it at the same time.
//!
//! To clone a token is to count its owners, and a count that several processors change has to travel between them,
//! which takes longer than everything else about a cached token. So there are some copies, each with a count of its
//! own, and a thread always takes the same one.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::AccessToken;

/// Beyond so many threads, some share a copy.
const COPIES: usize = 8;

#[derive(Debug)]
pub(crate) struct Copies([AccessToken; COPIES]);

impl Copies {
    pub(crate) fn of(token: &AccessToken) -> Self {
        Self(array::from_fn(|_| token.apart()))
    }

    /// The one of the present thread.
    pub(crate) fn own(&self) -> &AccessToken {
        let [first, ..] = &self.0;
        self.0.get(thread() % COPIES).unwrap_or(first)
    }
}

/// The number of the present thread, counted from the first that asked.
fn thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    // It has nothing to drop, so it is there to the thread's end.
    NUMBER.try_with(|number| *number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ptr;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_always_takes_the_same_copy_and_another_thread_another_one() {
        let copies = Copies::of(&AccessToken::from("a token".to_owned()));
        let place = || ptr::from_ref(copies.own()).addr();
        assert_eq!(place(), place());
        assert_eq!(copies.own().expose_secret(), "a token");
        // Threads started one after the other have numbers that follow each other, unless other tests start some.
        let places: Vec<_> =
            (0..4 * COPIES).map(|_| thread::scope(|scope| scope.spawn(place).join().unwrap())).collect();
        assert!(places.iter().any(|other| *other != place()));
    }
}
