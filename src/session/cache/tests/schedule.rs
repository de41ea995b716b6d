//! When a session is refreshed, and when it expires.

use super::*;

#[tokio::test(start_paused = true)]
async fn refreshing_does_not_delay_callers() {
    let fixture = fixture();
    fixture.token().await.unwrap();
    fixture.clocks.pass(LIFE.mul_f64(0.74));
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    assert_eq!(fixture.service.asked(), 1);

    fixture.clocks.pass(LIFE.mul_f64(0.06));
    fixture.service.shut();
    for _ in 0..10 {
        assert_eq!(fixture.token().await.unwrap(), "token-1");
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.service.asked(), 2);
    fixture.service.open();
    fixture.settle().await;
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn failed_refreshes_back_off() {
    let fixture = fixture();
    fixture.token().await.unwrap();
    fixture.clocks.pass(LIFE.mul_f64(0.80));
    fixture.service.will((0..12).map(|_| failure(503)));
    let mut pauses = Vec::new();
    for failures in 1..=12 {
        assert_eq!(fixture.token().await.unwrap(), "token-1");
        fixture.settle().await;
        assert_eq!(fixture.service.asked(), failures + 1);
        let mut pause = Duration::ZERO;
        while fixture.service.asked() == failures + 1 {
            fixture.clocks.pass(Duration::from_secs(1));
            pause += Duration::from_secs(1);
            assert_eq!(fixture.token().await.unwrap(), "token-1");
            tokio::task::yield_now().await;
        }
        pauses.push(pause.as_secs());
    }
    for (number, pause) in pauses.iter().enumerate() {
        let least = (30 << number).min(15 * 60);
        assert!((least..=least * 5 / 4 + 1).contains(pause), "{pauses:?}");
    }
    fixture.settle().await;
    assert_eq!(fixture.token().await.unwrap(), "token-14");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_until_expiry_returns_the_last_error() {
    let fixture = fixture();
    fixture.service.will([Ok(Session::of("short", Duration::from_secs(600), fixture.clocks.now()))]);
    fixture.service.will((0..1000).map(|_| failure(502)));
    fixture.token().await.unwrap();
    for second in 0..570 {
        assert_eq!(fixture.token().await.unwrap(), "short", "after {second} s");
        fixture.settle().await;
        fixture.clocks.pass(Duration::from_secs(1));
    }
    assert!(fixture.service.asked() < 40, "{} registrations", fixture.service.asked());
    assert_eq!(fixture.token().await.unwrap_err().status().map(u16::from), Some(502));
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_thirty_seconds_or_a_tenth_of_its_life_early() {
    for (life, usable) in [(600, 570), (300, 270), (60, 54), (10, 9)] {
        let fixture = fixture();
        fixture.service.will([Ok(Session::of("first", Duration::from_secs(life), fixture.clocks.now()))]);
        fixture.token().await.unwrap();
        fixture.service.will((0..10).map(|_| failure(503)));
        fixture.clocks.pass(Duration::from_secs(usable) - Duration::from_millis(1));
        assert_eq!(fixture.token().await.unwrap(), "first", "{life}");
        fixture.settle().await;
        fixture.clocks.pass(Duration::from_millis(1));
        assert!(fixture.token().await.is_err(), "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_points_differ_within_the_jitter() {
    let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    fastrand::seed(seed);
    let now = fixture().clocks.now();
    let session = Arc::new(Session::of("token", LIFE, now));
    let points: Vec<_> = (0..1000)
        .map(|_| {
            now.until(CachedSession::new(Arc::clone(&session), false, now).load_at).as_secs_f64()
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
    let fixture = fixture();
    fixture.token().await.unwrap();
    fixture.clocks.set_wall(|wall| wall - DAY);
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    fixture.clocks.pass(LIFE);
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_steps_forward_causes_one_renewal_at_most() {
    let fixture = fixture();
    fixture.token().await.unwrap();
    fixture.clocks.set_wall(|wall| wall + DAY);
    assert_eq!(fixture.token().await.unwrap(), "token-1");
    fixture.clocks.set_wall(|wall| wall + LIFE);
    for _ in 0..100 {
        assert_eq!(fixture.token().await.unwrap(), "token-2");
    }
    assert_eq!(fixture.service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_past_the_end_registers_again() {
    let fixture = fixture();
    fixture.service.will([Ok(Session::of("first", 7 * DAY, fixture.clocks.now()))]);
    fixture.token().await.unwrap();
    // While it sleeps, the monotonic clock stands still.
    fixture.clocks.set_wall(|wall| wall + 7 * DAY);
    assert_eq!(fixture.token().await.unwrap(), "token-2");
    assert_eq!(fixture.service.asked(), 2);
}
