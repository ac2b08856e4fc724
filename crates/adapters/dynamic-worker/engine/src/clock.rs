//! The one clock: that of the host, which is not there yet while the snapshot is taken.

use std::cell::Cell;

use crate::world::workspace::guest::calls;

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// Lets the clock tell the time from here on: a run has begun.
pub(crate) fn start() {
    RUNS.set(true);
}

/// Returns milliseconds since 1970.
pub(crate) fn now() -> f64 {
    match RUNS.get() {
        true => calls::now(),
        false => 0.0,
    }
}

/// What the C library asks for the time: microseconds since 1970.
// SAFETY: nothing else is named so, and rquickjs-sys imports it with this signature.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    now() * 1_000.0
}
