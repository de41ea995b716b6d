//! Calls where Tokio's runtime is missing or lacks a driver: an error that says so, never a panic.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{BotClient, Error, ErrorKind};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Runs a future on the present thread, without a runtime.
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

/// A sandbox on a runtime of its own, and a client that was not used yet.
struct Scene {
    runtime: Runtime,
    sandbox: Sandbox,
    bot: BotClient,
    _folder: TempDir,
}

fn scene() -> Scene {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder = sandbox.client();
    #[cfg(feature = "file-store")]
    let builder =
        builder.store(social_plus_bot::store::FileStore::new(folder.path().join("sessions")).unwrap());
    let bot = builder.build().unwrap();
    Scene { runtime, sandbox, bot, _folder: folder }
}

#[track_caller]
fn needs_runtime<T: std::fmt::Debug>(call: &str, result: Result<T, Error>) {
    let error = result.expect_err(call);
    assert_eq!(error.kind(), ErrorKind::Config, "{call}: {error}");
    assert!(error.to_string().starts_with("runtime: "), "{call}: {error}");
    assert!(error.to_string().contains("Tokio runtime"), "{call}: {error}");
}

#[cfg(feature = "middleware")]
async fn layered(bot: &BotClient) -> Result<(), Error> {
    use social_plus_bot::api::ClientInfo;

    let client = reqwest_middleware::ClientBuilder::new(bot.api().client().clone()).with(bot.clone()).build();
    match client.get(format!("{}/api/v4/posts", bot.api().baseurl())).send().await {
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
    let mut calls: Vec<(&'static str, Call)> = vec![
        ("register", Box::pin(async move { one.register().await.map(drop) })),
        ("session", Box::pin(async move { two.session().await.map(drop) })),
        ("access_token", Box::pin(async move { three.access_token().await.map(drop) })),
        ("get", Box::pin(async move { four.get("/api/v4/posts").await.map(drop) })),
        ("middleware", Box::pin(async move { layered(&five).await })),
    ];
    #[cfg(feature = "store")]
    {
        let six = bots();
        calls.push(("stored_session", Box::pin(async move { six.stored_session().await.map(drop) })));
    }
    calls
}

#[test]
fn without_a_runtime_every_call_says_that_it_needs_one() {
    let scene = scene();
    for (name, call) in calls(&scene.bot) {
        needs_runtime(name, without_runtime(call));
    }
    assert_eq!(scene.sandbox.requests().len(), 0);
}

#[test]
fn without_a_runtime_a_cached_session_is_there_and_nothing_else() {
    let scene = scene();
    let token = scene.runtime.block_on(scene.bot.access_token()).unwrap();
    assert_eq!(without_runtime(scene.bot.access_token()).unwrap(), token);
    for (name, call) in
        calls(&scene.bot).into_iter().filter(|(name, _)| !matches!(*name, "session" | "access_token"))
    {
        needs_runtime(name, without_runtime(call));
    }
    assert_eq!(scene.bot.reads_today(), 0, "nothing was sent");
    scene.bot.invalidate(&token);
    needs_runtime("session", without_runtime(scene.bot.session()));
}

#[test]
fn without_a_runtime_the_registration_of_another_thread_is_not_waited_for() {
    let scene = scene();
    scene.sandbox.fail_always(Fault::silence());
    let other = scene.runtime.spawn({
        let bot = scene.bot.clone();
        async move { bot.session().await }
    });
    while scene.sandbox.requests().is_empty() {
        thread::yield_now();
    }
    needs_runtime("session", without_runtime(scene.bot.session()));
    other.abort();
}

#[test]
fn a_runtime_without_timer_or_io_is_told_in_an_error() {
    for (io, time) in [(true, false), (false, true), (false, false)] {
        let scene = scene();
        let mut builder = Builder::new_current_thread();
        if io {
            builder.enable_io();
        }
        if time {
            builder.enable_time();
        }
        let lacking = builder.build().unwrap();
        for (name, call) in calls(&scene.bot) {
            match lacking.block_on(call) {
                // The file store needs no driver but the timer.
                Ok(()) => assert_eq!(name, "stored_session"),
                error => needs_runtime(name, error),
            }
        }
        assert_eq!(scene.sandbox.requests().len(), 0);
    }
}
