//! Where an archive or a patch goes: standard output, or a file that takes its name when
//! it is whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use workspace_core::{Error, ErrorKind};

use super::{STAGED, is_stdout};
use crate::exit::{Failure, Result, io_error, output_error};
use crate::output::Output;

/// How much is written at once.
const BUFFER: usize = 256 << 10;

/// Standard output, or a file.
pub(super) struct Sink<'a> {
    path: PathBuf,
    to: To<'a>,
}

enum To<'a> {
    Stdout(&'a Output),
    /// What is no file, such as a FIFO, and cannot be replaced.
    Special(BufWriter<File>),
    /// Beside the file that it becomes. It is removed unless it becomes that.
    File {
        staged: BufWriter<NamedTempFile>,
        place: PathBuf,
        replaces: bool,
    },
}

impl<'a> Sink<'a> {
    /// Begins to write to `target`. A file that is there is taken with `force` only, and
    /// stays as it is until [`finish`](Self::finish); a symlink to it stays a symlink.
    pub(super) fn create(out: &'a Output, target: &Path, force: bool) -> Result<Self> {
        let to = match is_stdout(target) {
            true => To::Stdout(out),
            false => Self::open(target, force)?,
        };
        let path = target.to_owned();
        Ok(Self { path, to })
    }

    fn open(target: &Path, force: bool) -> Result<To<'a>> {
        let failed = |error| Failure::from(io_error("export", target, error));
        let found = match fs::symlink_metadata(target) {
            Ok(_) if !force => return Err(exists(target)),
            Ok(_) => Some(fs::metadata(target).map_err(failed)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let (place, permissions) = match &found {
            Some(found) if found.is_dir() => {
                let error = Error::new(ErrorKind::IsADirectory, "export");
                return Err(error.at(target.display()).into());
            }
            Some(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(target);
                let file = BufWriter::with_capacity(BUFFER, file.map_err(failed)?);
                return Ok(To::Special(file));
            }
            Some(found) => (
                target.canonicalize().map_err(failed)?,
                Some(found.permissions()),
            ),
            None => (target.to_owned(), None),
        };
        let above = place.parent().filter(|above| !above.as_os_str().is_empty());
        let staged = tempfile::Builder::new()
            .prefix(STAGED)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(above.unwrap_or(Path::new(".")))
            .map_err(failed)?;
        if let Some(permissions) = permissions {
            let file = staged.as_file();
            file.set_permissions(permissions).map_err(failed)?;
        }
        Ok(To::File {
            staged: BufWriter::with_capacity(BUFFER, staged),
            place,
            replaces: found.is_some(),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(|error| self.failing().because(error))
    }

    /// Returns what tells of a failure to write.
    pub(super) fn failing(&self) -> Failing {
        match self.to {
            To::Stdout(_) => Failing::Stdout,
            To::Special(_) | To::File { .. } => Failing::File(self.path.clone()),
        }
    }

    /// Puts the file in its place, once it is on disk.
    pub(super) fn finish(self) -> Result<()> {
        let failed = |error| Failure::from(io_error("export", &self.path, error));
        match self.to {
            To::Stdout(out) => out.flush(),
            To::Special(mut file) => file.flush().map_err(failed),
            To::File {
                staged,
                place,
                replaces,
            } => {
                let staged = staged.into_inner().map_err(|error| failed(error.into()))?;
                staged.as_file().sync_all().map_err(failed)?;
                match replaces {
                    true => staged.persist(&place).map_err(|error| failed(error.error)),
                    // What came there meanwhile stays.
                    false => {
                        staged
                            .persist_noclobber(&place)
                            .map_err(|error| match error.error.kind() {
                                io::ErrorKind::AlreadyExists => exists(&self.path),
                                _ => failed(error.error),
                            })
                    }
                }
                .map(drop)
            }
        }
    }
}

/// Tells of a failure to write to a sink, also where a packer holds it.
pub(super) enum Failing {
    Stdout,
    File(PathBuf),
}

impl Failing {
    pub(super) fn because(&self, error: io::Error) -> Failure {
        match self {
            Self::Stdout => output_error(error),
            Self::File(path) => io_error("export", path, error).into(),
        }
    }
}

/// Tells of a target that is there already.
fn exists(target: &Path) -> Failure {
    Failure::Error {
        error: Error::new(ErrorKind::AlreadyExists, "export").at(target.display()),
        hint: Some("--force writes over it".into()),
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(out) => out.write_all(bytes).map(|()| bytes.len()),
            To::Special(file) => file.write(bytes),
            To::File { staged, .. } => staged.write(bytes),
        }
    }

    /// Does nothing: [`finish`](Sink::finish) flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
