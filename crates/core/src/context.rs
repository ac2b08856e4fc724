//! What the runtime passes in: the time, and fresh ids.

use std::cell::Cell;
use std::fmt;

use crate::entry::Timestamp;

/// Tells the time.
pub trait Clock {
    /// Returns the present time.
    fn now(&self) -> Timestamp;
}

/// Makes ids.
pub trait IdSource {
    /// Returns 16 bytes that were never returned before and cannot be guessed: at
    /// least 64 of their bits come from a generator that is fit for secrets.
    /// Later ones should order after earlier ones (as UUIDv7 does), which keeps
    /// the rows of a store in the order they were made.
    fn next(&self) -> [u8; 16];
}

/// What an id is made from: 10 random bytes, and milliseconds since 1970.
pub type IdSeed = ([u8; 10], u64);

/// Ids that order by time, as UUIDv7 does (RFC 9562): 6 bytes of milliseconds,
/// big-endian, then 10 random ones. Within a source each is greater than the one
/// before, although a clock may stand still or go back.
pub struct OrderedIds<F> {
    seed: F,
    last: Cell<[u8; 16]>,
}

impl<F: Fn() -> IdSeed> OrderedIds<F> {
    /// Takes what returns 10 random bytes, from a generator that is fit for secrets,
    /// and the present time in milliseconds.
    pub fn new(seed: F) -> Self {
        Self {
            seed,
            last: Cell::default(),
        }
    }
}

impl<F: Fn() -> IdSeed> IdSource for OrderedIds<F> {
    fn next(&self) -> [u8; 16] {
        let (random, millis) = (self.seed)();
        let mut id = [0; 16];
        id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        let last = self.last.get();
        if id <= last {
            // One more than the leading half of the last, and the random end of
            // this one: later, and still not to be guessed.
            let next = (u128::from_be_bytes(last) >> 64).wrapping_add(1) << 64;
            id = (next | u128::from(u128::from_be_bytes(id) as u64)).to_be_bytes();
        }
        self.last.set(id);
        id
    }
}

impl<F> fmt::Debug for OrderedIds<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedIds").finish_non_exhaustive()
    }
}

/// What a workspace needs from its runtime.
pub struct Context {
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Makes the ids of copies, the keys of objects, and tokens.
    pub ids: Box<dyn IdSource>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_while_the_clock_stands_still_or_goes_back() {
        let time = Cell::new(0x0123_4567_89ab);
        let random = Cell::new(0u8);
        let ids = OrderedIds::new(|| {
            random.set(random.get().wrapping_mul(5).wrapping_add(7));
            ([random.get(); 10], time.get())
        });
        let mut made = vec![ids.next()];
        assert_eq!(made[0][..6], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab]);
        for (millis, count) in [(0x0123_4567_89ab, 1_000), (5, 1_000), (1 << 47, 10)] {
            time.set(millis);
            made.extend((0..count).map(|_| ids.next()));
        }
        assert!(made.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_id_is_not_repeated_where_its_seed_is() {
        let ids = OrderedIds::new(|| ([7; 10], 5));
        let made: Vec<_> = (0..100).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(
            made.iter().all(|id| id[8..] == [7; 8]),
            "the end stays random"
        );
    }
}
