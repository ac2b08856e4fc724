//! The time and fresh ids of a Worker.

use workspace_core::{Clock, Context, IdSeed, OrderedIds, Timestamp};

use crate::sys;

/// The runtime's clock, which moves only when a Worker waits for something.
#[derive(Debug, Clone, Copy, Default)]
pub struct DoClock;

impl Clock for DoClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }
}

/// Returns what a workspace needs from its runtime.
pub fn context() -> Context {
    Context {
        clock: Box::new(DoClock),
        ids: Box::new(OrderedIds::new(seed)),
    }
}

fn seed() -> IdSeed {
    let mut random = [0; 10];
    sys::get_random_values(&mut random);
    (random, DoClock.now().as_millis().max(0) as u64)
}
