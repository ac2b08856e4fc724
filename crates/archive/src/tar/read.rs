//! The members of a tar archive as it streams in.

use bytes::Bytes;
use futures::Stream;
use tar_core::Header;
use workspace_core::{Error, ErrorKind, Reason, Result, Timestamp, TreePath};

use super::header::{self, damaged, is_header};
use super::input::Input;
use super::member::{Member, RawKind, RawMember};
use super::number::{count, number};
use super::records::{Records, global_time};
use super::sparse::{self, MAX_REGIONS, Piece, Region, Sparse};
use super::{BLOCK, padding};
use crate::format::Format;
use crate::names::member_path;

/// The most bytes of long names and attributes before one member.
const MAX_METADATA: u64 = 1 << 20;
/// The most bytes after the end mark: archives are filled up to whole records.
const MAX_TRAILER: u64 = 64 << 20;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Reads a tar archive as it comes in: POSIX, GNU and old ones, sparse files too; not
/// packed.
///
/// Holds a chunk of the stream, 1 MiB of a member's names and attributes, and 100,000
/// regions of a sparse file. An archive that stops before its end mark is refused, and
/// so is one that goes on after it.
pub struct TarReader<S> {
    input: Input<S>,
    /// The time that the archive gives all members.
    time: Option<Timestamp>,
    /// The member under way, for messages.
    member: Option<TreePath>,
    /// What is left of its bytes in the archive, and of what fills up its block.
    left: u64,
    padding: u64,
    sparse: Option<Sparse>,
    ended: bool,
}

