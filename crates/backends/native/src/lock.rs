//! One process at a time.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek as _, Write};
use std::process;

use workspace_core::{Error, ErrorKind, Result};

use crate::fault::io_error;
use crate::home::Home;

/// The name of the file that is locked.
pub(crate) const LOCK: &str = "lock";

/// The right to use a workspace's directory. The system takes it back when the
/// process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, without waiting for it. Writes nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], naming the process that has it.
    pub(crate) fn take(home: &Home) -> Result<Self> {
        let failed = io_error("lock workspace", home.path());
        let mut file = home.open_or_make_file(LOCK).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
            Err(TryLockError::WouldBlock) => Err(locked(home, &mut file)),
        }
    }

    /// Writes down which process has the lock, for the message to others; who has it is
    /// the system's to say. A full disk may leave it empty. The directory is known to be a
    /// workspace by then.
    pub(crate) fn tell(&mut self) {
        let _unsaid = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| writeln!(self.file, "{}", process::id()));
    }

    /// Keeps writers out, beside others that do the same, without writing anything. Where
    /// the lock cannot be read nobody is kept out.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], naming the process that writes.
    pub(crate) fn share(home: &Home) -> Result<Option<Self>> {
        let Ok(mut file) = home.open_file(LOCK) else {
            return Ok(None);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::Error(_)) => Ok(None),
            Err(TryLockError::WouldBlock) => Err(locked(home, &mut file)),
        }
    }
}

fn locked(home: &Home, file: &mut File) -> Error {
    let error = Error::new(ErrorKind::Locked, "lock workspace").at(home.path().display());
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
