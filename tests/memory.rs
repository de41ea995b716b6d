//! A body that never seems to end is not held in memory.
//!
//! Alone in its file, so that nothing else allocates meanwhile.

use peak_alloc::PeakAlloc;
use social_plus_bot::sandbox::{Fault, Sandbox};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const LIMIT: usize = 1 << 20;
const BODY: u64 = 30 << 20;

#[tokio::test]
async fn thirty_megabytes_cost_no_more_than_the_limit_on_answers() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    // What is set up once, connections and schemas, is not counted.
    bot.register().await.unwrap();
    for announced in [true, false] {
        sandbox.fail_next(Fault::oversized(BODY, announced));
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        bot.register().await.unwrap_err();
        let grown = ALLOCATOR.peak_usage().saturating_sub(before);
        // A growing buffer exists twice while it moves; the rest is the sockets'.
        assert!(grown < 4 * LIMIT, "{grown} bytes more, announced: {announced}");
    }
}
