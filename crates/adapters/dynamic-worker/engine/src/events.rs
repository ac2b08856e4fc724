//! What a run waits for: replies of the host, and its timers.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use futures::future::LocalBoxFuture;
use rquickjs::function::Args;
use rquickjs::{Array, Ctx, Function, Persistent, Result, TypedArray, Value};

use crate::clock;
use crate::world::workspace::guest::calls::{self, Reply};

/// What has come.
pub(crate) enum Event {
    /// The reply to a call.
    Replied {
        /// What settles the promise of it.
        resolve: Persistent<Function<'static>>,
        /// The reply.
        reply: Reply,
    },
    /// The time of a timer, in milliseconds since 1970.
    Woke(f64),
}

type Waiting = LocalBoxFuture<'static, Event>;

/// A timer.
struct Timer {
    call: Persistent<Function<'static>>,
    arguments: Vec<Persistent<Value<'static>>>,
    /// The milliseconds after which it is set again.
    every: Option<f64>,
}

/// When a timer is due: its milliseconds since 1970, in bits that are ordered as those of
/// numbers from 0 are, and its own number.
type Due = (u64, u32);

/// What is waited for.
#[derive(Default)]
struct Waits {
    begun: Vec<Waiting>,
    replies: usize,
    timers: BTreeMap<Due, Timer>,
    due: HashMap<u32, u64>,
    last_timer: u32,
    /// The times of the sleeps that are under way.
    sleeps: Vec<f64>,
    /// What time it is at least: that of the sleep that ended last.
    time: f64,
}

thread_local! {
    static WAITS: RefCell<Waits> = RefCell::default();
}

/// The longest that a timer waits.
const MAX_DELAY: f64 = i32::MAX as f64;

fn bits(time: f64) -> u64 {
    time.max(0.0).to_bits()
}

/// Calls the host, and returns a promise of its reply.
pub(crate) fn call<'js>(
    cx: &Ctx<'js>,
    method: String,
    arguments: String,
    contents: Option<Vec<u8>>,
) -> Result<Value<'js>> {
    let (promise, resolve, _) = cx.promise()?;
    let resolve = Persistent::save(cx, resolve);
    let waiting = Box::pin(async move {
        let reply = calls::call(method, arguments, contents).await;
        Event::Replied { resolve, reply }
    });
    WAITS.with_borrow_mut(|waits| {
        waits.begun.push(waiting);
        waits.replies += 1;
    });
    Ok(promise.into_value())
}

/// Sets a timer, and returns its number.
pub(crate) fn set<'js>(
    cx: &Ctx<'js>,
    call: Function<'js>,
    delay: f64,
    repeats: bool,
    arguments: Vec<Value<'js>>,
) -> u32 {
    let delay = match delay.is_nan() {
        true => 0.0,
        false => delay.clamp(0.0, MAX_DELAY),
    };
    let arguments = arguments.into_iter().map(|one| Persistent::save(cx, one));
    let timer = Timer {
        call: Persistent::save(cx, call),
        arguments: arguments.collect(),
        every: repeats.then(|| delay.max(1.0)),
    };
    WAITS.with_borrow_mut(|waits| {
        waits.last_timer = waits.last_timer.wrapping_add(1);
        let id = waits.last_timer;
        let now = clock::now().max(waits.time);
        waits.put(id, now + delay, timer);
        id
    })
}

/// Takes a timer away, if it is there.
pub(crate) fn clear(id: u32) {
    WAITS.with_borrow_mut(|waits| {
        if let Some(due) = waits.due.remove(&id) {
            waits.timers.remove(&(due, id));
        }
    });
}

impl Waits {
    fn put(&mut self, id: u32, time: f64, timer: Timer) {
        self.due.insert(id, bits(time));
        self.timers.insert((bits(time), id), timer);
    }

    /// Sleeps until the first timer, unless something does already.
    fn sleep(&mut self) {
        let Some(((due, _), _)) = self.timers.first_key_value() else {
            return;
        };
        let until = f64::from_bits(*due);
        if self.sleeps.iter().any(|sleep| *sleep <= until) {
            return;
        }
        self.sleeps.push(until);
        let millis = (until - clock::now()).max(0.0).ceil();
        self.begun.push(Box::pin(async move {
            // At most `MAX_DELAY`, which it holds.
            calls::sleep(millis as u32).await;
            Event::Woke(until)
        }));
    }
}

/// Returns what is to be waited for beside what is waited for already, or `None` where nothing
/// can come any more.
pub(crate) fn begun() -> Option<Vec<Waiting>> {
    WAITS.with_borrow_mut(|waits| {
        if waits.replies == 0 && waits.timers.is_empty() {
            return None;
        }
        waits.sleep();
        Some(std::mem::take(&mut waits.begun))
    })
}

/// Runs the first timer that is due; tells whether one was.
pub(crate) fn fire(cx: &Ctx<'_>) -> Result<bool> {
    let due = WAITS.with_borrow_mut(|waits| {
        let entry = waits.timers.first_entry()?;
        let (time, id) = *entry.key();
        if f64::from_bits(time) > waits.time {
            return None;
        }
        let timer = entry.remove();
        waits.due.remove(&id);
        let call = timer.call.clone();
        let arguments = timer.arguments.clone();
        if let Some(every) = timer.every {
            waits.put(id, waits.time + every, timer);
        }
        Some((call, arguments))
    });
    let Some((call, arguments)) = due else {
        return Ok(false);
    };
    let mut passed = Args::new(cx.clone(), arguments.len());
    for argument in arguments {
        passed.push_arg(argument.restore(cx)?)?;
    }
    call.restore(cx)?.call_arg::<()>(passed)?;
    Ok(true)
}

/// Tells the program what has come.
pub(crate) fn settle(cx: &Ctx<'_>, event: Event) -> Result<()> {
    match event {
        Event::Woke(until) => WAITS.with_borrow_mut(|waits| {
            waits.sleeps.retain(|sleep| *sleep != until);
            waits.time = waits.time.max(until);
            Ok(())
        }),
        Event::Replied { resolve, reply } => {
            WAITS.with_borrow_mut(|waits| waits.replies = waits.replies.saturating_sub(1));
            let answer = Array::new(cx.clone())?;
            answer.set(0, reply.json)?;
            if let Some(contents) = reply.contents {
                answer.set(1, TypedArray::<u8>::new(cx.clone(), contents)?)?;
            }
            resolve.restore(cx)?.call((answer,))
        }
    }
}
