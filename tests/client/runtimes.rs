//! Calls without a Tokio runtime, or with one that lacks a driver, are errors and do not panic.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, Error, ErrorKind};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::service;

/// Runs a future on the current thread, without a runtime.
fn without_runtime<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A sandbox on its own runtime, and an unused client.
struct Fixture {
    runtime: Runtime,
    sandbox: Sandbox,
    bot: BotClient,
    _folder: TempDir,
}

fn fixture() -> Fixture {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox = runtime.block_on(service::start()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder = sandbox.client();
    #[cfg(feature = "file-store")]
    let builder =
        builder.store(social_plus_bot::store::FileStore::new(folder.path().join("sessions")).unwrap());
    #[cfg(feature = "read-cache-file")]
    let builder = builder.read_cache(social_plus_bot::ReadCache::in_memory());
    let bot = builder.build().unwrap();
    Fixture { runtime, sandbox, bot, _folder: folder }
}

#[track_caller]
fn needs_runtime<T: std::fmt::Debug>(call: &str, result: Result<T, Error>) {
    let error = result.expect_err(call);
    assert_eq!(error.kind(), ErrorKind::Runtime, "{call}: {error}");
    assert!(error.to_string().starts_with("runtime: "), "{call}: {error}");
    assert!(error.to_string().contains("Tokio runtime"), "{call}: {error}");
}

#[cfg(feature = "middleware")]
async fn layered(bot: &BotClient) -> Result<(), Error> {
    let client = reqwest_middleware::ClientBuilder::new(bot.http_client().clone()).with(bot.clone()).build();
    match client.get(format!("{}/api/v4/posts", bot.base_url())).send().await {
        Ok(_) => Ok(()),
        Err(reqwest_middleware::Error::Middleware(error)) => Err(error.downcast().unwrap()),
        Err(error) => panic!("{error}"),
    }
}

#[cfg(not(feature = "middleware"))]
async fn layered(bot: &BotClient) -> Result<(), Error> {
    bot.get("/api/v4/posts").await.map(drop)
}

type Call = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>>;

fn calls(bot: &BotClient) -> Vec<(&'static str, Call)> {
    let bots = || bot.clone();
    let (one, two, three, four, five) = (bots(), bots(), bots(), bots(), bots());
    vec![
        ("register", Box::pin(async move { one.register().await.map(drop) })),
        ("session", Box::pin(async move { two.session().await.map(drop) })),
        ("access_token", Box::pin(async move { three.access_token().await.map(drop) })),
        ("get", Box::pin(async move { four.get("/api/v4/posts").await.map(drop) })),
        ("middleware", Box::pin(async move { layered(&five).await })),
        #[cfg(feature = "store")]
        ("stored_session", {
            let six = bots();
            Box::pin(async move { six.stored_session().await.map(drop) })
        }),
        #[cfg(feature = "read-cache-file")]
        ("read", {
            let seven = bots();
            Box::pin(async move { seven.read("/api/v4/posts").await.map(drop) })
        }),
        #[cfg(feature = "read-cache-file")]
        ("fill", {
            let eight = bots();
            Box::pin(async move { eight.fill("/api/v4/posts/1", "").await })
        }),
        #[cfg(feature = "read-cache-file")]
        ("forget", {
            let nine = bots();
            Box::pin(async move { nine.forget("/api/v4/posts").await })
        }),
        #[cfg(feature = "read-cache-file")]
        ("read_budget", {
            let ten = bots();
            Box::pin(async move { ten.read_budget().await.map(drop) })
        }),
    ]
}

#[test]
fn calls_without_a_runtime_are_errors() {
    let fixture = fixture();
    for (name, call) in calls(&fixture.bot) {
        needs_runtime(name, without_runtime(call));
    }
    assert_eq!(fixture.sandbox.requests().len(), 0);
}

#[test]
fn a_cached_session_is_returned_without_a_runtime() {
    let fixture = fixture();
    let token = fixture.runtime.block_on(fixture.bot.access_token()).unwrap();
    assert_eq!(without_runtime(fixture.bot.access_token()).unwrap(), token);
    for (name, call) in
        calls(&fixture.bot).into_iter().filter(|(name, _)| !matches!(*name, "session" | "access_token"))
    {
        needs_runtime(name, without_runtime(call));
    }
    assert_eq!(fixture.bot.reads_today(), 0, "nothing was sent");
    fixture.bot.invalidate(&token);
    needs_runtime("session", without_runtime(fixture.bot.session()));
}

#[test]
fn a_registration_of_another_thread_is_not_awaited_without_a_runtime() {
    let fixture = fixture();
    fixture.sandbox.fail_always(Fault::silence());
    let other = fixture.runtime.spawn({
        let bot = fixture.bot.clone();
        async move { bot.session().await }
    });
    while fixture.sandbox.requests().is_empty() {
        thread::yield_now();
    }
    needs_runtime("session", without_runtime(fixture.bot.session()));
    other.abort();
}

#[test]
fn a_runtime_without_timer_or_io_is_an_error() {
    for (io, time) in [(true, false), (false, true), (false, false)] {
        let fixture = fixture();
        let mut builder = Builder::new_current_thread();
        if io {
            builder.enable_io();
        }
        if time {
            builder.enable_time();
        }
        let lacking = builder.build().unwrap();
        for (name, call) in calls(&fixture.bot) {
            match lacking.block_on(call) {
                // The file store needs the timer only.
                Ok(()) => {
                    assert!(["stored_session", "fill", "forget", "read_budget"].contains(&name), "{name}");
                }
                error => needs_runtime(name, error),
            }
        }
        assert_eq!(fixture.sandbox.requests().len(), 0);
    }
}

#[test]
fn a_call_without_a_suitable_runtime_does_not_delay_the_next_one() {
    let fixture = fixture();
    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    needs_runtime("session", without_runtime(fixture.bot.session()));
    needs_runtime("session", without_io.block_on(fixture.bot.session()));
    fixture.runtime.block_on(fixture.bot.session()).unwrap();
    assert_eq!(fixture.sandbox.requests().len(), 1);
}
