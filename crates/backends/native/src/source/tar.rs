//! Tar archives, plain or packed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use workspace_core::{Error, ErrorKind, Result, SourceEntry, SourceKind, Timestamp};

use super::ahead::{ReadAhead, Sink, Stop};
use super::archive::{link_target, member_path};
use super::{SPECIAL, SourceOptions, invalid, open_file, read_start, source_error};

/// The most bytes of names and attributes before a member.
const HEADERS: u64 = 1 << 20;
const BLOCK: u64 = 512;

/// The members of a tar archive, plain, gzip or zstd, in their order.
///
/// Old GNU sparse members are filled with zeros. Hard links are refused.
#[derive(Debug)]
pub struct TarSource(pub(super) ReadAhead);

impl TarSource {
    /// Starts to read the archive at `path`.
    ///
    /// # Errors
    /// Those of [`from_reader`](Self::from_reader), and [`ErrorKind::NotFound`].
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let file: File = open_file(path)?;
        Self::from_reader(file, path.display().to_string(), options)
    }

    /// Starts to read an archive, such as standard input; `name` is for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for other formats. While reading:
    /// [`ErrorKind::Invalid`] for a path that is absolute, leaves the archive or
    /// is not UTF-8, a hard link, a device; [`ErrorKind::Unsupported`] for members
    /// of a rarer kind; [`ErrorKind::Source`] where the archive is damaged or ends
    /// too soon.
    pub fn from_reader(
        reader: impl Read + Send + 'static,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        let reading = Reading {
            skip_special: options.skip_special,
            name,
        };
        ReadAhead::start(move |sink| reading.run(reader, sink)).map(Self)
    }
}

struct Reading {
    skip_special: bool,
    name: String,
}

impl Reading {
    fn failed(&self, cause: io::Error) -> Error {
        source_error(&self.name, cause)
    }

    fn run(&self, reader: impl Read, sink: &mut Sink) -> Result<(), Stop> {
        let failed = |cause| self.failed(cause);
        let mut packed = BufReader::with_capacity(128 << 10, reader);
        let mut start = [0; 6];
        let start = read_start(&mut packed, &mut start).map_err(failed)?;
        let whole = Cursor::new(start.to_vec()).chain(packed);
        match start {
            [] => Err(self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")))?,
            [0x1f, 0x8b, ..] => self.members(MultiGzDecoder::new(whole), sink),
            // A frame, or a skippable one before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let unpacked = zstd::stream::read::Decoder::new(whole).map_err(failed)?;
                self.members(unpacked, sink)
            }
            [b'P', b'K', 3 | 5, ..] => Err(self.unsupported("this is a zip archive").into()),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Err(self.packed_by("xz").into()),
            [b'B', b'Z', b'h', ..] => Err(self.packed_by("bzip2").into()),
            _ => self.members(whole, sink),
        }
    }

    fn unsupported(&self, why: &str) -> Error {
        Error::new(ErrorKind::Unsupported, "read source")
            .at(&self.name)
            .because(why)
    }

    fn packed_by(&self, packer: &str) -> Error {
        self.unsupported(&format!(
            "packed by {packer}; unpack it first, or use gzip or zstd"
        ))
    }

    fn members(&self, reader: impl Read, sink: &mut Sink) -> Result<(), Stop> {
        let failed = |cause| self.failed(cause);
        let allowed = Rc::new(Cell::new(0));
        let zeros = Rc::new(Cell::new(0));
        let mut archive = ::tar::Archive::new(Guarded {
            reader,
            allowed: Rc::clone(&allowed),
            zeros: Rc::clone(&zeros),
        });
        let mut members = archive.entries().map_err(failed)?;
        loop {
            // What comes before a member is held in memory; what is in it is not.
            allowed.set(HEADERS);
            let Some(member) = members.next() else {
                break;
            };
            let mut member = member.map_err(failed)?;
            allowed.set(u64::MAX);
            self.member(&mut member, sink)?;
            io::copy(&mut member, &mut io::sink()).map_err(failed)?;
        }
        if zeros.get() < BLOCK {
            let cause = "the archive ends without its end mark, so some of it may be missing";
            return Err(self
                .failed(io::Error::new(io::ErrorKind::UnexpectedEof, cause))
                .into());
        }
        // Reads the packer's check sum, which comes last.
        allowed.set(HEADERS);
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
        Ok(())
    }

    fn member(
        &self,
        member: &mut ::tar::Entry<'_, impl Read>,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let kind = member.header().entry_type();
        // Of the whole archive: a comment of git's, a volume label.
        if kind.is_pax_global_extensions() || kind.as_byte() == b'V' {
            return Ok(());
        }
        let path = member_path(&member.path_bytes())?;
        let attributes = self.attributes(member)?;
        let modified = attributes.modified;
        if kind.is_dir() {
            let kind = SourceKind::Directory;
            sink.entry(SourceEntry { path, kind })
        } else if kind.is_symlink() {
            let target = member.link_name_bytes().unwrap_or_default();
            let target = link_target(&path, &target)?;
            let kind = SourceKind::Symlink { target, modified };
            sink.entry(SourceEntry { path, kind })
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            if attributes.sparse {
                return Err(self.unsupported("a sparse member in the newer format; pack it with --sparse-version=0.0 or without --sparse").at(path).into());
            }
            let mode = member.header().mode().map_err(|cause| self.failed(cause))?;
            let expected = member.size();
            let kind = SourceKind::File {
                executable: mode & 0o111 != 0,
                modified,
                media_type: None,
                provenance: None,
            };
            let shown = path.clone();
            sink.entry(SourceEntry { path, kind })?;
            let read = sink.bytes(member, expected, |cause| source_error(&shown, cause))?;
            if read < expected {
                let cause = format!("it ends after {read} of {expected} bytes");
                let cause = io::Error::new(io::ErrorKind::UnexpectedEof, cause);
                return Err(source_error(shown, cause).into());
            }
            Ok(())
        } else if kind.is_hard_link() {
            Err(invalid(path, "a hard link; pack with --hard-dereference").into())
        } else if kind.is_character_special() || kind.is_block_special() || kind.is_fifo() {
            if self.skip_special {
                return Ok(());
            }
            Err(invalid(path, SPECIAL).into())
        } else {
            let why = format!("a member of type {:?}", char::from(kind.as_byte()));
            Err(Error::new(ErrorKind::Unsupported, "read source")
                .at(path)
                .because(why)
                .into())
        }
    }

    fn attributes(&self, member: &mut ::tar::Entry<'_, impl Read>) -> Result<Attributes> {
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
                    let seconds = extension
                        .value()
                        .ok()
                        .and_then(|text| text.parse::<f64>().ok());
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

/// Bounds what the parser may read for itself, and sees how the archive ends.
struct Guarded<R> {
    reader: R,
    allowed: Rc<Cell<u64>>,
    /// With how many zeros what was read ends.
    zeros: Rc<Cell<u64>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.allowed.get();
        if allowed == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!(
                "more than {HEADERS} bytes that belong to no member"
            )));
        }
        let size = buffer
            .len()
            .min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut buffer[..size])?;
        self.allowed.set(allowed - read as u64);
        let data = &buffer[..read];
        match data.iter().rev().position(|byte| *byte != 0) {
            Some(zeros) => self.zeros.set(zeros as u64),
            None => self.zeros.set(self.zeros.get().saturating_add(read as u64)),
        }
        Ok(read)
    }
}
