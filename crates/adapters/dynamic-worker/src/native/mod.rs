//! The host in wasmtime: JavaScript by the engine of `engine/`, and components of the world
//! `program`, in a fresh instance a run.
//!
//! A run is two tasks. [`run`] is the one on a thread of the host's own, which polls the wasm
//! and nothing else; [`caller`] is the other, on the caller's, which answers the calls.

mod answers;
mod caller;
mod engine;
mod javascript;
mod memory;
mod orders;
mod program;
mod run;
mod state;
mod stripper;
mod threads;
mod ticker;
mod verdict;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use bytes::Bytes;
use futures::future::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;
use workspace_core::{Error, ErrorKind, Reason, Result};

use crate::native::state::State;
use crate::{Ended, Execution, Limit, Limits, Program, Reply};

/// How the host is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where the engine, and what strips types, are kept as they were compiled, so that the next
    /// process need not wait for them: a second or two each. A directory that nobody else can write; what is in it is run.
    pub directory: Option<PathBuf>,
    /// How many programs run at once, up to 10; the others wait in order.
    pub at_once: usize,
}

impl Default for Options {
    /// Returns two programs for each core, and no directory.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            directory: None,
            at_once: cores.saturating_mul(2),
        }
    }
}

/// The place of a program that runs, which is free when this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// The most programs that run at once.
const MAX_AT_ONCE: usize = 10;

/// What is to be run.
#[derive(Debug, Clone)]
pub enum Code {
    /// Modules of JavaScript, or of TypeScript of which the types can be stripped.
    Modules(Program),
    /// A component of the world `program`, by [`Native::compile`].
    Component(Compiled),
}

/// A component that is ready to run on the host that compiled it.
#[derive(Clone)]
pub struct Compiled {
    ready: Arc<program::ProgramPre<State>>,
    size: usize,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("size", &self.size)
            .finish()
    }
}

/// A call of the files by its name in camelCase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Its arguments, a JSON object with names in camelCase.
    pub arguments: String,
    /// What is to be written, for the methods that write bytes.
    pub contents: Option<Bytes>,
}

/// The host: the engine, and the threads that programs run on. Dropping it ends what runs.
pub struct Native {
    host: Arc<Host>,
    threads: threads::Threads,
}

/// What all runs share.
struct Host {
    engine: wasmtime::Engine,
    javascript: javascript::EnginePre<State>,
    stripper: stripper::Stripper,
    /// What the engine has of memory before a program does anything.
    base: u64,
    places: Arc<Semaphore>,
    ticker: ticker::Ticker,
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native").finish_non_exhaustive()
    }
}

fn failed(operation: &'static str) -> impl Fn(wasmtime::Error) -> Error {
    move |error| Error::new(ErrorKind::Unsupported, operation).because(format!("{error:#}"))
}

impl Native {
    /// Sets up a host. Blocks until the engine is compiled, which takes a second or two, or
    /// read from the directory, which takes a few milliseconds.
    ///
    /// # Errors
    /// `Unsupported` where the machine cannot: it has no threads, or not the address space.
    pub fn new(options: &Options) -> Result<Self> {
        let operation = "start the host of programs";
        let at_once = options.at_once.clamp(1, MAX_AT_ONCE);
        let engine = engine::engine(at_once).map_err(failed(operation))?;
        let component =
            engine::javascript(&engine, options.directory.as_deref()).map_err(failed(operation))?;
        let javascript = javascript::ready(&engine, &component).map_err(failed(operation))?;
        let base = component.resources_required();
        let base = base.and_then(|resources| resources.max_initial_memory_size);
        let ticker = ticker::Ticker::start(engine.clone())
            .map_err(|error| failed(operation)(error.into()))?;
        let threads =
            threads::Threads::start(at_once).map_err(|error| failed(operation)(error.into()))?;
        let stripper = stripper::Stripper::new(engine.clone(), options.directory.clone());
        Ok(Self {
            host: Arc::new(Host {
                engine,
                javascript,
                stripper,
                base: base.unwrap_or(0),
                places: Arc::new(Semaphore::new(at_once)),
                ticker,
            }),
            threads,
        })
    }

