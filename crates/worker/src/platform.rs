//! What the JavaScript half does for this one: see `ts/platform.ts`.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use gloo_timers::future::sleep;
use js_sys::Promise;
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use workspace_core::{KeepRevisions, Result, Timestamp, Upkeep};
use workspace_http::{Access, Pulse, Timer};

/// How often a stream of events that has nothing to say says so.
const PULSE: Duration = Duration::from_secs(15);
const DAY: f64 = 24.0 * 60.0 * 60.0 * 1000.0;

#[wasm_bindgen]
extern "C" {
    /// Settings, and what JavaScript does better.
    #[derive(Debug, Clone)]
    pub type Platform;

    /// The root token.
    #[wasm_bindgen(method, getter)]
    fn token(this: &Platform) -> Option<String>;
    /// As many of the newest revisions are kept.
    #[wasm_bindgen(method, getter, js_name = keepRevisions)]
    fn keep_revisions(this: &Platform) -> Option<f64>;
    /// And those of as many days.
    #[wasm_bindgen(method, getter, js_name = keepDays)]
    fn keep_days(this: &Platform) -> Option<f64>;
    /// For how many milliseconds nothing must have changed before a collection.
    #[wasm_bindgen(method, getter)]
    fn idle(this: &Platform) -> Option<f64>;

    /// Stores a body of `size` bytes under `name`, and resolves to its SHA-256.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn upload(
        this: &Platform,
        name: &str,
        body: &JsValue,
        size: f64,
    ) -> std::result::Result<Promise, JsValue>;
    /// Is told after each request that was let in and may have changed something.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn changed(this: &Platform) -> std::result::Result<Promise, JsValue>;
}

impl Platform {
    /// Returns who may call.
    ///
    /// # Errors
    /// `Invalid` for a token that can be guessed.
    pub(crate) fn access(&self) -> Result<Access> {
        self.token()
            .map_or(Ok(Access::nobody()), |token| Access::root(&token))
    }

    /// Returns how house is kept at `now`, in milliseconds since 1970.
    pub(crate) fn upkeep(&self, now: f64) -> Upkeep {
        let default = Upkeep::default();
        let newest = self.keep_revisions();
        default
            .keep_revisions(newest.map(|newest| {
                KeepRevisions::default()
                    .newest(newest.max(1.0) as u64)
                    .since(
                        self.keep_days()
                            .map(|days| Timestamp::from_millis((now - days * DAY) as i64)),
                    )
            }))
            .idle(self.idle().map_or(default.idle, |idle| Some(idle as i64)))
    }

    /// Returns what ends bodies that do not come.
    pub(crate) fn timer() -> Timer {
        // Dropped, it is taken back: an object with a timer cannot sleep.
        Timer::new(|time| SendWrapper::new(sleep(time)).boxed())
    }

    /// Returns what keeps streams of events alive.
    pub(crate) fn pulse() -> Pulse {
        Pulse::new(|| {
            let ticks = stream::repeat(()).then(|()| SendWrapper::new(sleep(PULSE)));
            ticks.boxed()
        })
    }
}
