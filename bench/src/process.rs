//! Whole processes: how long they take, and how much memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often the memory of a process is looked at. The kernel keeps its peak, so
/// only a peak within the very last interval can be missed.
const LOOK: Duration = Duration::from_millis(2);

/// Runs a command that prints nothing of interest; returns seconds.
pub(crate) fn seconds(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(seconds)
}

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// From start to end.
    pub(crate) seconds: f64,
    /// The most memory it had resident, in bytes.
    pub(crate) memory: u64,
}

/// Runs a command with the standard input and output that it was given.
pub(crate) fn took(command: &mut Command) -> Result<Took> {
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut memory = 0;
    let status = loop {
        memory = peak_memory(child.id()).unwrap_or(0).max(memory);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    if memory == 0 {
        bail!("the memory of {command:?} cannot be read from /proc");
    }
    Ok(Took { seconds, memory })
}

/// Returns the peak of a process's resident memory in bytes, while it runs.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    status(process, "VmHWM:")
}

/// Makes the peak what is resident now, and returns that, in bytes.
pub(crate) fn reset_peak(process: u32) -> Result<u64> {
    // 5 is what proc(5) has for it.
    fs::write(format!("/proc/{process}/clear_refs"), "5").context("resetting a peak")?;
    status(process, "VmRSS:").context("the memory of a process cannot be read from /proc")
}

fn status(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Makes everything that the file system of `path` was given durable.
pub(crate) fn sync(path: &Path) -> Result<()> {
    seconds(Command::new("sync").arg("-f").arg(path)).map(|_| ())
}
