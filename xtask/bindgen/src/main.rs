//! Makes the JavaScript half of a wasm module: `xtask-bindgen IN.wasm OUT_DIRECTORY`
//! leaves `bindings.js`, its types, and `bindings_bg.wasm` there.
//!
//! A program of its own, so that the tasks that need no Worker do not wait for
//! its build.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let input = arguments.next().context("which wasm module?")?;
    let output = arguments.next().context("into which directory?")?;
    Bindgen::new()
        .input_path(&input)
        .out_name("bindings")
        .module(true)
        .context("module output")?
        .typescript(true)
        .reset_state_function(true)
        .generate(&output)
}
