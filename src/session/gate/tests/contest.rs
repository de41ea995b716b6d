//! Clients that compete for one device, by a clock that the test sets.

use std::sync::Mutex as Cell;

use super::super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

struct Clocks(Cell<Moment>);

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// The most registrations that a client of `count` makes in an hour, for each hour.
fn contest(count: usize, worked: bool, hours: usize) -> Vec<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clocks = Clocks(Cell::new(Moment { monotonic: HOUR, wall: HOUR }));
    let start = clocks.now();
    let gates: Vec<_> = (0..count).map(|number| Gate::new(&number.to_string())).collect();
    let mut sessions: Vec<Option<Session>> = vec![None; count];
    let mut cache = usize::MAX;
    let mut made = vec![vec![0; count]; hours];
    let mut number: i64 = 0;
    while clocks.now().since(start) < HOUR * hours as u32 {
        for (client, gate) in gates.iter().enumerate() {
            if cache != client
                && let Some(session) = sessions[client].take()
            {
                gate.refuse(
                    session.access_token(),
                    Refusal::of(&session, worked, clocks.now()),
                    clocks.now(),
                );
            }
            if sessions[client].is_none() {
                number += 1;
                let issued = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(number);
                let session = Session::issued(&number.to_string(), issued, LIFE, clocks.now());
                let registered = runtime.block_on(gate.register(&clocks, None, || async { Ok(session) }));
                if let Ok(session) = registered {
                    let hour = (clocks.now().since(start).as_secs() / 3600) as usize;
                    made[hour][client] += 1;
                    cache = client;
                    sessions[client] = Some(session);
                }
            }
        }
        let now = clocks.now().after(Duration::from_secs(2));
        *clocks.0.lock().unwrap() = now;
    }
    made.iter().map(|clients| *clients.iter().max().unwrap()).collect()
}

#[test]
fn clients_that_compete_register_ten_times_in_the_first_hour_and_then_four_at_most_however_many_they_are() {
    for worked in [true, false] {
        for count in [2, 3, 4, 5, 8, 16] {
            let hours = contest(count, worked, 8);
            let what = format!("{count} clients, tokens that worked: {worked}: {hours:?}");
            assert!(hours[0] <= if worked { 10 } else { 5 }, "{what}");
            assert!(hours[1..].iter().all(|registrations| (1..=4).contains(registrations)), "{what}");
        }
    }
}
