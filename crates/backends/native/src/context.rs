//! The time and fresh ids of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use workspace_core::{Clock, Context, IdSeed, OrderedIds, Timestamp};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        timestamp(SystemTime::now())
    }
}

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
        }
    };
    Timestamp::from_millis(millis)
}

/// Returns what a workspace needs from its runtime.
pub fn context() -> Context {
    Context {
        clock: Box::new(SystemClock),
        ids: Box::new(OrderedIds::new(seed)),
    }
}

fn seed() -> IdSeed {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("the system has random numbers");
    (random, SystemClock.now().as_millis().max(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_start_with_the_time() {
        let ids = context().ids;
        let before = SystemClock.now().as_millis() as u64;
        let made: Vec<[u8; 16]> = (0..20_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&made[0][..6]);
        let first = u64::from_be_bytes(millis);
        assert!((before..before + 60_000).contains(&first), "{first}");
    }
}
