//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::Program;

/// The repository that this task was built from.
pub(crate) struct Repository {
    /// Its root.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// What `cargo metadata` says of every package that the lock file names.
    pub(crate) metadata: Value,
}

impl Repository {
    /// Finds it through cargo.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask is not inside a repository")?
            .to_path_buf();
        std::env::set_current_dir(&root)
            .with_context(|| format!("cannot enter {}", root.display()))?;
        let text = Program::cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .read()
            .context("Cargo.lock may be out of date: run `cargo metadata` once")?;
        let metadata: Value = serde_json::from_str(&text).context("reading cargo's metadata")?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo's metadata names no target directory")?
            .into();
        Ok(Self {
            root,
            target,
            metadata,
        })
    }
}
