//! Makes a component of a core module of wasm: `xtask-engine IN.wasm OUT.wasm [--snapshot]`.
//! With `--snapshot` its export `init` is called first, and what memory is then is what the
//! component begins with.
//!
//! A program of its own, so that the tasks that need no engine do not wait for its build.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use wasmtime::{Engine, Instance, Linker, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};
use wit_component::ComponentEncoder;

const INIT: &str = "init";

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let input = arguments
        .next()
        .map(PathBuf::from)
        .context("which module?")?;
    let output = arguments
        .next()
        .map(PathBuf::from)
        .context("to which file?")?;
    let mut core = fs::read(&input).with_context(|| format!("reading {}", input.display()))?;
    if arguments
        .next()
        .is_some_and(|option| option == "--snapshot")
    {
        let kept = waited(snapshot(&core));
        core = kept.map_err(|error| anyhow!("the snapshot: {error:#}"))?;
    }
    let component = ComponentEncoder::default()
        .module(&core)?
        .validate(true)
        .encode()?;
    fs::write(&output, component).with_context(|| format!("writing {}", output.display()))
}

/// Runs a future that waits for nothing outside of this process.
fn waited<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(ready) = future.as_mut().poll(&mut cx) {
            return ready;
        }
    }
}

/// Returns the module as it is after `init`.
async fn snapshot(core: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.init_func(INIT).keep_init_func(true);
    let (context, instrumented) = wizer.instrument(core)?;
    let engine = Engine::default();
    let module = Module::new(&engine, instrumented)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    // Nothing of the host is there yet.
    linker.define_unknown_imports_as_traps(&module)?;
    let instance = linker.instantiate_async(&mut store, &module).await?;
    let init = instance.get_typed_func::<(), ()>(&mut store, INIT)?;
    init.call_async(&mut store, ()).await?;
    let mut state = State { store, instance };
    wizer.snapshot(&context, &mut state).await
}

/// What Wizer reads of an instance.
struct State {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for State {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name);
        let value = global.expect("Wizer exported it").get(&mut self.store);
        match value {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(value) => SnapshotVal::F32(value),
            Val::F64(value) => SnapshotVal::F64(value),
            other => unreachable!("a global of QuickJS is a number, and not {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name);
        contents(memory.expect("Wizer exported it").data(&self.store));
    }
}
