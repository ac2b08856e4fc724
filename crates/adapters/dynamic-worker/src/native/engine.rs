//! How wasmtime is set up, and the engine for JavaScript.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use crate::Limits;

/// The engine for JavaScript: what `cargo xtask engine` makes of `engine/`.
const JAVASCRIPT: &[u8] = include_bytes!("../../engine.wasm");

/// What a component may consist of. One in Rust has 4 instances, a memory and 2 tables.
pub(super) const MAX_INSTANCES: u32 = 16;
/// As above.
pub(super) const MAX_MEMORIES: u32 = 2;
/// As above.
pub(super) const MAX_TABLES: u32 = 8;
const TABLE_ELEMENTS: usize = 20_000;

/// Stacks of wasm. QuickJS counts its own in linear memory, and finds the end of that before
/// it comes to the end of this.
const MAX_STACK: usize = 8 << 20;
/// What the host's own functions have on top.
const HOST_STACK: usize = 1 << 20;
/// Stacks of a run: of the instance, of the call, and of what it waits for.
const STACKS: u32 = 4;

/// What is kept of a stack or a memory for the next run, so that it need not be asked of the
/// system again.
const KEEP_RESIDENT: usize = 512 << 10;

/// What the engine has of memory before a program does anything, at most.
const MAX_BASE: usize = 16 << 20;

/// Returns an engine with room for so many runs.
pub(super) fn engine(at_once: usize) -> Result<Engine> {
    let runs = u32::try_from(at_once)?;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(runs)
        .total_core_instances(runs * MAX_INSTANCES)
        .total_memories(runs * MAX_MEMORIES)
        .total_tables(runs * MAX_TABLES)
        .total_stacks(runs * STACKS)
        .max_core_instances_per_component(MAX_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(Limits::MOST.memory as usize + MAX_BASE)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(KEEP_RESIDENT / 8);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(MAX_STACK)
        .async_stack_size(MAX_STACK + HOST_STACK)
        .wasm_component_model_async(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// Returns the engine for JavaScript, compiled before or now.
pub(super) fn javascript(engine: &Engine, directory: Option<&Path>) -> Result<Component> {
    match directory {
        Some(directory) => workspace_precompiled::component(engine, JAVASCRIPT, directory),
        None => Component::from_binary(engine, JAVASCRIPT),
    }
}
