//! The living session against a service and a clock that the test holds in its hands.
//!
//! Tokio's own time stands still except where a test lets it run; the clocks of the session are set by hand.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;
use crate::error::ErrorKind;
use crate::error::ServiceMessage;
use crate::session::single_flight::lock;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Clocks that stand still until they are set.
#[derive(Clone)]
struct Clocks(Arc<Mutex<Moment>>);

impl Clocks {
    fn pass(&self, time: Duration) {
        let mut now = lock(&self.0);
        *now = now.after(time);
    }

    fn set_wall(&self, change: impl FnOnce(Duration) -> Duration) {
        let mut now = lock(&self.0);
        now.wall = change(now.wall);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *lock(&self.0)
    }
}

/// A service that answers as it was told, or else with a session of 30 days, and only while its gate is open.
struct Service {
    clocks: Clocks,
    answers: Mutex<VecDeque<Result<Session, Error>>>,
    gate: Semaphore,
    asked: AtomicUsize,
    given_up: AtomicUsize,
}

impl Service {
    fn will(&self, answers: impl IntoIterator<Item = Result<Session, Error>>) {
        lock(&self.answers).extend(answers);
    }

    fn shut(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Counts registrations that were dropped before they ended.
struct Unfinished<'a>(&'a AtomicUsize);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Register for Service {
    async fn register(&self) -> Result<Session, Error> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let sent = self.clocks.now();
        let unfinished = Unfinished(&self.given_up);
        let _permit = self.gate.acquire().await;
        std::mem::forget(unfinished);
        let told = lock(&self.answers).pop_front();
        told.unwrap_or_else(|| Ok(Session::of(&format!("token-{number}"), LIFE, sent)))
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

fn failure(status: u16) -> Result<Session, Error> {
    Err(Error::service(status, ServiceMessage::default(), None))
}

struct Scene {
    living: Arc<SessionCache<Service, Clocks>>,
    service: Arc<Service>,
    clocks: Clocks,
}

fn scene() -> Scene {
    let start = Moment { monotonic: DAY, wall: DAY * 20_000 };
    let clocks = Clocks(Arc::new(Mutex::new(start)));
    let service = Arc::new(Service {
        clocks: clocks.clone(),
        answers: Mutex::default(),
        gate: Semaphore::new(1_000_000),
        asked: AtomicUsize::new(0),
        given_up: AtomicUsize::new(0),
    });
    let living = Arc::new(SessionCache::new(Arc::clone(&service), clocks.clone()));
    Scene { living, service, clocks }
}

impl Scene {
    async fn token(&self) -> Result<String, Error> {
        self.living.access_token().await.map(|token| token.expose_secret().to_owned())
    }

    /// Lets the registration under way end.
    async fn settle(&self) {
        self.living.0.wait_idle().await;
    }

