//! The world `engine`: JavaScript, of which the files are called by their names.

use wasmtime::component::{Accessor, Component, HasSelf, Linker};
use wasmtime::{Engine, Result, Store};

use self::bindings::workspace::guest::{calls, console};
use super::Call;
use super::state::{State, ask, sleep};
use super::verdict::not_begun;
use crate::Level;

pub(super) use self::bindings::{EnginePre, Module};

/// What wasmtime makes of the world.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "engine",
        imports: { "workspace:guest/calls.call": trappable, "workspace:guest/calls.sleep": trappable },
    });
}

/// Links the engine.
pub(super) fn ready(engine: &Engine, component: &Component) -> Result<EnginePre<State>> {
    let mut linker = Linker::new(engine);
    calls::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    console::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    EnginePre::new(linker.instantiate_pre(component)?)
}

/// Runs modules in an instance of their own.
pub(super) async fn run(
    ready: &EnginePre<State>,
    store: &mut Store<State>,
    modules: Vec<Module>,
    input: String,
) -> Result<String> {
    let instance = ready.instantiate_async(&mut *store).await;
    let instance = instance.map_err(|error| not_begun(error, &store.data().memory))?;
    let run = async |run: &Accessor<State>| instance.call_run(run, modules, input).await;
    store.run_concurrent(run).await?
}

impl From<&crate::Module> for Module {
    fn from(module: &crate::Module) -> Self {
        Self {
            name: module.name.clone(),
            source: module.source.clone(),
        }
    }
}

impl From<console::Level> for Level {
    fn from(level: console::Level) -> Self {
        match level {
            console::Level::Debug => Self::Debug,
            console::Level::Log => Self::Log,
            console::Level::Info => Self::Info,
            console::Level::Warn => Self::Warn,
            console::Level::Error => Self::Error,
        }
    }
}

impl console::Host for State {
    fn line(&mut self, level: console::Level, text: String) {
        self.console.say(level.into(), text);
    }
}

impl calls::Host for State {
    fn seed(&mut self) -> u64 {
        // Without random numbers of the system there is the time, which is better than one
        // number for all.
        getrandom::u64().unwrap_or_else(|_| self.now().to_bits())
    }

    fn now(&mut self) -> f64 {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        // Of whole milliseconds, as `Date.now` tells it.
        since.map_or(0.0, |since| since.as_millis() as f64)
    }
}

impl<T: Send + 'static> calls::HostWithStore<T> for HasSelf<State> {
    async fn call(
        run: &Accessor<T, Self>,
        method: String,
        arguments: String,
        contents: Option<Vec<u8>>,
    ) -> Result<calls::Reply> {
        let call = Call {
            method,
            arguments,
            contents: contents.map(Into::into),
        };
        let reply = ask(run, call).await?;
        Ok(calls::Reply {
            json: reply.json,
            contents: reply.contents.map(Into::into),
        })
    }

    async fn sleep(run: &Accessor<T, Self>, millis: u32) -> Result<()> {
        sleep(run, millis).await
    }
}
