//! Tar archives, plain or packed.

mod links;

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use workspace_archive::{Member, MemberKind, Sieve, TarReader};
use workspace_core::{Error, ErrorKind, Result, SourceEntry};

use super::ahead::{ReadAhead, Sink, Stop};
use super::expansion::Expansion;
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
    /// Those of [`from_reader`](Self::from_reader), and [`ErrorKind::NotFound`];
    /// [`ErrorKind::Source`] also where the archive changes while it is read.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self> {
        Self::from_file(open_file(path)?, path.display().to_string(), options)
    }

    /// Starts to read an archive that is open, from its start; `name` is for messages.
    pub(super) fn from_file(file: File, name: String, options: &SourceOptions) -> Result<Self> {
        let failed = |cause| source_error(&name, cause);
        let again = file.try_clone().map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let expansion = match options.any_expansion {
            true => Expansion::of_any(),
            false => Expansion::of(length),
        };
        Self::start(file, Some(again), expansion, name, options)
    }

    /// Starts to read an archive, such as standard input; `name` is for messages.
    ///
    /// # Errors
    /// While reading: those of [`TarReader`]; [`ErrorKind::Invalid`] for a device, for a
    /// directory that git takes for a repository, and for a hard link, which needs an
    /// archive that can be read twice; [`ErrorKind::LimitExceeded`] for more entries or
    /// bytes than the limits have, whether or not they come out, for far more bytes than
    /// the archive has, and beyond 64 MiB of paths of hard links.
    pub fn from_reader(
        reader: impl Read + Send + 'static,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        if options.any_expansion {
            return Self::start(reader, None, Expansion::of_any(), name, options);
        }
        let expansion = Expansion::of(0);
        let counted = expansion.count(reader);
        Self::start(counted, None, expansion, name, options)
    }

    fn start(
        reader: impl Read + Send + 'static,
        again: Option<File>,
        expansion: Expansion,
        name: String,
        options: &SourceOptions,
    ) -> Result<Self> {
        let reading = Reading {
            skip_special: options.skip_special,
            sieve: options.sieve(),
            expansion,
            again,
            name,
        };
        ReadAhead::start(move |sink| reading.run(reader, sink)).map(Self)
    }
}

struct Reading {
    skip_special: bool,
    sieve: Sieve,
    /// Counts what comes out of members.
    expansion: Expansion,
    /// The archive, where it can be read a second time.
    again: Option<File>,
    name: String,
}

impl Reading {
    fn run(mut self, reader: impl Read + 'static, sink: &mut Sink) -> Result<(), Stop> {
        let before = self.version()?;
        let mut links = HardLinks::default();
        let mut members = Members::new(reader, &self.name, self.expansion.beside())?;
        for number in 0.. {
            let Some(member) = members.next()? else {
                break;
            };
            self.member(number, member, &mut members, &mut links, sink)?;
        }
        self.refuse_changed(before)?;
        // The same file, whatever has its name by now.
        let again = self.again.take().filter(|_| !links.is_empty());
        if let Some(mut again) = again {
            let failed = |cause| source_error(&self.name, cause);
            again.rewind().map_err(failed)?;
            let reader = again.try_clone().map_err(failed)?;
            self.again = Some(again);
            let mut copies = links.copies();
            let mut members = Members::new(reader, &self.name, self.expansion.beside())?;
            for number in 0.. {
                let Some(member) = members.next()? else {
                    break;
                };
                copies.make(number, member, &mut members, &mut self, sink)?;
            }
            self.refuse_changed(before)?;
            copies.refuse_dangling()?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        number: u64,
        member: Member,
        members: &mut Members,
        links: &mut HardLinks,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let size = match member.kind {
            MemberKind::File { size, .. } => size,
            _ => 0,
        };
        self.sieve.count(&member.path, size)?;
        match member.kind {
            MemberKind::HardLink { target } if self.again.is_some() => {
                if self.sieve.takes(&member.path)? {
                    links.add(member.path, target, number)?;
                }
                return Ok(());
            }
            _ => links.replaced(&member.path),
        }
        // What is not taken is passed over in the archive, and its holes are not made.
        if member.kind == MemberKind::Special && self.skip_special
            || !self.sieve.takes(&member.path)?
        {
            return Ok(());
        }
        sink.entry(SourceEntry::try_from(member)?)?;
        while let Some(chunk) = members.chunk()? {
            self.expansion.add(chunk.len() as u64, &self.name)?;
            sink.chunk(chunk)?;
        }
        Ok(())
    }

    /// Returns what tells whether the archive is as it was.
    fn version(&self) -> Result<Option<(u64, Option<SystemTime>)>> {
        let Some(file) = &self.again else {
            return Ok(None);
        };
        let found = file.metadata();
        let found = found.map_err(|cause| source_error(&self.name, cause))?;
        Ok(Some((found.len(), found.modified().ok())))
    }

    fn refuse_changed(&self, before: Option<(u64, Option<SystemTime>)>) -> Result<()> {
        match self.version()? == before {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Source, "read source")
                .at(&self.name)
                .because("it changed while it was read")),
        }
    }
}

/// The members of an archive, however it is packed, read where the thread stands.
struct Members {
    reader: TarReader<stream::Iter<Chunks>>,
    name: String,
}

impl Members {
    /// `expansion` counts what is unpacked.
    fn new(reader: impl Read + 'static, name: &str, expansion: Expansion) -> Result<Self> {
        let chunks = Chunks {
            reader: unpacked(reader, name)?,
            expansion,
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
    expansion: Expansion,
    name: String,
}

impl Iterator for Chunks {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        const SIZE: u64 = 256 << 10;
        let mut chunk = Vec::with_capacity(SIZE as usize);
        match (&mut self.reader).take(SIZE).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(read) => {
                let counted = self.expansion.add(read as u64, &self.name);
                Some(counted.map(|()| chunk.into()))
            }
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
