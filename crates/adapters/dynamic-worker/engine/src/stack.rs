//! Whether a program came to the end of its stack, told by what it left there: memory that was
//! never used is zero. The program has no way to write there but to go so deep.

use std::hint::black_box;

use crate::engine::MAX_STACK;

/// So near to the end it came where QuickJS found that there is no more: what it is about to
/// put there is counted.
const NEAR: usize = 32 << 10;

/// Returns where the stack is now.
#[inline(never)]
pub(crate) fn top() -> usize {
    let here = 0_u8;
    black_box(&raw const here).addr()
}

/// Tells whether the stack has been as deep as it may be, or nearly.
pub(crate) fn came_to_its_end(top: usize) -> bool {
    let end = top.saturating_sub(MAX_STACK) & !7;
    let used = |at: &usize| {
        // SAFETY: the stack is at the beginning of this memory, and twice as large as what the
        // program may use of it, so all of this is in it, and aligned. It is below what is
        // used now; whatever has been written there is a number.
        let word = unsafe { std::ptr::with_exposed_provenance::<u64>(*at).read_volatile() };
        word != 0
    };
    (end..end + NEAR).step_by(8).any(|at| used(&at))
}
