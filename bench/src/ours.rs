//! A workspace on disk, as the figures use it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use workspace_core::{
    At, Change, ChangeOptions, Content, EntrySource, ImportOptions, TreePath, Workspace,
    WriteOptions,
};
use workspace_native::{self as native, Objects};

use crate::data::Shape;

/// An open workspace and what runs its async calls.
pub(crate) struct Ours {
    /// The workspace.
    pub(crate) workspace: Workspace,
    runtime: Runtime,
    database: PathBuf,
}

impl Ours {
    /// Creates an empty workspace in `directory`.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        Self::with(
            native::create(directory, &Objects::Local, native::options())?,
            directory,
        )
    }

    /// Opens the workspace in `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        Self::with(native::open(directory, native::options())?, directory)
    }

    fn with(workspace: Workspace, directory: &Path) -> Result<Self> {
        Ok(Self {
            workspace,
            runtime: Builder::new_current_thread().enable_all().build()?,
            database: directory.join("workspace.db"),
        })
    }

    /// Closes it; returns where its database is.
    pub(crate) fn close(self) -> PathBuf {
        self.database
    }

    /// Imports a generated tree into head.
    pub(crate) fn import(&self, shape: Shape) -> Result<()> {
        self.import_from(&mut shape.source())
    }

    /// Imports a source into head.
    pub(crate) fn import_from(&self, source: &mut dyn EntrySource) -> Result<()> {
        let imported = self
            .workspace
            .import(At::Head, source, ImportOptions::default());
        self.runtime.block_on(imported)?;
        Ok(())
    }

    /// Reads a file of head.
    pub(crate) fn read(&self, path: &TreePath) -> Result<Bytes> {
        Ok(self
            .runtime
            .block_on(self.workspace.files(At::Head).read(path))?)
    }

    /// Writes files in one batch.
    pub(crate) fn write(&self, at: At, files: Vec<(TreePath, Bytes)>) -> Result<()> {
        let changes = files.into_iter().map(|(path, bytes)| Change::Write {
            path,
            content: Content::Bytes(bytes),
            options: WriteOptions::default(),
        });
        let view = self.workspace.files(at);
        self.runtime
            .block_on(view.change(changes.collect(), ChangeOptions::default()))?;
        Ok(())
    }
}
