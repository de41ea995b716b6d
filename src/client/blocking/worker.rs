//! The runtime of a blocking client, and how a thread waits for a call.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::unconstrained;

use crate::error::Error;

/// A runtime with one thread, which drives timers and connections.
#[derive(Debug)]
pub(super) struct Worker {
    handle: Handle,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Worker {
    pub(super) fn start() -> Result<Self, Error> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("social-plus-bot").enable_all();
        // Tokio panics if the system refuses a thread. No state is shared with the builder, so unwinding is safe.
        match catch_unwind(AssertUnwindSafe(|| builder.build())) {
            Ok(Ok(runtime)) => Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) }),
            Ok(Err(error)) => Err(Error::runtime(format!("the worker thread can't be started: {error}"))),
            Err(_) => Err(Error::runtime("the worker thread can't be started")),
        }
    }

    /// Runs `call` on this thread until it is complete, and parks the thread while it waits for the worker.
    ///
    /// [`Runtime::block_on`] does the same, but panics on a thread that runs async code.
    pub(super) fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        let _context = self.handle.enter();
        // Within a task of another runtime, the call must not be limited by that task's budget: it is restored only when
        // the task yields, so the call would never be complete.
        let mut call = pin!(unconstrained(call));
        let unpark = Arc::new(Unpark { thread: thread::current(), is_woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&unpark));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(result) = call.as_mut().poll(&mut context) {
                return result;
            }
            while !unpark.is_woken.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping it would block, which panics within a runtime.
            runtime.shutdown_background();
        }
    }
}

struct Unpark {
    thread: Thread,
    /// The thread's own token is not enough: what is polled may park the thread as well, such as a channel of the standard
    /// library, and would then take it.
    is_woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::task::consume_budget;

    use super::*;

    #[test]
    fn a_call_within_a_task_is_not_limited_by_its_budget() {
        let (sender, done) = mpsc::channel();
        // In a thread of its own, which is left behind if the call is never complete.
        thread::spawn(move || {
            let task = async {
                let worker = Worker::start().unwrap();
                while is_in_budget() {}
                worker.block_on(consume_budget());
            };
            Builder::new_current_thread().build().unwrap().block_on(task);
            sender.send(()).unwrap();
        });
        done.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    /// Whether the task may go on. Uses some of its budget.
    fn is_in_budget() -> bool {
        pin!(consume_budget()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_call_that_parks_the_thread_loses_no_wakeup() {
        let (sender, done) = mpsc::channel();
        // In a thread of its own, which is left behind if it is never woken.
        thread::spawn(move || {
            let mut is_first = true;
            let call = poll_fn(move |context| {
                if !std::mem::replace(&mut is_first, false) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                thread::park();
                Poll::Pending
            });
            Worker::start().unwrap().block_on(call);
            sender.send(()).unwrap();
        });
        done.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}
