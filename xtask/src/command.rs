//! Other programs, run from the root of the repository.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The processes that run just now.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Makes this process pass on to its children that it is to end: to those that
/// [`Program`] waits for. What starts a server ties it to itself.
pub(crate) fn end_together() -> Result<()> {
    let end = || {
        for id in running().iter() {
            if let Some(id) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
                // It may have ended just now.
                let _ = kill_process(id, Signal::TERM);
            }
        }
        std::process::exit(130);
    };
    ctrlc::set_handler(end).context("listening for signals")
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

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
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).outside_cargo()
    }

    /// Hides what cargo set for this task. It is not for the packages that are
    /// built next: those that look at it would be rebuilt.
    pub(crate) fn outside_cargo(mut self) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") {
                self.command.env_remove(name);
            }
        }
        self.command.env_remove("CARGO_MANIFEST_DIR");
        self.command.env_remove("CARGO_MANIFEST_PATH");
        self
    }

    /// Runs it elsewhere.
    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it in a process group of its own, with its output in a file.
    pub(crate) fn start(mut self, log: File) -> Result<Child> {
        println!("$ {}", self.line);
        self.command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| self.cannot_start())
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
        let status = self.status()?;
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

    /// Runs it and returns what it wrote to standard output, whether it succeeds or not.
    pub(crate) fn read_whatever(mut self) -> Result<String> {
        println!("$ {}", self.line);
        self.command.stdout(Stdio::piped());
        let started = self.command.spawn();
        let mut child = started.with_context(|| self.cannot_start())?;
        running().insert(child.id());
        let mut text = String::new();
        let read = match child.stdout.take() {
            Some(mut output) => output.read_to_string(&mut text),
            None => Ok(0),
        };
        let ended = child.wait();
        running().remove(&child.id());
        read.and(ended.map(|_| 0))
            .with_context(|| format!("reading `{}`", self.line))?;
        Ok(text)
    }

    /// Runs it without showing its output; tells whether it succeeded, or nothing where it
    /// had not ended in time, on the clock or the processor's, and was ended.
    pub(crate) fn within(mut self, limit: Duration) -> Result<Option<bool>> {
        let quiet = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = quiet.spawn().with_context(|| self.cannot_start())?;
        running().insert(child.id());
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        let ended = loop {
            match child.try_wait() {
                Ok(None) if begun.elapsed() > limit => {
                    // It may have ended just now.
                    let _ = child.kill();
                    break child.wait().map(|_| None);
                }
                Ok(None) => std::thread::sleep(pause),
                ended => break ended,
            }
            pause = Duration::from_millis(20).min(pause * 2);
        };
        running().remove(&child.id());
        let out_of_time = |status: &ExitStatus| status.signal() == Some(Signal::XCPU.as_raw());
        let ended = ended?.filter(|status| !out_of_time(status));
        Ok(ended.map(|status| status.success()))
    }

    /// Tells whether it can be run and succeeds, without showing its output.
    pub(crate) fn works(mut self) -> bool {
        self.command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn status(&mut self) -> Result<ExitStatus> {
        let started = self.command.spawn();
        let mut child = started.with_context(|| self.cannot_start())?;
        running().insert(child.id());
        let status = child.wait();
        running().remove(&child.id());
        Ok(status?)
    }

    fn cannot_start(&self) -> String {
        format!("cannot start `{}`", self.line)
    }
}
