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
            Err(TryLockError::WouldBlock) => return Err(locked(directory, &mut file)),
        }
        // Only for the message above; who has the lock is the system's to say. A full
        // disk may leave it empty.
        let _unsaid = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", process::id()));
        Ok(Self { _file: file })
    }

    /// Keeps writers out, beside others that do the same, without writing anything. Where
    /// the lock cannot be read nobody is kept out.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], naming the process that writes.
    pub(crate) fn share(directory: &Path) -> Result<Option<Self>> {
        let Ok(mut file) = File::open(directory.join("lock")) else {
            return Ok(None);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::Error(_)) => Ok(None),
            Err(TryLockError::WouldBlock) => Err(locked(directory, &mut file)),
        }
    }
}

fn locked(directory: &Path, file: &mut File) -> Error {
    let error = Error::new(ErrorKind::Locked, "lock workspace").at(directory.display());
    match holder(file) {
        Some(pid) => error.because(format_args!("process {pid} has it open")),
        None => error,
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
