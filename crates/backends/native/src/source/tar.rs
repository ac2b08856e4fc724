//! Tar archives, plain or packed.

mod blocks;
mod links;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use workspace_core::{Error, ErrorKind, Result, SourceEntry, SourceKind, Timestamp, TreePath};

use super::ahead::{ReadAhead, Sink, Stop};
use super::archive::{link_target, member_path};
use super::{SPECIAL, SourceOptions, invalid, open_file, source_error};
use blocks::{Member, each_member};
use links::HardLinks;

/// The members of a tar archive, plain, gzip or zstd, in their order.
///
/// Old GNU sparse members are filled with zeros. Hard links become copies of the
/// member that they name, at the end.
#[derive(Debug)]
pub struct TarSource(pub(super) ReadAhead);

impl TarSource {
    /// Starts to read the archive at `path`; a second time where it holds hard links.
    ///
    /// # Errors
    /// Those of [`from_reader`](Self::from_reader), and [`ErrorKind::NotFound`].
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let name = path.display().to_string();
        Self::start(open_file(path)?, Some(path.to_owned()), name, options)
    }

    /// Starts to read an archive, such as standard input; `name` is for messages.
    ///
    /// # Errors
    /// While reading: [`ErrorKind::Unsupported`] for other formats and members of
    /// a rarer kind; [`ErrorKind::Invalid`] for a path that is absolute, leaves the
    /// archive or is not UTF-8, for a device, and for a hard link, which needs an
    /// archive that can be read twice; [`ErrorKind::LimitExceeded`] for a hard link
    /// beyond the entries of the limits, or beyond 64 MiB of paths of such links;
    /// [`ErrorKind::Source`] where the archive is damaged or ends too soon.
    pub fn from_reader(
        reader: impl Read + Send + 'static,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        Self::start(reader, None, name, options)
    }

    fn start(
        reader: impl Read + Send + 'static,
        again: Option<PathBuf>,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        let reading = Reading {
            skip_special: options.skip_special,
            entries: options.limits.entries,
            again,
            name,
        };
        ReadAhead::start(move |sink| reading.run(reader, sink)).map(Self)
    }
}

struct Reading {
    skip_special: bool,
    /// How many entries there may be.
    entries: u64,
    /// Where the archive can be read a second time.
    again: Option<PathBuf>,
    name: String,
}

impl Reading {
    fn run(&self, reader: impl Read + 'static, sink: &mut Sink) -> Result<(), Stop> {
        let mut links = HardLinks::new(self.entries);
        each_member(reader, &self.name, &mut |number, member| {
            self.member(number, member, &mut links, sink)
        })?;
        if let (Some(path), false) = (&self.again, links.is_empty()) {
            let mut copies = links.copies();
            each_member(open_file(path)?, &self.name, &mut |number, member| {
                copies.make(self, number, member, sink)
            })?;
            copies.refuse_dangling()?;
        }
        Ok(())
    }

    fn member(
        &self,
        number: u64,
        member: &mut Member<'_>,
        links: &mut HardLinks,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let kind = member.header().entry_type();
        // Of the whole archive: a comment of git's, a volume label.
        if kind.is_pax_global_extensions() || kind.as_byte() == b'V' {
            return Ok(());
        }
        let path = member_path(&member.path_bytes())?;
        if kind.is_hard_link() {
            if self.again.is_none() {
                let why =
                    "a hard link; read the archive from a file, or pack with --hard-dereference";
                return Err(invalid(path, why).into());
            }
            let target = member_path(&member.link_name_bytes().unwrap_or_default())?;
            links.add(path, target, number)?;
            return Ok(());
        }
        links.replaced(&path);
        if kind.is_dir() {
            let kind = SourceKind::Directory;
            return sink.entry(SourceEntry { path, kind });
        }
        if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
            if self.skip_special {
                return Ok(());
            }
            return Err(invalid(path, SPECIAL).into());
        }
        let shown = path.clone();
        match self.entry(member, path)? {
            Some(entry) => {
                sink.entry(entry)?;
                let expected = member.size();
                let read = sink.bytes(member, expected, |cause| source_error(&shown, cause))?;
                if read < expected {
                    let cause = format!("it ends after {read} of {expected} bytes");
                    let cause = io::Error::new(io::ErrorKind::UnexpectedEof, cause);
                    return Err(source_error(shown, cause).into());
                }
                Ok(())
            }
            None => {
                let why = format!("a member of type {:?}", char::from(kind.as_byte()));
                Err(self.unsupported(&shown, &why).into())
            }
        }
    }

    /// Returns the entry of a file or symlink, under `path`; `None` for another kind.
    fn entry(&self, member: &mut Member<'_>, path: TreePath) -> Result<Option<SourceEntry>> {
        let kind = member.header().entry_type();
        let attributes = self.attributes(member)?;
        let modified = attributes.modified;
        let kind = if kind.is_symlink() {
            let target = member.link_name_bytes().unwrap_or_default();
            let target = link_target(&path, &target)?;
            SourceKind::Symlink { target, modified }
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            if attributes.sparse {
                let why = "a sparse member in the newer format; pack it without --sparse";
                return Err(self.unsupported(&path, why));
            }
            let mode = member.header().mode().map_err(|cause| self.failed(cause))?;
            SourceKind::File {
                size: Some(member.size()),
                executable: mode & 0o111 != 0,
                modified,
                media_type: None,
                provenance: None,
            }
        } else {
            return Ok(None);
        };
        Ok(Some(SourceEntry { path, kind }))
    }

    fn failed(&self, cause: io::Error) -> Error {
        source_error(&self.name, cause)
    }

    fn unsupported(&self, path: &TreePath, why: &str) -> Error {
        Error::new(ErrorKind::Unsupported, "read source")
            .at(path)
            .because(why)
    }

    fn attributes(&self, member: &mut Member<'_>) -> Result<Attributes> {
        let failed = |cause| self.failed(cause);
        let seconds = member.header().mtime().map_err(failed)?;
        let mut attributes = Attributes {
            modified: i64::try_from(seconds)
                .ok()
                .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
            sparse: false,
        };
        let Some(extensions) = member.pax_extensions().map_err(failed)? else {
            return Ok(attributes);
        };
        for extension in extensions {
            let extension = extension.map_err(failed)?;
            match extension.key_bytes() {
                b"mtime" => {
                    let value = extension.value().ok();
                    let seconds = value.and_then(|text| text.parse::<f64>().ok());
                    // A float cast saturates, and a time is clamped.
                    attributes.modified = seconds
                        .map(|seconds| Timestamp::from_millis((seconds * 1000.0).floor() as i64));
                }
                key if key.starts_with(b"GNU.sparse.") => attributes.sparse = true,
                _ => {}
            }
        }
        Ok(attributes)
    }
}

struct Attributes {
    modified: Option<Timestamp>,
    sparse: bool,
}
