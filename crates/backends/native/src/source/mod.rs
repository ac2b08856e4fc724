//! Where imports come from: directories and archives.
//!
//! Each source reads on a thread of its own and runs ahead of the import by a
//! few megabytes, so that reading overlaps with hashing and storing. What a
//! source holds is not trusted: a path that is absolute or leaves the source, a
//! name that is not UTF-8, a device, a damaged or truncated archive is an error
//! that names it, and links are stored, never followed. How much may come out of
//! it is the import's affair ([`ImportLimits`]).
//!
//! [`PathSource`] and [`UrlSource`] are the same as sources of the core's contract: they
//! resolve to a snapshot that has a version.

mod ahead;
mod beneath;
mod directory;
mod expansion;
mod ignore;
mod packed;
mod snapshot;
mod tar;
mod url;
mod zip;

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use derive_setters::Setters;
use futures::FutureExt;
use futures::future::BoxFuture;
pub use workspace_archive::Format;
use workspace_archive::Sieve;
use workspace_core::{
    EntrySource, Error, ErrorKind, ImportLimits, Reason, Result, Sought, SourceEntry,
};

use crate::fault::io_kind;

pub use directory::{DirectorySource, list};
pub use snapshot::PathSource;
pub use tar::TarSource;
pub use url::UrlSource;
pub use zip::ZipSource;

/// How to read a source.
#[derive(Debug, Clone, Default, Setters)]
#[non_exhaustive]
pub struct SourceOptions {
    /// Leaves out of a directory what git would for its `.gitignore` files, up to the
    /// top of the repository that it is in, and for `info/exclude` there.
    pub ignore: bool,
    /// Takes what git takes for its own as well: `.git`, and directories that it takes
    /// for repositories. Otherwise it is not even read.
    pub allow_git: bool,
    /// Counts what is left out for that, or since a workspace has it for its own; a
    /// directory on disk counts once.
    pub left_out: Arc<AtomicU64>,
    /// Leaves out this directory and what is below it, such as the workspace's
    /// own within the directory that is imported.
    #[setters(into)]
    pub exclude: Option<PathBuf>,
    /// Passes over devices, FIFOs and sockets, which are an error otherwise.
    pub skip_special: bool,
    /// How many entries and bytes may be read, whether or not they come out. The import
    /// has limits of its own.
    pub limits: ImportLimits,
    /// Lets any number of bytes come out of an archive. Otherwise it is up to 1,000 times
    /// those of the archive, and 1 GiB.
    pub any_expansion: bool,
}

impl SourceOptions {
    fn sieve(&self) -> Sieve {
        Sieve::new(self.limits, self.allow_git, Arc::clone(&self.left_out))
    }
}

/// Opens a directory, a zip archive, or a tar archive (plain, gzip or zstd), by
/// what is there.
///
/// # Errors
/// [`ErrorKind::NotFound`] where nothing is; [`ErrorKind::Unsupported`] for other
/// formats, [`ErrorKind::Invalid`] for what is no archive; [`ErrorKind::Source`] where it
/// cannot be read.
pub fn open(path: &Path, options: &SourceOptions) -> Result<Box<dyn EntrySource>> {
    open_and_tell(path, options).map(|(source, _)| source)
}

/// Does what [`open`] does, and tells what an archive in a file is.
///
/// # Errors
/// Those of [`open`].
pub fn open_and_tell(
    path: &Path,
    options: &SourceOptions,
) -> Result<(Box<dyn EntrySource>, Option<Format>)> {
    if path.is_dir() {
        return Ok((Box::new(DirectorySource::open(path, options)?), None));
    }
    let name = path.display().to_string();
    let file = open_file(path)?;
    // A pipe, as `<(…)` of shells is, can be read once.
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok((from_reader(file, name, options)?, None));
    }
    open_archive(file, name, path, options)
}

/// Opens an archive in a file that is at its start; `named` is what its name says.
fn open_archive(
    mut file: File,
    name: String,
    named: &Path,
    options: &SourceOptions,
) -> Result<(Box<dyn EntrySource>, Option<Format>)> {
    let mut start = [0; Format::START];
    let format = match read_start(&mut file, &mut start) {
        Ok([]) => return Err(empty(name)),
        Ok(start) => Format::of(start),
        Err(cause) => return Err(source_error(name, cause)),
    };
    file.rewind().map_err(|cause| source_error(&name, cause))?;
    // A program that unpacks itself begins as programs do.
    let is_zip = named
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
    let source: Box<dyn EntrySource> = match format {
        Some(Format::Zip) => Box::new(ZipSource::from_file(file, name, options)?),
        None if is_zip => Box::new(ZipSource::from_file(file, name, options)?),
        None => return Err(no_archive(name)),
        Some(_) => Box::new(TarSource::from_file(file, name, options)?),
    };
    Ok((source, format))
}

/// Opens an archive that is read once, such as standard input, by what is there; `name`
/// is for messages. A zip archive is read into a temporary file first, up to the bytes of
/// the limits, of all files or of one.
///
/// # Errors
/// Those of [`open`], and of [`ZipSource::from_reader`].
pub fn from_reader(
    mut reader: impl Read + Send + 'static,
    name: String,
    options: &SourceOptions,
) -> Result<Box<dyn EntrySource>> {
    let mut start = [0; Format::START];
    let start = read_start(&mut reader, &mut start).map_err(|cause| source_error(&name, cause))?;
    if start.is_empty() {
        return Err(empty(name));
    }
    let format = Format::of(start);
    let whole = io::Cursor::new(start.to_vec()).chain(reader);
    match format {
        Some(Format::Zip) => {
            let limit = options.limits.bytes.min(options.limits.file_bytes);
            let source = ZipSource::from_reader(whole, limit, name, options)?;
            Ok(Box::new(source))
        }
        None => Err(no_archive(name)),
        Some(_) => Ok(Box::new(TarSource::from_reader(whole, name, options)?)),
    }
}

fn no_archive(name: String) -> Error {
    invalid(
        name,
        "this is not an archive: neither tar nor zip, nor packed by gzip or zstd",
    )
    .for_reason(Reason::MalformedArchive)
}

fn empty(name: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(name)
        .because("it is empty")
}

fn open_file(path: &Path) -> Result<File> {
    File::open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::not_found(Sought::Source, "open source")
            .at(path.display())
            .with_source(cause),
        _ => source_error(path.display(), cause),
    })
}

/// Fills `start` as far as the reader goes.
fn read_start<'b>(reader: &mut impl Read, start: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while filled < start.len() {
        match reader.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(&start[..filled])
}

/// The source could not be read on.
fn source_error(subject: impl std::fmt::Display, cause: io::Error) -> Error {
    let kind = match io_kind(cause.kind()) {
        (ErrorKind::StorageFull, _) => ErrorKind::StorageFull,
        _ => ErrorKind::Source,
    };
    Error::new(kind, "read source")
        .at(subject)
        .because(&cause)
        .with_source(cause)
}

/// The source holds what must not be imported.
fn invalid(subject: impl std::fmt::Display, why: &str) -> Error {
    Error::invalid(Reason::UnfitEntry, "read source")
        .at(subject)
        .because(why)
}

const SPECIAL: &str = "a device, FIFO or socket cannot be imported";

macro_rules! read_ahead {
    ($($source:ty),*) => {$(
        impl EntrySource for $source {
            fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
                self.0.next().boxed()
            }

            fn chunk(&mut self) -> BoxFuture<'_, Result<Option<bytes::Bytes>>> {
                self.0.chunk().boxed()
            }
        }
    )*};
}

read_ahead!(DirectorySource, TarSource, ZipSource);