/// What the headers before a member say of it.
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Option<Records>,
    /// How many bytes of them there may still be.
    room: u64,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> TarReader<S> {
    /// Reads the archive that `stream` holds.
    pub fn new(stream: S) -> Self {
        Self {
            input: Input::new(stream),
            time: None,
            member: None,
            left: 0,
            padding: 0,
            sparse: None,
            ended: false,
        }
    }

    /// Moves to the next member, past what is unread of the one before; `None` at the
    /// end, which is then known to be whole.
    ///
    /// # Errors
    /// Those of the stream. `Source` where the archive is damaged or ends too soon;
    /// `Invalid` for what is no tar archive and for what a tree cannot hold;
    /// `Unsupported` for other formats and members of a rarer kind; `LimitExceeded`.
    pub async fn next(&mut self) -> Result<Option<Member>> {
        let raw = self.forward(true).await?;
        raw.map(Member::try_from).transpose()
    }

    /// Moves to the next member as [`next`](Self::next) does, and leaves to the caller what
    /// it is called and where a link points: bytes that may be no path, of members that may
    /// be passed over.
    ///
    /// # Errors
    /// As for `next`, but for what concerns names and targets.
    pub async fn next_raw(&mut self) -> Result<Option<RawMember>> {
        self.forward(false).await
    }

    async fn forward(&mut self, strict: bool) -> Result<Option<RawMember>> {
        if self.ended {
            return Ok(None);
        }
        let rest = self.left + self.padding;
        let skipped = self.input.skip(rest).await;
        skipped.map_err(|error| self.told(error))?;
        (self.left, self.padding, self.sparse) = (0, 0, None);
        let mut extended = Extended {
            name: None,
            link: None,
            records: None,
            room: MAX_METADATA,
        };
        loop {
            let start = self.input.at();
            let mut block = [0; BLOCK as usize];
            let read = self.input.read(&mut block).await?;
            if read < block.len() {
                return Err(match start {
                    0 => no_archive(&block[..read]),
                    _ => self.input.cut_off(),
                });
            }
            if block.iter().all(|byte| *byte == 0) {
                extended.refuse_without_member()?;
                self.end().await?;
                self.ended = true;
                return Ok(None);
            }
            if !is_header(&block) {
                return Err(match start {
                    0 => no_archive(&block),
                    _ => damaged(&format!(
                        "the check sum of the one at byte {start} is wrong"
                    )),
                });
            }
            let header = Header::from_bytes(&block);
            header::refuse_no_numbers(header)?;
            header::refuse_odd_sparse(header)?;
            let size = header::size(header)?;
            match header::kind(header) {
                b'x' | b'X' => {
                    let mut records = Records::default();
                    records.read(&self.metadata(size, &mut extended).await?)?;
                    once(&mut extended.records, records)?;
                }
                b'L' => {
                    let name = self.metadata(size, &mut extended).await?;
                    once(&mut extended.name, long_text(name)?)?;
                }
                b'K' => {
                    let link = self.metadata(size, &mut extended).await?;
                    once(&mut extended.link, long_text(link)?)?;
                }
                b'g' => {
                    extended.refuse_between("a header for all members")?;
                    let records = self.metadata(size, &mut extended).await?;
                    self.time = global_time(&records)?.or(self.time);
                }
                // The label of a volume.
                b'V' => {
                    extended.refuse_between("the label of a volume")?;
                    if size > 0 {
                        return Err(wrong("the label of a volume with contents"));
                    }
                }
                kind => {
                    let begun = self.begin(header, kind, size, extended, strict).await;
                    return begun.map(Some);
                }
            }
        }
    }

    /// Returns the next bytes of the current member; `None` at its end, and for what is
    /// not a file.
    ///
    /// # Errors
    /// Those of the stream; `Source` where the archive ends too soon.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let piece = match &self.sparse {
            Some(sparse) => sparse.piece(),
            None if self.left > 0 => Piece::Stored(self.left),
            None => Piece::End,
        };
        let chunk = match piece {
            Piece::End => return Ok(None),
            Piece::Zeros(bytes) => {
                let bytes = bytes.min(ZEROS.len() as u64);
                Bytes::from_static(&ZEROS[..bytes as usize])
            }
            Piece::Stored(bytes) => {
                let piece = self.input.piece(bytes).await;
                let piece = piece.map_err(|error| self.told(error))?;
                self.left -= piece.len() as u64;
                piece
            }
        };
        if let Some(sparse) = &mut self.sparse {
            sparse.advance(chunk.len() as u64);
        }
        Ok(Some(chunk))
    }

    /// Goes over to the member that a header and what was before it describe.
    async fn begin(
        &mut self,
        header: &Header,
        kind: u8,
        size: u64,
        extended: Extended,
        strict: bool,
    ) -> Result<RawMember> {
        let described = extended.records.is_some();
        let records = extended.records.unwrap_or_default();
        let twice = |what: &str| {
            let why = format!("a member whose {what} is said in two ways; readers differ in which");
            Err(Error::new(ErrorKind::Unsupported, "read source").because(why))
        };
        match (&extended.name, &records.path, &records.sparse.name) {
            // Where there is a record of POSIX, it counts, before or after the other.
            (Some(_), None, Some(_)) => return twice("name"),
            (_, Some(path), Some(name)) if !sparse::stands_for(path, name) => {
                return twice("name");
            }
            _ => {}
        }
        let name = match (&records.sparse.name, &records.path, extended.name) {
            (Some(name), _, _) | (None, Some(name), _) => name.clone(),
            (None, None, Some(name)) => name,
            (None, None, None) => header::name(header)?,
        };
        self.member = match member_path(&name) {
            Err(error) if strict => return Err(error),
            path => path.ok(),
        };
        let link = match (&records.link, extended.link) {
            (Some(link), _) => link.clone(),
            (None, Some(link)) => link,
            (None, None) => header::link(header),
        };
        let modified = match (records.modified, self.time) {
            (Some(modified), _) => Ok(modified),
            (None, Some(time)) => Ok(Some(time)),
            (None, None) => header::modified(header)
                .map(Some)
                .map_err(|error| self.told(error)),
        };
        // A size in the header of what has no bytes says nothing: old programs left one
        // there. Readers part where a record says one, or a link has records at all.
        let parts = match kind {
            b'1' => records.size.unwrap_or(0) > 0 || (described && size > 0),
            b'2' | b'5' => records.size.unwrap_or(0) > 0,
            b'3' | b'4' | b'6' => size > 0 || records.size.unwrap_or(0) > 0,
            _ => false,
        };
        if parts {
            let why = match kind {
                b'5' => "a directory with contents",
                b'1' => "a hard link with contents",
                b'2' => "a symlink with contents",
                _ => "a device or FIFO with contents",
            };
            return Err(self.told(wrong(why)));
        }
        let kind = match kind {
            b'0' | 0 | b'7' | b'S' => {
                let stored = records.size.unwrap_or(size);
                if name == b"." || name.ends_with(b"/.") {
                    return Err(self.told(wrong("a file that is named as a directory")));
                }
                // Before there was a type for directories, a slash made one.
                if name.ends_with(b"/") {
                    if stored > 0 {
                        return Err(self.told(wrong("a directory with contents")));
                    }
                    return Ok(RawMember {
                        name,
                        kind: RawKind::Directory,
                    });
                }
                let size = self.file(header, kind, stored, &records).await;
                RawKind::File {
                    size: size.map_err(|error| self.told(error))?,
                    sparse: self.sparse.is_some(),
                    executable: header::executable(header).map_err(|error| self.told(error))?,
                    modified: modified?,
                    media_type: records.media_type,
                    provenance: records.provenance,
                }
            }
            b'5' => RawKind::Directory,
            b'2' => RawKind::Symlink {
                target: link,
                modified: modified?,
            },
            b'1' => RawKind::HardLink { target: link },
            b'3' | b'4' | b'6' => RawKind::Special,
            other => {
                let why = format!("a member of type {:?}", char::from(other));
                return Err(
                    self.told(Error::new(ErrorKind::Unsupported, "read source").because(why))
                );
            }
        };
        Ok(RawMember { name, kind })
    }

    /// Prepares to read the bytes of a file, and returns how many they are.
    async fn file(
        &mut self,
        header: &Header,
        kind: u8,
        stored: u64,
        records: &Records,
    ) -> Result<u64> {
        let mut left = stored;
        let found = match (kind, records.sparse.any) {
            (b'S', false) => Some(self.gnu_regions(header).await?),
            (b'S', true) => return Err(sparse::wrong("of two versions at once")),
            (_, true) => {
                let said = &records.sparse;
                let size = said.size.ok_or_else(|| sparse::wrong("without a size"))?;
                let regions = match (said.major, said.minor) {
                    (Some(1), Some(0)) => self.map(&mut left).await?,
                    (None, None) if said.blocks == Some(said.regions.len() as u64) => {
                        said.regions.clone()
                    }
                    _ => {
                        let why = "a sparse file in a format that is not known";
                        return Err(Error::new(ErrorKind::Unsupported, "read source").because(why));
                    }
                };
                Some((regions, size))
            }
            (_, false) => None,
        };
        self.padding = padding(stored);
        self.left = left;
        let Some((regions, size)) = found else {
            return Ok(stored);
        };
        self.sparse = Some(Sparse::new(regions, size, left)?);
        Ok(size)
    }

    /// Reads the map that old GNU tar has in the header and in blocks after it, and the
    /// file's size.
    async fn gnu_regions(&mut self, header: &Header) -> Result<(Vec<Region>, u64)> {
        let bytes = header.as_bytes();
        let mut regions = Vec::new();
        sparse::regions(&bytes[386..482], &mut regions)?;
        let size = number(&bytes[483..495]).and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| sparse::wrong("its size is no number"))?;
        let mut more = bytes[482] != 0;
        for _ in 0..MAX_REGIONS {
            if !more {
                return Ok((regions, size));
            }
            let block = self.input.block().await?;
            sparse::regions(&block[..504], &mut regions)?;
            more = block[504] != 0;
        }
        Err(sparse::too_many())
    }

    /// Reads the map that newer GNU tar has before the bytes: how many regions, then
    /// each, a number a line, up to a whole block.
    async fn map(&mut self, left: &mut u64) -> Result<Vec<Region>> {
        let mut numbers = Vec::new();
        let mut line = Vec::new();
        loop {
            *left = left
                .checked_sub(BLOCK)
                .ok_or_else(|| sparse::wrong("its map ends too soon"))?;
            for byte in self.input.block().await? {
                if byte != b'\n' {
                    // Longer than any number.
                    if line.len() > 20 {
                        return Err(sparse::wrong("its map is no list of numbers"));
                    }
                    line.push(byte);
                    continue;
                }
                let value = count(&line);
                numbers.push(value.ok_or_else(|| sparse::wrong("its map is no list of numbers"))?);
                line.clear();
                if numbers[0] > MAX_REGIONS as u64 {
                    return Err(sparse::too_many());
                }
                if numbers.len() as u64 > 2 * numbers[0] {
                    let region = |pair: &[u64]| Region {
                        offset: pair[0],
                        length: pair[1],
                    };
                    return Ok(numbers[1..].chunks_exact(2).map(region).collect());
                }
            }
        }
    }

    /// Reads what a header has in place of a member.
    async fn metadata(&mut self, size: u64, extended: &mut Extended) -> Result<Vec<u8>> {
        let taken = size.saturating_add(BLOCK);
        extended.room = extended.room.checked_sub(taken).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "read source").because(format_args!(
                "more than {MAX_METADATA} bytes of names and attributes before a member"
            ))
        })?;
        let mut found = vec![0; size as usize];
        if self.input.read(&mut found).await? < found.len() {
            return Err(self.input.cut_off());
        }
        self.input.skip(padding(size)).await?;
        Ok(found)
    }

    /// Reads what comes after the end mark, so that the archive is known to be whole.
    async fn end(&mut self) -> Result<()> {
        let mut block = [0; BLOCK as usize];
        let end = self.input.at();
        while self.input.read(&mut block).await? == block.len() {
            if is_header(&block) {
                let why = "another archive follows its end mark; import them one by one";
                return Err(wrong(why));
            }
            if self.input.at() - end > MAX_TRAILER {
                return Err(Error::new(ErrorKind::LimitExceeded, "read source").because(
                    format_args!("more than {MAX_TRAILER} bytes follow its end mark"),
                ));
            }
        }
        Ok(())
    }

    /// Names the member at which the archive failed.
    fn told(&self, error: Error) -> Error {
        match (&self.member, error.subject()) {
            (Some(path), None) => error.at(path),
            _ => error,
        }
    }
}

