//! The time and fresh ids of this machine.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use workspace_core::{Clock, Context, IdSource, Timestamp};

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

/// Ids that order by time, as UUIDv7 does (RFC 9562): 6 bytes of milliseconds,
/// big-endian, then 10 random ones. Within a source each is greater than the one
/// before, whatever the clock does.
#[derive(Debug, Default)]
pub struct RandomIds {
    last: Cell<[u8; 16]>,
}

impl IdSource for RandomIds {
    fn next(&self) -> [u8; 16] {
        let millis = SystemClock.now().as_millis().max(0) as u64;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        getrandom::fill(&mut id[6..]).expect("the system has random numbers");
        if id <= self.last.get() {
            id = after(self.last.get(), id);
        }
        self.last.set(id);
        id
    }
}

/// Raises the leading half of `last` by one and keeps the random end of `fresh`,
/// so that the next id can still not be guessed.
fn after(last: [u8; 16], fresh: [u8; 16]) -> [u8; 16] {
    let next = (u128::from_be_bytes(last) >> 64).wrapping_add(1) << 64;
    let random = u128::from(u128::from_be_bytes(fresh) as u64);
    (next | random).to_be_bytes()
}

/// Returns what a workspace needs from its runtime.
pub fn context() -> Context {
    Context {
        clock: Box::new(SystemClock),
        ids: Box::new(RandomIds::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_start_with_the_time() {
        let ids = RandomIds::default();
        let before = SystemClock.now().as_millis() as u64;
        let made: Vec<[u8; 16]> = (0..20_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&made[0][..6]);
        let first = u64::from_be_bytes(millis);
        assert!((before..before + 60_000).contains(&first), "{first}");
    }

    #[test]
    fn a_clock_that_goes_back_does_not_matter() {
        let ids = RandomIds::default();
        ids.last.set([0xf0; 16]);
        let made: Vec<_> = (0..100).map(|_| ids.next()).collect();
        assert!(made[0] > [0xf0; 16] && made.is_sorted_by(|a, b| a < b));
    }
}
