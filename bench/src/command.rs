//! The `workspace` command, as a process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{Took, seconds, took};

/// Where the command is.
#[derive(Debug)]
pub(crate) struct OurCommand(PathBuf);

impl OurCommand {
    /// Names the program to run.
    pub(crate) fn new(program: &Path) -> Self {
        Self(program.to_path_buf())
    }

    /// Creates a workspace; returns seconds.
    pub(crate) fn init(&self, workspace: &Path) -> Result<f64> {
        seconds(self.on(workspace).arg("init"))
    }

    /// Creates a workspace and imports a tree into it; returns seconds.
    pub(crate) fn import(&self, tree: &Path, workspace: &Path) -> Result<f64> {
        let init = self.init(workspace)?;
        Ok(init + seconds(self.on(workspace).arg("import").arg(tree))?)
    }

    /// Writes a file from standard input.
    pub(crate) fn put(&self, workspace: &Path, path: &str, input: &Path) -> Result<Took> {
        let input = File::open(input)?;
        took(self.on(workspace).args(["put", path]).stdin(input))
    }

    /// Prints a file to standard output.
    pub(crate) fn cat(&self, workspace: &Path, path: &str, output: &Path) -> Result<Took> {
        let output = File::create(output)?;
        took(self.on(workspace).args(["cat", path]).stdout(output))
    }

    fn on(&self, workspace: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("--quiet").arg("--workspace").arg(workspace);
        command
    }
}
