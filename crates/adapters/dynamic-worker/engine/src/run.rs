//! A run: jobs until none is left, then the first of what is waited for, until the program's
//! promise is settled.

use futures::stream::{FuturesUnordered, StreamExt};
use rquickjs::promise::PromiseState;
use rquickjs::{CatchResultExt, CaughtError, Ctx, Exception, Function, Module, Persistent};
use rquickjs::{Promise, Result};

use crate::engine::{Engine, engine};
use crate::world::Module as Given;
use crate::{clock, events, modules, random};

/// How a run ends that waits for nothing.
const STALLED: &str = r#"{"ended":"threw","name":"Error","message":"the program waits for what cannot happen","stack":""}"#;
/// How one ends where not even that could be told; which limit that is, the host knows better.
const SPENT: &str = r#"{"ended":"limit","limit":"memory"}"#;
const EMPTY: &str =
    r#"{"ended":"threw","name":"Error","message":"a program has a module","stack":""}"#;

/// Runs a program; returns how it ended, as the prelude tells it.
pub(crate) async fn run(program: Vec<Given>, input: String) -> String {
    let engine = engine();
    clock::start();
    random::start();
    let Some(main) = modules::start(program) else {
        return EMPTY.into();
    };
    let begun = engine
        .context
        .with(|cx| begin(&cx, &engine, main, input).catch(&cx).map_err(told));
    let promise = match begun {
        Ok(promise) => promise,
        Err(ended) => return ended,
    };
    let mut waiting = FuturesUnordered::new();
    loop {
        let ended = engine.context.with(|cx| turn(&cx, &engine, &promise));
        if let Some(ended) = ended {
            return ended;
        }
        let Some(begun) = events::begun() else {
            return STALLED.into();
        };
        waiting.extend(begun);
        let Some(event) = waiting.next().await else {
            return STALLED.into();
        };
        let settled = engine
            .context
            .with(|cx| events::settle(&cx, event).catch(&cx).map_err(told));
        if let Err(ended) = settled {
            return ended;
        }
    }
}

/// Calls the prelude.
fn begin<'js>(
    cx: &Ctx<'js>,
    engine: &Engine,
    main: String,
    input: String,
) -> Result<Persistent<Promise<'static>>> {
    engine.begin.clone().restore(cx)?.call::<_, ()>(())?;
    let load = Function::new(cx.clone(), move |cx: Ctx<'js>| Module::import(&cx, &*main))?;
    let environment = engine.environment.clone().restore(cx)?;
    let run = engine.run.clone().restore(cx)?;
    let promise: Promise = run.call((load, environment, input))?;
    Ok(Persistent::save(cx, promise))
}

/// Runs all that can run without waiting. Returns how the program ended, if it did.
fn turn(cx: &Ctx<'_>, engine: &Engine, promise: &Persistent<Promise<'static>>) -> Option<String> {
    loop {
        while cx.execute_pending_job() {}
        let result = (|| -> Result<_> {
            let promise = promise.clone().restore(cx)?;
            match promise.state() {
                PromiseState::Pending => Ok(None),
                _ => promise.finish::<String>().map(Some),
            }
        })();
        match result.catch(cx) {
            Ok(None) => {}
            Ok(Some(ended)) => return Some(ended),
            Err(error) => return Some(told(error)),
        }
        match events::fire(cx).catch(cx) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => uncaught(cx, engine, error),
        }
    }
}

/// What a timer throws is said on the console, and ends nothing.
fn uncaught<'js>(cx: &Ctx<'js>, engine: &Engine, error: CaughtError<'js>) {
    let value = match error {
        CaughtError::Exception(exception) => exception.into_value(),
        CaughtError::Value(value) => value,
        CaughtError::Error(_) => return,
    };
    let said = (|| engine.uncaught.clone().restore(cx)?.call::<_, ()>((value,)))();
    if said.is_err() {
        cx.catch();
    }
}

/// Tells of an error that the prelude could not tell of: the engine had no memory left for
/// it, or no stack.
fn told(error: CaughtError<'_>) -> String {
    let exception: Option<Exception<'_>> = match error {
        CaughtError::Exception(exception) => Some(exception),
        _ => None,
    };
    let message = exception.and_then(|exception| exception.message());
    match message {
        Some(message) if message.contains("call stack") => {
            r#"{"ended":"limit","limit":"stack"}"#.into()
        }
        _ => SPENT.into(),
    }
}
