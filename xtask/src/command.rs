//! Other programs, run from the root of the repository.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A program with its arguments, and how it is written on a command line.
pub(crate) struct Program {
    command: Command,
    line: String,
}

impl Program {
    /// Starts from a program's name or path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let name = Path::new(&program).file_name().unwrap_or(program.as_ref());
        Self {
            line: name.to_string_lossy().into_owned(),
            command: Command::new(program),
        }
    }

    /// Returns the cargo that runs this task.
    pub(crate) fn cargo() -> Self {
        let mut cargo = Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo set for this task is not for the packages that it builds next:
        // it would rebuild those that look at it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") {
                cargo.command.env_remove(name);
            }
        }
        cargo.command.env_remove("CARGO_MANIFEST_DIR");
        cargo.command.env_remove("CARGO_MANIFEST_PATH");
        cargo
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        for arg in args {
            self.line.push(' ');
            self.line.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it with this process's own output; fails where it fails.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.line);
        let status = self.command.status().with_context(|| self.cannot_start())?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.line);
        }
        Ok(())
    }

    /// Runs it and returns what it wrote to standard output; fails where it fails.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| self.cannot_start())?;
        if !output.status.success() {
            bail!("`{}` ended with {}", self.line, output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}`: not UTF-8", self.line))
    }

    /// Tells whether it can be run and succeeds, without showing its output.
    pub(crate) fn works(mut self) -> bool {
        self.command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn cannot_start(&self) -> String {
        format!("cannot start `{}`", self.line)
    }
}
