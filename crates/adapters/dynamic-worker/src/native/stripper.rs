//! Strips the types of TypeScript, by the WebAssembly that does so in a Worker too: what comes
//! of a program is the same.

use std::path::PathBuf;
use std::sync::OnceLock;

use wasmtime::{Engine, InstancePre, Linker, Module, Result, Store, Trap, bail};

use super::memory::Memory;
use crate::program::Typed;
use crate::{Limits, Program};

/// What `cargo xtask engine` makes of `stripper/`.
const STRIPPER: &[u8] = include_bytes!("../../stripper.wasm");

/// What strips types, compiled when it is first of use.
pub(super) struct Stripper {
    engine: Engine,
    directory: Option<PathBuf>,
    ready: OnceLock<std::result::Result<InstancePre<Memory>, String>>,
}

/// What is given to an instance.
type Given = (u32, u32);

impl Stripper {
    pub(super) fn new(engine: Engine, directory: Option<PathBuf>) -> Self {
        Self {
            engine,
            directory,
            ready: OnceLock::new(),
        }
    }

    /// Compiles it, unless it is. Blocks for a second or two where nothing is kept.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn ready(&self) -> std::result::Result<&InstancePre<Memory>, &str> {
        let ready = self.ready.get_or_init(|| {
            let module = match self.directory.as_deref() {
                Some(directory) => workspace_precompiled::module(&self.engine, STRIPPER, directory),
                None => Module::from_binary(&self.engine, STRIPPER),
            };
            let ready =
                module.and_then(|module| Linker::new(&self.engine).instantiate_pre(&module));
            ready.map_err(|error| format!("{error:#}"))
        });
        ready.as_ref().map_err(|error| &**error)
    }
}

/// Returns a program without types, or which of them cannot be stripped. `interrupts` is told
/// of the store before anything runs in it.
///
/// # Errors
/// What the platform fails at, and what `interrupts` ends.
pub(super) async fn strip(
    ready: &InstancePre<Memory>,
    program: &Program,
    interrupts: impl FnOnce(&mut Store<Memory>),
) -> Result<std::result::Result<Program, Typed>> {
    let engine = ready.module().engine();
    // Its own limit is below that.
    let mut store = Store::new(engine, Memory::new(Limits::MOST.memory.into()));
    store.limiter(|memory| memory);
    interrupts(&mut store);
    let instance = ready.instantiate_async(&mut store).await?;
    let take = instance.get_typed_func::<u32, u32>(&mut store, "take")?;
    let strip = instance.get_typed_func::<Given, u64>(&mut store, "strip")?;
    let Some(memory) = instance.get_memory(&mut store, "memory") else {
        bail!("the stripper has no memory");
    };
    let mut stripped = program.clone();
    for module in stripped
        .modules
        .iter_mut()
        .filter(|module| module.is_typed())
    {
        let size = u32::try_from(module.source.len())?;
        let answer = async {
            let at = take.call_async(&mut store, size).await?;
            if at == 0 {
                return Err(Trap::MemoryOutOfBounds.into());
            }
            memory.write(&mut store, at as usize, module.source.as_bytes())?;
            let answer = strip.call_async(&mut store, (at, size)).await?;
            let (at, size) = ((answer >> 32) as usize, (answer & 0xffff_ffff) as usize);
            let bytes = memory
                .data(&store)
                .get(at..)
                .and_then(|rest| rest.get(..size));
            match bytes.map(|bytes| String::from_utf8(bytes.into())) {
                Some(Ok(answer)) => Ok(answer),
                _ => bail!("the stripper's answer is no text"),
            }
        };
        let answer: Result<String> = answer.await;
        match answer {
            Ok(answer) => match answer.strip_prefix('+') {
                Some(source) => module.source = source.into(),
                None => {
                    return Ok(Err(Typed::read(
                        &module.name,
                        answer.trim_start_matches('-'),
                    )));
                }
            },
            // It ends so where there is no more stack, or no more memory.
            Err(error) if ends_by_itself(&error) => return Ok(Err(Typed::too_much(&module.name))),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(stripped))
}

fn ends_by_itself(error: &wasmtime::Error) -> bool {
    matches!(
        error.downcast_ref::<Trap>(),
        Some(Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::StackOverflow)
    )
}
