//! Counts the allocations per cached token, for this crate and the others. It prints one line per crate.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use gcp_auth::TokenProvider;
use social_plus_bot_peers::{Peers, SCOPES};
use tokio::runtime::Builder;

const CALLS: u32 = 1_000;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peers = runtime.block_on(Peers::start());
    let _within = runtime.enter();
    count("ours", || peers.ours.access_token());
    count("gcp_auth", || peers.gcp_auth.token(SCOPES));
    count("yup-oauth2", || peers.yup_oauth2.token(SCOPES));
    count("google-cloud-auth", || peers.google_cloud_auth.access_token());
    peers.assert_cached();
}

fn count<F, T, E>(name: &str, token: impl Fn() -> F)
where
    F: Future<Output = Result<T, E>>,
    E: std::fmt::Debug,
{
    // A cached token is ready at the first poll, so all allocations are on this thread.
    let call = || match pin!(token()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => drop(black_box(token.unwrap())),
        Poll::Pending => panic!("{name}: the token was not cached"),
    };
    call();
    let allocations = measure(|| (0..CALLS).for_each(|_| call())).count_total;
    println!("{name} {}", allocations as f64 / f64::from(CALLS));
}
