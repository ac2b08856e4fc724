//! What the JavaScript half does for this one: see `ts/platform.ts`.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use gloo_timers::future::sleep;
use js_sys::Promise;
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use workspace_core::{KeepRevisions, Result, Timestamp, Upkeep};
use workspace_http::{Access, Origins, Pulse, Timer};

/// How often a stream of events that has nothing to say says so.
const PULSE: Duration = Duration::from_secs(15);
const DAY: f64 = 24.0 * 60.0 * 60.0 * 1000.0;

#[wasm_bindgen]
extern "C" {
    /// Settings, and what JavaScript does better.
    #[derive(Debug, Clone)]
    pub type Platform;

    /// The root token, or several with white space between them.
    #[wasm_bindgen(method, getter)]
    fn token(this: &Platform) -> Option<String>;
    /// The origins whose pages may ask.
    #[wasm_bindgen(method, getter)]
    fn origins(this: &Platform) -> Option<String>;
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
    /// Resolves once it has done what that takes; nothing where there is nothing to do.
    pub(crate) fn changed(this: &Platform) -> std::result::Result<Option<Promise>, JsValue>;
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

    /// Returns whose pages may ask.
    ///
    /// # Errors
    /// `Invalid` for what is no origin.
    pub(crate) fn allowed(&self) -> Result<Origins> {
        Origins::new(&self.origins().unwrap_or_default())
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
        Timer::new(|time| SendWrapper::new(Sleep::new(time)).boxed())
    }

    /// Returns what keeps streams of events alive.
    pub(crate) fn pulse() -> Pulse {
        Pulse::new(|| {
            let ticks = stream::repeat(()).then(|()| SendWrapper::new(sleep(PULSE)));
            ticks.boxed()
        })
    }
}

/// How late a [`Sleep`] may end.
const TICK: Duration = Duration::from_secs(1);

/// Resolves after a time, a second late at most. One timer of the platform's is for all
/// of them: nearly every body is there long before its time is over, and a timer each
/// would cost more than the rest of its request's waiting. It ends with the last of them,
/// as an object with a timer cannot sleep.
struct Sleep {
    /// When it is over, in milliseconds since 1970.
    until: f64,
    /// Its place among those that sleep.
    place: Option<usize>,
}

#[derive(Default)]
struct Sleepers {
    wakers: Vec<Option<(f64, Waker)>>,
    free: Vec<usize>,
    ticking: bool,
}

thread_local! {
    static SLEEPERS: RefCell<Sleepers> = RefCell::default();
}

impl Sleep {
    fn new(time: Duration) -> Self {
        Self {
            until: js_sys::Date::now() + time.as_millis() as f64,
            place: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if js_sys::Date::now() >= self.until {
            return Poll::Ready(());
        }
        let (until, waker) = (self.until, context.waker().clone());
        SLEEPERS.with_borrow_mut(|sleepers| {
            let place = self.place.or_else(|| sleepers.free.pop());
            let place = place.unwrap_or_else(|| {
                sleepers.wakers.push(None);
                sleepers.wakers.len() - 1
            });
            sleepers.wakers[place] = Some((until, waker));
            self.place = Some(place);
            if !sleepers.ticking {
                sleepers.ticking = true;
                wasm_bindgen_futures::spawn_local(tick());
            }
        });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            SLEEPERS.with_borrow_mut(|sleepers| {
                sleepers.wakers[place] = None;
                sleepers.free.push(place);
            });
        }
    }
}

/// Wakes who has slept for long enough, until nobody sleeps.
async fn tick() {
    loop {
        sleep(TICK).await;
        let now = js_sys::Date::now();
        let due = SLEEPERS.with_borrow_mut(|sleepers| {
            let asleep = sleepers.wakers.iter().flatten();
            let due: Vec<Waker> = asleep
                .filter(|(until, _)| *until <= now)
                .map(|(_, waker)| waker.clone())
                .collect();
            if sleepers.free.len() == sleepers.wakers.len() {
                *sleepers = Sleepers::default();
                return None;
            }
            Some(due)
        });
        let Some(due) = due else { return };
        due.into_iter().for_each(Waker::wake);
    }
}
