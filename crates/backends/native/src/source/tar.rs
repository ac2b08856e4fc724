//! Tar archives, plain or packed.

mod links;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use workspace_archive::{Member, MemberKind, TarReader};
use workspace_core::{Result, SourceEntry};

use super::ahead::{ReadAhead, Sink, Stop};
use super::packed::unpacked;
use super::{SourceOptions, open_file, source_error};
use links::HardLinks;

/// The members of a tar archive, plain, gzip or zstd, in their order.
///
/// Sparse members are filled with zeros. Hard links become copies of the member that
/// they name, at the end.
#[derive(Debug)]
pub struct TarSource(pub(super) ReadAhead);

impl TarSource {
    /// Starts to read the archive at `path`; a second time where it holds hard links.
    ///
    /// # Errors
    /// Those of [`from_reader`](Self::from_reader), and [`ErrorKind::NotFound`].
    ///
    /// [`ErrorKind::NotFound`]: workspace_core::ErrorKind::NotFound
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        let name = path.display().to_string();
        Self::start(open_file(path)?, Some(path.to_owned()), name, options)
    }

    /// Starts to read an archive, such as standard input; `name` is for messages.
    ///
    /// # Errors
    /// While reading: those of [`TarReader`]; [`ErrorKind::Invalid`] for a device, and
    /// for a hard link, which needs an archive that can be read twice;
    /// [`ErrorKind::LimitExceeded`] for a hard link beyond the entries of the limits, or
    /// beyond 64 MiB of paths of such links.
    ///
    /// [`ErrorKind::Invalid`]: workspace_core::ErrorKind::Invalid
    /// [`ErrorKind::LimitExceeded`]: workspace_core::ErrorKind::LimitExceeded
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
        let mut members = Members::new(reader, &self.name)?;
        for number in 0.. {
            let Some(member) = members.next()? else {
                break;
            };
            self.member(number, member, &mut members, &mut links, sink)?;
        }
        if let (Some(path), false) = (&self.again, links.is_empty()) {
            let mut copies = links.copies();
            let mut members = Members::new(open_file(path)?, &self.name)?;
            for number in 0.. {
                let Some(member) = members.next()? else {
                    break;
                };
                copies.make(number, member, &mut members, sink)?;
            }
            copies.refuse_dangling()?;
        }
        Ok(())
    }

    fn member(
        &self,
        number: u64,
        member: Member,
        members: &mut Members,
        links: &mut HardLinks,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        match member.kind {
            MemberKind::HardLink { target } if self.again.is_some() => {
                return Ok(links.add(member.path, target, number)?);
            }
            _ => links.replaced(&member.path),
        }
        if member.kind == MemberKind::Special && self.skip_special {
            return Ok(());
        }
        sink.entry(SourceEntry::try_from(member)?)?;
        while let Some(chunk) = members.chunk()? {
            sink.chunk(chunk)?;
        }
        Ok(())
    }
}

/// The members of an archive, however it is packed, read where the thread stands.
struct Members {
    reader: TarReader<stream::Iter<Chunks>>,
    name: String,
}

impl Members {
    fn new(reader: impl Read + 'static, name: &str) -> Result<Self> {
        let chunks = Chunks {
            reader: unpacked(reader, name)?,
            name: name.to_owned(),
        };
        Ok(Self {
            reader: TarReader::new(stream::iter(chunks)),
            name: name.to_owned(),
        })
    }

    /// Moves to the next member; `None` at the end.
    fn next(&mut self) -> Result<Option<Member>> {
        // The stream never waits but for its reader.
        block_on(self.reader.next()).map_err(|error| match error.subject() {
            None => error.at(&self.name),
            Some(_) => error,
        })
    }

    /// Returns the next bytes of the member; `None` at its end.
    fn chunk(&mut self) -> Result<Option<Bytes>> {
        block_on(self.reader.chunk())
    }
}

/// What a reader holds, piece by piece.
struct Chunks {
    reader: Box<dyn Read>,
    name: String,
}

impl Iterator for Chunks {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        const SIZE: u64 = 256 << 10;
        let mut chunk = Vec::with_capacity(SIZE as usize);
        match (&mut self.reader).take(SIZE).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(_) => Some(Ok(chunk.into())),
            Err(cause) => Some(Err(source_error(&self.name, ended_early(cause)))),
        }
    }
}

/// What flate2 and zstd call the end of a file within what is packed.
fn ended_early(cause: io::Error) -> io::Error {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it is cut off: what is packed goes on after its end",
        ),
        _ => cause,
    }
}