    /// Compiles a component of the world `program`. Blocks: it takes some milliseconds for
    /// each 10 KiB.
    ///
    /// # Errors
    /// `Invalid` for what is no such component, asks for other imports, or for more memories,
    /// tables or instances than there are.
    pub fn compile(&self, wasm: &[u8]) -> Result<Compiled> {
        let invalid = |error: wasmtime::Error| {
            Error::invalid(Reason::MalformedArgument, "compile a program")
                .because(format!("{error:#}"))
        };
        if wasm.len() > Limits::MOST.source as usize {
            let why = format!("{} bytes", wasm.len());
            return Err(Error::new(ErrorKind::LimitExceeded, "compile a program").because(why));
        }
        let component = Component::from_binary(&self.host.engine, wasm).map_err(invalid)?;
        let ready = program::ready(&self.host.engine, &component).map_err(invalid)?;
        Ok(Compiled {
            ready: Arc::new(ready),
            size: wasm.len(),
        })
    }

    /// Runs code once: `input` is JSON, and `calls` answers what it asks of the files. A call
    /// that answers with an `Ended` ends the run so; it is for limits that the caller counts.
    ///
    /// Calls are answered at the same time, by whoever awaits this; the code itself runs on
    /// threads of the host's. What it had asked for when it ended is dropped, as all is with
    /// this future.
    pub async fn run<C>(&self, code: Code, input: &str, limits: &Limits, calls: C) -> Execution
    where
        C: AsyncFn(Call) -> Result<Reply, Ended>,
    {
        let limits = limits.within_most();
        if too_large(&code, &limits).is_some() {
            return Execution::silent(Ended::Limit {
                limit: Limit::Source,
            });
        }
        // Until there is a place nothing of it exists but what the caller gave.
        let place = self.place().await;
        self.run_in(place, code, input, &limits, calls).await
    }

    /// Waits until a program may run; there is no place where the host has ended.
    pub(crate) async fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.host.places).acquire_owned().await;
        place.ok()
    }

    /// Runs code in its place, as [`run`](Self::run) does.
    pub(crate) async fn run_in<C>(
        &self,
        place: Option<Place>,
        code: Code,
        input: &str,
        limits: &Limits,
        calls: C,
    ) -> Execution
    where
        C: AsyncFn(Call) -> Result<Reply, Ended>,
    {
        let limits = limits.within_most();
        let Some(place) = place else {
            return Execution::silent(Ended::Platform {
                cause: "the host has ended".into(),
            });
        };
        let (asks, asked) = futures::channel::mpsc::unbounded();
        let (ends, ended) = futures::channel::oneshot::channel();
        let run = run::Run {
            host: Arc::clone(&self.host),
            code,
            input: input.to_owned(),
            limits,
            asks,
            place,
        };
        // Whoever drops this ends the run.
        let (_wanted, dropped) = futures::channel::oneshot::channel::<()>();
        self.threads.run(Box::pin(async move {
            let run = std::pin::pin!(run.run_through(ends));
            select(run, dropped).await;
        }));
        caller::answer(asked, ended, calls).await
    }
}

/// Returns how large code is that has too many modules, or too much of them: as an order counts
/// it.
pub(crate) fn too_large(code: &Code, limits: &Limits) -> Option<usize> {
    let (count, size) = match code {
        Code::Modules(program) => {
            let sizes = program.modules.iter().map(|module| module.source.len());
            (program.modules.len(), sizes.sum())
        }
        Code::Component(compiled) => (1, compiled.size),
    };
    let is_more = count > limits.modules as usize || size > limits.source as usize;
    is_more.then_some(size)
}
