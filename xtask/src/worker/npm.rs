//! The npm packages that a `package-lock.json` pins: the runtime and the simulator
//! of R2, and the peers of the benchmarks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Program;
use crate::repository::Repository;

/// Installs the packages of the repository.
pub(crate) fn install(repository: &Repository) -> Result<()> {
    install_in(&repository.root)
}

/// Installs the packages of a directory unless they are those of its lock file.
/// Their install scripts do not run: nothing here needs them.
pub(crate) fn install_in(directory: &Path) -> Result<()> {
    let lock = directory.join("package-lock.json");
    let lock = fs::read_to_string(&lock).with_context(|| format!("reading {}", lock.display()))?;
    let copy = directory.join("node_modules/.lock-of-this-repository");
    if fs::read_to_string(&copy).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    Program::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--prefix".as_ref(), directory.as_os_str()])
        .run()?;
    fs::write(copy, lock).context("remembering what is installed")
}
