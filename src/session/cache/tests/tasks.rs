//! Registrations whose task, runtime or client ends.

use super::*;

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
async fn dropping_the_last_client_cancels_the_registration() {
    let fixture = fixture();
    fixture.service.shut();
    drop(fixture.herd(1).await);
    drop(fixture.cache);
    while fixture.service.given_up.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::strong_count(&fixture.service), 1);
}

#[test]
fn a_registration_lost_with_its_runtime_is_replaced() {
    let fixture = fixture();
    fixture.service.shut();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let lost = runtime();
    lost.block_on(async { drop(fixture.herd(1).await) });
    drop(lost);
    fixture.service.open();
    assert_eq!(runtime().block_on(fixture.token()).unwrap(), "token-2");
}

#[test]
fn a_registration_on_a_runtime_that_stands_still_is_replaced() {
    let fixture = fixture();
    fixture.service.shut();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let still = runtime();
    still.block_on(async { drop(fixture.herd(1).await) });
    fixture.service.open();
    assert_eq!(runtime().block_on(fixture.token()).unwrap(), "token-2");
    drop(still);
}

#[test]
fn without_a_runtime_a_working_token_is_still_given() {
    let fixture = fixture();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fixture.token()).unwrap();
    fixture.clocks.pass(LIFE.mul_f64(0.80));
    let mut token = std::pin::pin!(fixture.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        matches!(token.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(token)) if token == "token-1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_panics_fails() {
    let service = Arc::new(Panicking(AtomicUsize::new(0)));
    let cache = SessionCache::new(Arc::clone(&service), "crawler-1", fixture().clocks);
    let error = cache.access_token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the registration was aborted: it panicked"), "{error}");
    assert_eq!(service.0.load(Ordering::SeqCst), 1);
}