impl Extended {
    /// Refuses what stands between a member and what describes it.
    fn refuse_between(&self, what: &str) -> Result<()> {
        match (&self.name, &self.link, &self.records) {
            (None, None, None) => Ok(()),
            _ => Err(
                Error::new(ErrorKind::Unsupported, "read source").because(format!(
                    "{what} between a member and what describes it; readers differ in which that is"
                )),
            ),
        }
    }

    /// Refuses the end of the archive where a member is announced.
    fn refuse_without_member(&self) -> Result<()> {
        match (&self.name, &self.link, &self.records) {
            (None, None, None) => Ok(()),
            _ => Err(damaged("it describes a member, and none follows")),
        }
    }
}

/// Returns the long name or target that a header of GNU tar has, without the NUL at its
/// end.
///
/// # Errors
/// `Source` where a NUL is anywhere else: each reader has its own end then.
fn long_text(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    match bytes.pop() {
        Some(0) if !bytes.contains(&0) => Ok(bytes),
        _ => Err(damaged(
            "a long name or target that does not end with a NUL",
        )),
    }
}

/// Keeps what a header says; there is one of a kind before a member.
fn once<T>(place: &mut Option<T>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(damaged("there are two of its kind before one member")),
    }
}

/// What begins like this is no tar archive.
fn no_archive(start: &[u8]) -> Error {
    let error = |kind, why: String| Error::new(kind, "read source").because(why);
    match Format::of(start) {
        _ if start.is_empty() => error(ErrorKind::Source, "it is empty".into()),
        Some(format) => error(
            ErrorKind::Unsupported,
            format!("this is {}, and not a tar archive", format.name()),
        ),
        None => wrong("this is not a tar archive"),
    }
}

fn wrong(why: &str) -> Error {
    Error::invalid(Reason::MalformedArchive, "read source").because(why)
}
