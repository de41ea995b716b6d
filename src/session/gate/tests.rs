//! The pauses between registrations, by a clock that the test sets.

use std::sync::Mutex as Cell;

use http::StatusCode;

use super::pause::STEADY;
use super::*;
use crate::error::{Limit, ServiceMessage};

mod contest;
mod dropped;
mod failures;
#[cfg(feature = "store")]
mod log;
mod registrations;

const HOUR: Duration = Duration::from_secs(60 * 60);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

struct Clocks(Cell<Moment>);

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

struct Fixture {
    gate: Gate,
    clocks: Clocks,
    registrations: Cell<Vec<Moment>>,
    start: Moment,
}

fn fixture() -> Fixture {
    let start = Moment { monotonic: HOUR, wall: HOUR };
    Fixture {
        gate: Gate::new("crawler-1"),
        clocks: Clocks(Cell::new(start)),
        registrations: Cell::default(),
        start,
    }
}

impl Fixture {
    fn pass(&self, time: Duration) {
        let mut now = self.clocks.0.lock().unwrap();
        *now = now.after(time);
    }

    async fn register_as(&self, outcome: Result<(), Error>) -> Result<Session, Error> {
        let registration = || async {
            let mut registrations = self.registrations.lock().unwrap();
            registrations.push(self.clocks.now());
            outcome.map(|()| {
                let number = registrations.len();
                Session::of(&format!("token-{number}"), LIFE, self.clocks.now())
            })
        };
        self.gate.register(&self.clocks, None, registration).await
    }

    async fn register(&self) -> Result<Session, Error> {
        self.register_as(Ok(())).await
    }

    fn refuse(&self, session: &Session, worked: bool) {
        let now = self.clocks.now();
        self.gate.refuse(session.access_token(), Refusal::of(session, worked, now), now);
    }

    /// How many registrations there were in each hour so far.
    fn hours(&self) -> Vec<usize> {
        let since = |at: &Moment| (at.since(self.start).as_secs() / HOUR.as_secs()) as usize;
        let mut hours = Vec::new();
        for hour in self.registrations.lock().unwrap().iter().map(since) {
            hours.resize(hours.len().max(hour + 1), 0);
            hours[hour] += 1;
        }
        hours
    }

    /// Lets six hours pass in which each token is refused right after it was issued.
    async fn fight(&self, worked: bool) {
        while self.clocks.now().since(self.start) < HOUR * 6 {
            match self.register().await {
                Ok(session) => self.refuse(&session, worked),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::DeviceInUse);
                    assert!(error.is_transient() && error.retry_after().is_some());
                }
            }
            self.pass(Duration::from_millis(500));
        }
    }
}

fn failure(status: u16, retry_after: Option<Duration>) -> Result<(), Error> {
    Err(Error::service(StatusCode::from_u16(status).unwrap(), ServiceMessage::default(), retry_after))
}

#[tokio::test]
async fn tokens_that_work_and_are_ended_are_replaced_ten_times_in_the_first_hour_at_most() {
    let fixture = fixture();
    fixture.fight(true).await;
    let hours = fixture.hours();
    assert!((7..=10).contains(&hours[0]), "{hours:?}");
    assert!(hours[1..].iter().all(|count| (2..=4).contains(count)), "{hours:?}");
}

#[tokio::test]
async fn tokens_that_never_work_are_replaced_five_times_in_the_first_hour_at_most() {
    let fixture = fixture();
    fixture.fight(false).await;
    let hours = fixture.hours();
    assert!((3..=5).contains(&hours[0]), "{hours:?}");
}

