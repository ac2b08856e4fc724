//! The tools that the tasks need beyond cargo: installed where rustup can, and
//! otherwise named.

use anyhow::{Result, bail};

use crate::command::Program;

/// The target that the core has to compile for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Installs or checks everything that the gate needs.
pub(crate) fn prepare() -> Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !Program::cargo().args([tool, "--version"]).works() {
            Program::new("rustup")
                .args(["component", "add", component])
                .run()?;
        }
    }
    if !has_target(WASM)? {
        Program::new("rustup").args(["target", "add", WASM]).run()?;
    }
    for (tool, reason) in [
        ("cc", "SQLite is built from its C sources"),
        ("git", "the tests apply patches with it"),
    ] {
        if !Program::new(tool).args(["--version"]).works() {
            bail!("`{tool}` is missing: {reason}; install it and repeat");
        }
    }
    println!("tools are in place; tests run by {}", runner());
    Ok(())
}

/// Returns the name of the runner that [`has_nextest`] chooses.
fn runner() -> &'static str {
    if has_nextest() {
        "cargo-nextest"
    } else {
        "cargo test"
    }
}

/// Tells whether cargo-nextest can run the tests.
pub(crate) fn has_nextest() -> bool {
    Program::cargo().args(["nextest", "--version"]).works()
}

fn has_target(target: &str) -> Result<bool> {
    let sysroot = Program::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .read()?;
    Ok(std::path::Path::new(sysroot.trim()).is_dir())
}
