//! Threads for file operations.
//!
//! If a file system hangs, so does the thread that uses it, and it can't be stopped. So these threads are not those of the
//! runtime, which name resolution needs; their number is limited; and while one hangs, no other operation is started.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::Error;
use crate::store::operation;

/// The number of concurrent operations.
const THREADS: usize = 16;

const NAME: &str = "social-plus-bot-file";

/// The threads of a store and its clones.
#[derive(Clone, Debug)]
pub(super) struct Threads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Arc<Semaphore>,
    running: Mutex<Running>,
}

/// The start of each running operation, by its number.
#[derive(Debug, Default)]
struct Running {
    last: u64,
    since: BTreeMap<u64, Instant>,
}

/// Whether the caller still waits for an operation.
#[derive(Clone, Debug)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn is(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Threads {
    pub(super) fn new() -> Self {
        let free = Arc::new(Semaphore::new(THREADS));
        Self(Arc::new(Shared { free, running: Mutex::default() }))
    }

    /// Runs `work` in a thread. It continues if the future is dropped, but can check for that.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Wanted) -> Result<T, Error> + Send + 'static,
    {
        self.check()?;
        let permit = Arc::clone(&self.0.free).acquire_owned().await;
        let permit = permit.map_err(|error| Error::store(format!("no file operation can begin: {error}")))?;
        self.check()?;
        let begun = self.begin(permit);
        // Dropping this future clears the flag.
        let waits = Waits(Wanted(Arc::new(AtomicBool::new(true))));
        let wanted = waits.0.clone();
        let (sender, done) = oneshot::channel();
        let spawned = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            let result = work(&wanted);
            drop(begun);
            // The caller may have been dropped.
            sender.send(result).ok();
        });
        spawned.map_err(|error| {
            Error::store(format!("no thread for a file operation: {error}")).with_source(error)
        })?;
        done.await.unwrap_or_else(|_| Err(Error::store("a file operation of the session store panicked")))
    }

    /// Fails while an operation hangs.
    fn check(&self) -> Result<(), Error> {
        let longest = lock(&self.0.running).since.values().next().map(Instant::elapsed);
        match longest.filter(|longest| *longest > operation::LIMIT) {
            None => Ok(()),
            Some(longest) => Err(Error::store(format!(
                "a file operation of the session store has been going on for {} s; the file system hangs",
                longest.as_secs()
            ))),
        }
    }

    fn begin(&self, permit: OwnedSemaphorePermit) -> Operation {
        let mut running = lock(&self.0.running);
        running.last = running.last.wrapping_add(1);
        let number = running.last;
        running.since.insert(number, Instant::now());
        Operation { shared: Arc::clone(&self.0), number, _permit: permit }
    }
}

/// A value whose drop can hang, such as an open file. It is dropped in a thread of its own.
pub(super) struct DropInThread<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> DropInThread<T> {
    pub(super) fn new(whole: T) -> Self {
        Self(Some(whole))
    }

    /// Drops it in this thread.
    pub(super) fn end(mut self) {
        drop(self.0.take());
    }
}

impl<T: Send + 'static> Drop for DropInThread<T> {
    fn drop(&mut self) {
        if let Some(whole) = self.0.take() {
            // Without a thread, it is dropped here.
            thread::Builder::new().name(NAME.to_owned()).spawn(move || drop(whole)).ok();
        }
    }
}

/// A running operation.
struct Operation {
    shared: Arc<Shared>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Operation {
    fn drop(&mut self) {
        lock(&self.shared.running).since.remove(&self.number);
    }
}

struct Waits(Wanted);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::SeqCst);
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn while_an_operation_hangs_no_other_takes_a_thread() {
        let threads = Threads::new();
        let (release, hangs) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let hanging = threads.run(move |wanted| {
            hangs.recv().ok();
            tell.send(wanted.is()).unwrap();
            Ok(())
        });
        let given_up = tokio::time::timeout(operation::LIMIT, hanging).await;
        assert!(given_up.is_err());
        while threads.check().is_ok() {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            let error = threads.run(|_| -> Result<(), Error> { panic!("it ran") }).await.unwrap_err();
            assert!(error.to_string().contains("the file system hangs"), "{error}");
        }
        drop(release);
        assert!(!told.recv().unwrap(), "it can tell that it was given up");
        while threads.check().is_err() {
            tokio::task::yield_now().await;
        }
        assert!(threads.run(|wanted| Ok(wanted.is())).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_not_ended_while_an_operation_hangs_ends_in_a_thread_of_its_own() {
        struct Hangs(mpsc::Receiver<()>, mpsc::Sender<()>);

        impl Drop for Hangs {
            fn drop(&mut self) {
                self.0.recv().ok();
                self.1.send(()).ok();
            }
        }

        let threads = Threads::new();
        let (release, hangs) = mpsc::channel::<()>();
        let hanging = threads.run(move |_| Ok(hangs.recv()));
        assert!(tokio::time::timeout(operation::LIMIT, hanging).await.is_err());
        while threads.check().is_ok() {
            tokio::task::yield_now().await;
        }
        let (go_on, waits) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let open = DropInThread::new(Hangs(waits, tell));
        let end = move |_: &Wanted| {
            open.end();
            Ok(())
        };
        let error = threads.run(end).await.unwrap_err();
        assert!(error.to_string().contains("the file system hangs"), "{error}");
        assert!(told.try_recv().is_err());
        go_on.send(()).unwrap();
        told.recv().unwrap();
        drop(release);
    }

    #[tokio::test]
    async fn many_operations_share_a_few_threads_and_a_panic_ends_its_own() {
        let threads = Threads::new();
        let mut all = tokio::task::JoinSet::new();
        for number in 0..200 {
            let threads = threads.clone();
            all.spawn(async move {
                let work = move |_: &Wanted| if number % 10 == 0 { panic!("{number}") } else { Ok(number) };
                threads.run(work).await.ok()
            });
        }
        assert_eq!(all.join_all().await.into_iter().flatten().count(), 180);
        assert_eq!(threads.0.free.available_permits(), THREADS);
    }
}
