//! Pauses after failures of several kinds.

use std::sync::Mutex as Cell;

use http::StatusCode;

use super::super::*;
use crate::error::ServiceMessage;

struct Clocks(Cell<Moment>);

impl Clocks {
    fn start() -> Self {
        Self(Cell::new(Moment { monotonic: Duration::ZERO, wall: Duration::ZERO }))
    }

    fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(time);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn the_pause_of_a_refused_registration_does_not_depend_on_transient_failures_before() {
    let (gate, clocks) = (Gate::new("crawler-1"), Clocks::start());
    let mut pause = Duration::ZERO;
    for status in [503, 503, 503, 403] {
        clocks.pass(pause);
        let failed = || async move {
            Err(Error::service(StatusCode::from_u16(status).unwrap(), ServiceMessage::default(), None))
        };
        gate.register(&clocks, None, failed).await.unwrap_err();
        pause = gate.check(clocks.now()).unwrap_err().retry_after().unwrap();
    }
    assert!((128..=160).contains(&pause.as_secs()), "{pause:?}");
}