    /// Starts `count` callers, and returns once all of them wait.
    async fn herd(&self, count: usize) -> JoinSet<LoadResult> {
        let mut herd = JoinSet::new();
        for _ in 0..count {
            let living = Arc::clone(&self.living);
            herd.spawn(async move { living.session().await });
        }
        // Each turn of the one thread lets every caller run until it waits.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        herd
    }
}

#[tokio::test(start_paused = true)]
async fn miss_registers_and_hit_does_not() {
    let scene = scene();
    assert_eq!(scene.token().await.unwrap(), "token-1");
    assert_eq!(scene.token().await.unwrap(), "token-1");
    let first = scene.living.session().await.unwrap();
    assert!(Arc::ptr_eq(&first, &scene.living.session().await.unwrap()));
    assert_eq!(scene.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn herd_succeeds_with_one_registration() {
    let scene = scene();
    scene.service.shut();
    let herd = scene.herd(10_000).await;
    scene.service.open();
    let sessions = herd.join_all().await;
    assert!(
        sessions.iter().all(|session| session.as_ref().unwrap().access_token().expose_secret() == "token-1")
    );
    assert_eq!(scene.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn herd_shares_the_failure_and_the_next_caller_tries_again() {
    let scene = scene();
    scene.service.shut();
    scene.service.will([failure(403)]);
    let herd = scene.herd(100).await;
    scene.service.open();
    let errors = herd.join_all().await;
    assert!(errors.iter().all(|outcome| outcome.as_ref().unwrap_err().status() == Some(403)));
    assert_eq!(scene.service.asked(), 1);
    assert_eq!(scene.token().await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn waiter_cancelled_disturbs_nobody() {
    let scene = scene();
    scene.service.shut();
    let herd = scene.herd(2).await;
    drop(scene.herd(10).await);
    scene.service.open();
    assert!(herd.join_all().await.iter().all(Result::is_ok));
    assert_eq!(scene.service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn leader_cancelled_leaves_the_registration_going() {
    let scene = scene();
    scene.service.shut();
    drop(scene.herd(1).await);
    scene.service.open();
    scene.settle().await;
    assert_eq!(scene.token().await.unwrap(), "token-1");
    assert_eq!((scene.service.asked(), scene.service.given_up.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn renewal_is_invisible() {
    let scene = scene();
    scene.token().await.unwrap();
    scene.clocks.pass(LIFE.mul_f64(0.74));
    assert_eq!(scene.token().await.unwrap(), "token-1");
    assert_eq!(scene.service.asked(), 1);

    scene.clocks.pass(LIFE.mul_f64(0.06));
    scene.service.shut();
    for _ in 0..10 {
        assert_eq!(scene.token().await.unwrap(), "token-1");
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.service.asked(), 2);
    scene.service.open();
    scene.settle().await;
    assert_eq!(scene.token().await.unwrap(), "token-2");
    assert_eq!(scene.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_tried_again_later_and_later() {
    let scene = scene();
    scene.token().await.unwrap();
    scene.clocks.pass(LIFE.mul_f64(0.80));
    scene.service.will((0..12).map(|_| failure(503)));
    let mut pauses = Vec::new();
    for failures in 1..=12 {
        assert_eq!(scene.token().await.unwrap(), "token-1");
        scene.settle().await;
        assert_eq!(scene.service.asked(), failures + 1);
        let mut pause = Duration::ZERO;
        while scene.service.asked() == failures + 1 {
            scene.clocks.pass(Duration::from_secs(1));
            pause += Duration::from_secs(1);
            assert_eq!(scene.token().await.unwrap(), "token-1");
            tokio::task::yield_now().await;
        }
        pauses.push(pause.as_secs());
    }
    for (number, pause) in pauses.iter().enumerate() {
        let most = (30 << number).min(15 * 60);
        assert!((most / 2..=most + 1).contains(pause), "{pauses:?}");
    }
    scene.settle().await;
    assert_eq!(scene.token().await.unwrap(), "token-14");
}

#[tokio::test(start_paused = true)]
async fn renewal_fails_to_the_end_and_the_error_says_what_the_last_try_met() {
    let scene = scene();
    scene.service.will([Ok(Session::of("short", Duration::from_secs(600), scene.clocks.now()))]);
    scene.service.will((0..1000).map(|_| failure(502)));
    scene.token().await.unwrap();
    for second in 0..570 {
        assert_eq!(scene.token().await.unwrap(), "short", "after {second} s");
        scene.settle().await;
        scene.clocks.pass(Duration::from_secs(1));
    }
    assert!(scene.service.asked() < 40, "{} registrations", scene.service.asked());
    assert_eq!(scene.token().await.unwrap_err().status(), Some(502));
}

#[tokio::test(start_paused = true)]
async fn recovers_after_failure() {
    let scene = scene();
    scene.service.will([failure(500)]);
    assert_eq!(scene.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(scene.token().await.unwrap(), "token-2");
    assert_eq!(scene.token().await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_thirty_seconds_or_a_tenth_of_its_life_early() {
    for (life, usable) in [(600, 570), (300, 270), (60, 54), (10, 9)] {
        let scene = scene();
        scene.service.will([Ok(Session::of("first", Duration::from_secs(life), scene.clocks.now()))]);
        scene.token().await.unwrap();
        scene.service.will((0..10).map(|_| failure(503)));
        scene.clocks.pass(Duration::from_secs(usable) - Duration::from_millis(1));
        assert_eq!(scene.token().await.unwrap(), "first", "{life}");
        scene.settle().await;
        scene.clocks.pass(Duration::from_millis(1));
        assert!(scene.token().await.is_err(), "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn renewal_points_differ_within_the_jitter() {
    let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    fastrand::seed(seed);
    let now = scene().clocks.now();
    let session = Arc::new(Session::of("token", LIFE, now));
    let points: Vec<_> = (0..1000)
        .map(|_| {
            now.until(CacheEntry::new(Arc::clone(&session), now).refresh_at).as_secs_f64()
                / LIFE.as_secs_f64()
        })
        .collect();
    assert!(points.iter().all(|point| (0.75..=0.80).contains(point)), "TEST_SEED={seed}");
    assert!(
        points.iter().any(|point| *point < 0.76) && points.iter().any(|point| *point > 0.79),
        "TEST_SEED={seed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_steps_back_does_not_lengthen_a_life() {
    let scene = scene();
    scene.token().await.unwrap();
    scene.clocks.set_wall(|wall| wall - DAY);
    assert_eq!(scene.token().await.unwrap(), "token-1");
    scene.clocks.pass(LIFE);
    assert_eq!(scene.token().await.unwrap(), "token-2");
    assert_eq!(scene.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_steps_forward_causes_one_renewal_at_most() {
    let scene = scene();
    scene.token().await.unwrap();
    scene.clocks.set_wall(|wall| wall + DAY);
    assert_eq!(scene.token().await.unwrap(), "token-1");
    scene.clocks.set_wall(|wall| wall + LIFE);
    for _ in 0..100 {
        assert_eq!(scene.token().await.unwrap(), "token-2");
    }
    assert_eq!(scene.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_past_the_end_registers_again() {
    let scene = scene();
    scene.service.will([Ok(Session::of("first", 7 * DAY, scene.clocks.now()))]);
    scene.token().await.unwrap();
    // While it sleeps, the monotonic clock stands still.
    scene.clocks.set_wall(|wall| wall + 7 * DAY);
    assert_eq!(scene.token().await.unwrap(), "token-2");
    assert_eq!(scene.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn invalidate_drops_the_cached_token_and_no_other() {
    let scene = scene();
    let first = scene.living.access_token().await.unwrap();
    scene.living.invalidate(&AccessToken::from("another".to_owned()));
    assert_eq!(scene.token().await.unwrap(), "token-1");
    scene.living.invalidate(&first);
    assert_eq!(scene.token().await.unwrap(), "token-2");
    scene.living.invalidate(&first);
    assert_eq!(scene.token().await.unwrap(), "token-2");
    assert_eq!(scene.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn last_client_dropped_ends_the_registration_under_way() {
    let scene = scene();
    scene.service.shut();
    drop(scene.herd(1).await);
    drop(scene.living);
    while scene.service.given_up.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::strong_count(&scene.service), 1);
}

#[test]
fn a_registration_lost_with_its_runtime_is_replaced() {
    let scene = scene();
    scene.service.shut();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let lost = runtime();
    lost.block_on(async { drop(scene.herd(1).await) });
    drop(lost);
    scene.service.open();
    assert_eq!(runtime().block_on(scene.token()).unwrap(), "token-2");
}

#[test]
fn a_registration_on_a_runtime_that_stands_still_is_replaced() {
    let scene = scene();
    scene.service.shut();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let still = runtime();
    still.block_on(async { drop(scene.herd(1).await) });
    scene.service.open();
    assert_eq!(runtime().block_on(scene.token()).unwrap(), "token-2");
    drop(still);
}

#[test]
fn without_a_runtime_a_working_token_is_still_given() {
    let scene = scene();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(scene.token()).unwrap();
    scene.clocks.pass(LIFE.mul_f64(0.80));
    let mut token = std::pin::pin!(scene.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        matches!(token.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(token)) if token == "token-1")
    );
}

/// Panics as soon as it is asked for a session.
struct Panicking(AtomicUsize);

impl Register for Panicking {
    async fn register(&self) -> Result<Session, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("asked");
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(30)
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_panics_is_one_that_failed() {
    let service = Arc::new(Panicking(AtomicUsize::new(0)));
    let living = SessionCache::new(Arc::clone(&service), scene().clocks);
    let error = living.access_token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the registration was aborted: it panicked"), "{error}");
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
}
