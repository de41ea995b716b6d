//! What the single flight is made of, in the hands of shuttle's scheduler.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
pub(crate) use shuttle::future::AbortHandle;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// Lets the scheduler choose who goes on. What follows up to the next one is a single step.
fn step() {
    shuttle::sync::atomic::AtomicBool::new(false).load(std::sync::atomic::Ordering::SeqCst);
}

pub(crate) fn has_runtime() -> bool {
    true
}

pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
    Some(shuttle::future::spawn(task).abort_handle())
}

/// Never runs out, unless it is zero: then it does whenever the scheduler likes.
pub(crate) async fn timeout<F: Future>(limit: Duration, wait: F) -> Result<F::Output, ()> {
    if !limit.is_zero() {
        return Ok(wait.await);
    }
    let (mut wait, mut timer) = (pin!(wait), pin!(shuttle::future::spawn(async {})));
    poll_fn(|context| match wait.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Ok(value)),
        Poll::Pending => timer.as_mut().poll(context).map(|_| Err(())),
    })
    .await
}

pub(crate) struct Slot<T>(ArcSwapOption<T>);

impl<T> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    pub(crate) fn load(&self) -> Guard<Option<Arc<T>>> {
        step();
        self.0.load()
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        step();
        self.0.load_full()
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        step();
        self.0.store(value);
    }
}

pub(crate) mod watch {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    use tokio::sync::watch;
    use tokio::sync::watch::Ref;
    use tokio::sync::watch::error::RecvError;

    use super::step;

    pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
        let (channel, receiver) = watch::channel(value);
        let is_complete = Arc::default();
        let receiver =
            Receiver { channel: receiver, given_up: Arc::default(), is_complete: Arc::clone(&is_complete) };
        (Sender { channel, is_complete }, receiver)
    }

    pub(crate) struct Sender<T> {
        channel: watch::Sender<T>,
        is_complete: Arc<AtomicBool>,
    }

    impl<T> Sender<T> {
        pub(crate) fn send_replace(&self, value: T) -> T {
            step();
            self.channel.send_replace(value)
        }

        /// Called when the load is complete.
        pub(crate) fn subscribe(&self) -> Receiver<T> {
            self.is_complete.store(true, SeqCst);
            let is_complete = Arc::clone(&self.is_complete);
            Receiver { channel: self.channel.subscribe(), given_up: Arc::default(), is_complete }
        }
    }

    /// Knows whether anyone who waited gave up, and whether the load is complete. Without that, nothing that is waited for
    /// may fail to come; the result of a complete load may be discarded.
    pub(crate) struct Receiver<T> {
        channel: watch::Receiver<T>,
        given_up: Arc<AtomicBool>,
        is_complete: Arc<AtomicBool>,
    }

    impl<T> Receiver<T> {
        pub(crate) fn has_changed(&self) -> Result<bool, RecvError> {
            step();
            self.channel.has_changed()
        }

        pub(crate) fn same_channel(&self, other: &Self) -> bool {
            self.channel.same_channel(&other.channel)
        }

        pub(crate) async fn wait_for(
            &mut self,
            is_it: impl FnMut(&T) -> bool,
        ) -> Result<Ref<'_, T>, RecvError> {
            step();
            let mut waiting = Waiting { given_up: &self.given_up, ended: false };
            let end = self.channel.wait_for(is_it).await;
            waiting.ended = true;
            let may_end = self.given_up.load(SeqCst) || self.is_complete.load(SeqCst);
            assert!(end.is_ok() || may_end, "a flight was ended that nobody had given up");
            end
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            Self {
                channel: self.channel.clone(),
                given_up: Arc::clone(&self.given_up),
                is_complete: Arc::clone(&self.is_complete),
            }
        }
    }

    struct Waiting<'a> {
        given_up: &'a AtomicBool,
        ended: bool,
    }

    impl Drop for Waiting<'_> {
        fn drop(&mut self) {
            if !self.ended {
                self.given_up.store(true, SeqCst);
            }
        }
    }
}
