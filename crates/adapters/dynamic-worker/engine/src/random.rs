//! Random numbers of the host: a snapshot would freeze a seed of its own.

use std::cell::Cell;

use crate::world::workspace::guest::calls;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Takes a seed for this run.
pub(crate) fn start() {
    STATE.set(calls::seed());
}

/// Returns a number of `Math.random`: at least 0 and less than 1. SplitMix64, by Steele, Lea
/// and Flood.
pub(crate) fn number() -> f64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns bytes that nobody can foretell: each comes of the host.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count.saturating_add(7));
    while bytes.len() < count {
        bytes.extend(calls::seed().to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}
