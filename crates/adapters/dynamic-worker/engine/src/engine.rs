//! The engine: made once, and kept in the snapshot.

use std::cell::RefCell;

use rquickjs::{Context, Ctx, Function, Module, Object, Persistent, Result, Runtime, Value};

use crate::{modules, natives};

/// What a run needs of it.
#[derive(Clone)]
pub(crate) struct Engine {
    /// Where the program runs.
    pub(crate) context: Context,
    /// The prelude's `run`.
    pub(crate) run: Persistent<Function<'static>>,
    /// What the code is handed.
    pub(crate) environment: Persistent<Value<'static>>,
    /// Tells the surroundings that a run begins.
    pub(crate) begin: Persistent<Function<'static>>,
    /// Tells the console what nobody caught.
    pub(crate) uncaught: Persistent<Function<'static>>,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// QuickJS looks at the shadow stack only, of 1 MiB: the host's has to be so much larger that
/// this one ends first.
pub(crate) const MAX_STACK: usize = 512 << 10;

/// A module's name in a program has no colon.
const PRELUDE: &str = "workspace:prelude";
const SURROUNDINGS: &str = "workspace:surroundings";

/// Makes the engine.
pub(crate) fn make() {
    let made = made().expect("the engine's own modules run");
    ENGINE.set(Some(made));
}

/// Returns the engine.
pub(crate) fn engine() -> Engine {
    if ENGINE.with_borrow(Option::is_none) {
        make();
    }
    ENGINE.with_borrow(Clone::clone).expect("it was made")
}

fn made() -> Result<Engine> {
    let runtime = Runtime::new()?;
    runtime.set_max_stack_size(MAX_STACK);
    runtime.set_loader(modules::Program, modules::Program);
    let context = Context::full(&runtime)?;
    let (run, environment, begin, uncaught) = context.with(|cx| -> Result<_> {
        let natives = natives::all(&cx)?;
        let surroundings = own(&cx, SURROUNDINGS, include_str!("surroundings.js"))?;
        surroundings
            .get::<_, Function>("surround")?
            .call::<_, ()>((natives.clone(),))?;
        let prelude = own(&cx, PRELUDE, include_str!("../../guest/prelude.js"))?;
        let line: Value = natives.get("line")?;
        prelude
            .get::<_, Function>("settle")?
            .call::<_, ()>((line,))?;
        let call: Value = natives.get("call")?;
        let environment: Value = prelude.get::<_, Function>("environment")?.call((call,))?;
        let run: Function = prelude.get("run")?;
        let begin: Function = surroundings.get("begin")?;
        let uncaught: Function = surroundings.get("uncaught")?;
        Ok((
            Persistent::save(&cx, run),
            Persistent::save(&cx, environment),
            Persistent::save(&cx, begin),
            Persistent::save(&cx, uncaught),
        ))
    })?;
    runtime.run_gc();
    Ok(Engine {
        context,
        run,
        environment,
        begin,
        uncaught,
    })
}

/// Runs a module of the engine's own, and returns what it exports.
fn own<'js>(cx: &Ctx<'js>, name: &str, source: &str) -> Result<Object<'js>> {
    let (module, evaluated) = Module::declare(cx.clone(), name, source)?.eval()?;
    evaluated.finish::<()>()?;
    module.namespace()
}
