//! Where an archive or a patch goes: standard output, or a file that takes its name when
//! it is whole.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, linkat, renameat, unlinkat};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use workspace_archive::STAGED;
use workspace_core::{Error, ErrorKind};

use super::is_stdout;
use super::place::refuse_within_workspace;
use super::staging::unique_name;
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
        staged: BufWriter<Staged>,
        place: PathBuf,
        replaces: bool,
    },
}

/// A file that has not got its name yet.
enum Staged {
    /// It has none, so that nothing is left of it whatever ends the process.
    Unnamed(File),
    /// Where the system has no files without a name.
    Named(NamedTempFile),
}

impl Staged {
    /// Makes one in a directory.
    fn make(above: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if Path::new("/proc/self/fd").is_dir() {
            use rustix::fs::{Mode, OFlags, open};
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            match open(above, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => return Ok(Self::Unnamed(file.into())),
                // Not every file system has them.
                Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        tempfile::Builder::new()
            .prefix(STAGED)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(above)
            .map(Self::Named)
    }

    fn file(&self) -> &File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file(),
        }
    }

    /// Gives it its name, where nothing has that or what has it `replaces`.
    fn place(self, place: &Path, replaces: bool) -> io::Result<()> {
        match self {
            Self::Named(file) if replaces => file.persist(place).map(drop).map_err(Into::into),
            Self::Named(file) => file.persist_noclobber(place).map(drop).map_err(Into::into),
            Self::Unnamed(file) => {
                let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
                let named = |name: &Path| linkat(CWD, &itself, CWD, name, AtFlags::SYMLINK_FOLLOW);
                if !replaces {
                    return Ok(named(place)?);
                }
                // A link replaces nothing, and a rename does.
                let beside = place.with_file_name(unique_name(STAGED)?);
                named(&beside)?;
                let renamed = renameat(CWD, &beside, CWD, place);
                if renamed.is_err() {
                    // It could be made, so it can be removed.
                    let _stays = unlinkat(CWD, &beside, AtFlags::empty());
                }
                Ok(renamed?)
            }
        }
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unnamed(file) => file.write(bytes),
            Self::Named(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
        refuse_within_workspace(target)?;
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
        let staged = Staged::make(above(&place)).map_err(failed)?;
        if let Some(permissions) = permissions {
            staged.file().set_permissions(permissions).map_err(failed)?;
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
                staged.file().sync_all().map_err(failed)?;
                let placed = staged.place(&place, replaces);
                placed.map_err(|error| match error.kind() {
                    // What came there meanwhile stays.
                    io::ErrorKind::AlreadyExists => exists(&self.path),
                    _ => failed(error),
                })?;
                // Not every file system can flush a directory.
                let _unflushed = File::open(above(&place)).and_then(|above| above.sync_all());
                Ok(())
            }
        }
    }
}

/// Returns the directory that a file is in.
fn above(place: &Path) -> &Path {
    let above = place.parent().filter(|above| *above != OsStr::new(""));
    above.unwrap_or(Path::new("."))
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