/// Clients of one device, each with a gate of its own, end each other's tokens.
#[tokio::test]
async fn several_clients_of_a_device_stay_within_the_bound_of_one() {
    let seed = std::env::var("TEST_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    fastrand::seed(seed);
    for count in [2, 3, 8, 20] {
        let clients: Vec<_> = (0..count).map(|_| fixture()).collect();
        let start = clients[0].start;
        let mut sessions = vec![None; count];
        let mut newest = count;
        while clients[0].clocks.now().since(start) < HOUR * 6 {
            for (number, client) in clients.iter().enumerate() {
                if number != newest {
                    if let Some(session) = sessions[number].take() {
                        client.refuse(&session, true);
                    }
                    if let Ok(session) = client.register().await {
                        sessions[number] = Some(session);
                        newest = number;
                    }
                }
                client.pass(Duration::from_secs(5));
            }
        }
        for client in &clients {
            let hours = client.hours();
            let is_paced = hours[0] <= 10 && hours[1..].iter().all(|count| *count <= 4);
            assert!(is_paced, "TEST_SEED={seed}, {count} clients: {hours:?}");
        }
    }
}

#[tokio::test]
async fn a_first_refusal_and_one_of_a_steady_token_are_answered_at_once() {
    let fixture = fixture();
    for _ in 0..5 {
        let session = fixture.register().await.unwrap();
        fixture.pass(STEADY);
        fixture.refuse(&session, true);
    }
    let first = fixture.register().await.unwrap();
    fixture.refuse(&first, true);
    // The last one was steady, so this is the second in a row only for a token that was not.
    assert!(fixture.register().await.is_err());
}

#[tokio::test]
async fn a_second_refusal_in_a_row_names_the_cause_although_the_pause_is_over() {
    let fixture = fixture();
    let session = fixture.register().await.unwrap();
    fixture.refuse(&session, true);
    assert!(fixture.gate.refused_again(false, fixture.clocks.now()).is_none());
    let session = fixture.register().await.unwrap();
    fixture.pass(Duration::from_secs(60));
    fixture.refuse(&session, true);
    let error = fixture.gate.refused_again(false, fixture.clocks.now());
    let error = error.map(|error| (error.kind(), error.retry_after()));
    assert_eq!(error, Some((ErrorKind::DeviceInUse, None)));
    fixture.register().await.unwrap();
}

#[tokio::test]
async fn the_error_names_the_device_and_what_to_do() {
    let fixture = fixture();
    for _ in 0..2 {
        let session = fixture.register().await.unwrap();
        fixture.refuse(&session, true);
    }
    let error = fixture.register().await.unwrap_err().to_string();
    for part in ["\"crawler-1\"", "share one store", "its own device id", "retry after 2 s"] {
        assert!(error.replace("retry after 3 s", "retry after 2 s").contains(part), "{error}");
    }
    fixture.gate.state().unreadable = Some("it was sealed with another key".to_owned());
    let error = fixture.register().await.unwrap_err().to_string();
    assert!(error.contains("it was sealed with another key"), "{error}");
}

#[tokio::test]
async fn a_refused_registration_is_repeated_after_two_and_then_twenty_minutes() {
    let fixture = fixture();
    while fixture.clocks.now().since(fixture.start) < HOUR {
        let error = fixture.register_as(failure(403, None)).await.unwrap_err();
        assert_eq!(error.status().map(u16::from), Some(403));
        fixture.pass(Duration::from_secs(1));
    }
    assert!((3..=5).contains(&fixture.hours()[0]), "{:?}", fixture.hours());
}

#[tokio::test]
async fn the_service_s_retry_after_counts_and_what_is_left_of_it_is_told() {
    let fixture = fixture();
    fixture.register_as(failure(429, Some(HOUR))).await.unwrap_err();
    fixture.pass(HOUR / 2);
    let error = fixture.register().await.unwrap_err();
    assert_eq!((error.status().map(u16::from), error.retry_after()), (Some(429), Some(HOUR / 2)));
    fixture.pass(HOUR / 2);
    fixture.register().await.unwrap();
    assert_eq!(fixture.hours(), [1, 1]);
}

#[tokio::test]
async fn a_transient_failure_pauses_for_a_minute_at_most() {
    let fixture = fixture();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        fixture.register_as(failure(503, None)).await.unwrap_err();
        let wait = fixture.gate.check(fixture.clocks.now()).unwrap_err().retry_after().unwrap();
        pauses.push(wait.as_secs());
        fixture.pass(wait);
    }
    assert_eq!(pauses[0], 1);
    assert!(pauses[9] >= 60 && pauses[9] <= 75, "{pauses:?}");
}

#[tokio::test]
async fn a_token_refused_after_a_lost_response_is_replaced_without_counting() {
    let fixture = fixture();
    let session = fixture.register().await.unwrap();
    let lost = Err(Error::timeout(Limit::Attempt(Duration::from_secs(10))));
    fixture.register_as(lost).await.unwrap_err();
    fixture.refuse(&session.replacing(5), true);
    fixture.pass(Duration::from_secs(2));
    assert_eq!(fixture.register().await.unwrap().replaced(), 1);
}

#[tokio::test]
async fn older_sessions_than_a_refused_one_are_refused_too() {
    let fixture = fixture();
    let older = fixture.register().await.unwrap();
    std::thread::sleep(Duration::from_millis(2));
    let newer = fixture.register().await.unwrap();
    fixture.refuse(&newer, true);
    assert!(fixture.gate.is_refused(&older) && fixture.gate.is_refused(&newer));
    std::thread::sleep(Duration::from_millis(2));
    let newest = fixture.register().await.unwrap();
    fixture.refuse(&older, true);
    assert!(!fixture.gate.is_refused(&newest));
}
