//! One process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::process;

use workspace_core::{Error, ErrorKind, Result};

use crate::fault::io_error;

/// The right to use a workspace's directory. The system takes it back when the
/// process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, without waiting for it.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], naming the process that has it.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let path = directory.join("lock");
        let failed = io_error("lock workspace", directory);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) => {
                let error = Error::new(ErrorKind::Locked, "lock workspace").at(directory.display());
                return Err(match holder(&mut file) {
                    Some(pid) => error.because(format_args!("process {pid} has it open")),
                    None => error,
                });
            }
        }
        // Only for the message above; who has the lock is the system's to say.
        file.set_len(0).map_err(&failed)?;
        writeln!(file, "{}", process::id()).map_err(&failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
