//! The npm packages that `package-lock.json` pins: the runtime, and the
//! simulator of R2.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::command::Program;
use crate::repository::Repository;

/// Installs the packages unless they are those of the lock file. Their install
/// scripts do not run: nothing here needs them.
pub(crate) fn install(repository: &Repository) -> Result<()> {
    let lock = fs::read_to_string(repository.root.join("package-lock.json"))
        .context("reading package-lock.json")?;
    let copy = repository
        .root
        .join("node_modules/.lock-of-this-repository");
    if fs::read_to_string(&copy).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    if !Program::new("npm").args(["--version"]).works() {
        bail!("`npm` is missing: workerd comes from it; install Node.js 20 or newer and repeat");
    }
    Program::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .run()?;
    fs::write(copy, lock).context("remembering what is installed")
}
