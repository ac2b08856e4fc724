//! A tar archive as the source of an import.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, TryStreamExt};
use tar_core::parse::{Limits, ParseError, ParseEvent, ParsedEntry, Parser};
use tar_core::{EntryType, PAX_MTIME, PaxExtensions};
use workspace_core::{
    EntrySource, Error, ErrorKind, MAX_MEDIA_TYPE, MAX_PROVENANCE, Result, SourceEntry, SourceKind,
    Text, Timestamp, TreePath,
};

use super::{MEDIA_TYPE, MODIFIED, PROVENANCE, padding};

/// The most bytes of long names and attributes before one entry.
const MAX_METADATA: u32 = 1 << 20;
/// The most bytes after the end mark: archives are filled up to whole records.
const MAX_TRAILER: u64 = 1 << 20;

/// Reads a tar archive as it comes in: POSIX, GNU and old ones, not packed.
///
/// Holds a chunk of the body, and at most 1 MiB of an entry's long names. What a
/// tree cannot hold (hard links, devices, sparse files, absolute paths) is
/// refused, and so is an archive that stops before its end mark.
pub(crate) struct TarSource<S> {
    body: S,
    buffer: BytesMut,
    parser: Parser,
    /// What is left of the current entry's bytes, and of what fills up its block.
    left: u64,
    padding: u64,
    is_file: bool,
    ended: bool,
}

/// What the parser found, without its borrow of the buffer.
enum Found {
    Needs(usize),
    Entry {
        header: usize,
        size: u64,
        entry: SourceEntry,
    },
    Skip(usize),
    End(usize),
}

impl<S: Stream<Item = Result<Bytes>> + Send + Unpin> TarSource<S> {
    /// Reads the archive that `body` holds.
    pub(crate) fn new(body: S) -> Self {
        let limits = Limits {
            max_metadata_size: MAX_METADATA,
            ..Limits::default()
        };
        Self {
            body,
            buffer: BytesMut::new(),
            parser: Parser::new(limits),
            left: 0,
            padding: 0,
            is_file: false,
            ended: false,
        }
    }

    async fn next_entry(&mut self) -> Result<Option<SourceEntry>> {
        if self.ended {
            return Ok(None);
        }
        let rest = self.left.saturating_add(self.padding);
        self.skip(rest).await?;
        (self.left, self.padding) = (0, 0);
        loop {
            let found = match self.parser.parse(&self.buffer).map_err(broken)? {
                ParseEvent::NeedData { min_bytes } => Found::Needs(min_bytes),
                ParseEvent::Entry { consumed, entry } => Found::Entry {
                    header: consumed,
                    size: entry.size,
                    entry: translate(&entry)?,
                },
                ParseEvent::SparseEntry { entry, .. } => {
                    return Err(refused(&entry.path, "a sparse file"));
                }
                ParseEvent::GlobalExtensions { consumed, .. } => Found::Skip(consumed),
                ParseEvent::End { consumed } => Found::End(consumed),
            };
            match found {
                Found::Needs(least) => {
                    while self.buffer.len() < least {
                        if !self.fill().await? {
                            return Err(cut_off());
                        }
                    }
                }
                Found::Skip(bytes) => self.buffer.advance(bytes),
                Found::Entry {
                    header,
                    size,
                    entry,
                } => {
                    self.buffer.advance(header);
                    (self.left, self.padding) = (size, padding(size));
                    self.is_file = matches!(entry.kind, SourceKind::File { .. });
                    return Ok(Some(entry));
                }
                Found::End(bytes) => {
                    self.buffer.advance(bytes);
                    self.drain().await?;
                    self.ended = true;
                    return Ok(None);
                }
            }
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        if !self.is_file || self.left == 0 {
            return Ok(None);
        }
        if self.buffer.is_empty() && !self.fill().await? {
            return Err(cut_off());
        }
        let here = self.left.min(self.buffer.len() as u64);
        self.left -= here;
        Ok(Some(self.buffer.split_to(here as usize).freeze()))
    }

    /// Takes a chunk of the body into the buffer; `false` at its end.
    async fn fill(&mut self) -> Result<bool> {
        match self.body.try_next().await? {
            Some(chunk) if self.buffer.is_empty() => {
                // Where nobody else holds the chunk it is taken over, not copied.
                self.buffer = BytesMut::from(chunk);
                Ok(true)
            }
            Some(chunk) => {
                self.buffer.extend_from_slice(&chunk);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn skip(&mut self, mut bytes: u64) -> Result<()> {
        loop {
            let here = bytes.min(self.buffer.len() as u64);
            self.buffer.advance(here as usize);
            bytes -= here;
            if bytes == 0 {
                return Ok(());
            }
            if !self.fill().await? {
                return Err(cut_off());
            }
        }
    }

    /// Reads what comes after the end mark, so that the body is known to be whole.
    async fn drain(&mut self) -> Result<()> {
        let mut seen = self.buffer.len() as u64;
        while let Some(chunk) = self.body.try_next().await? {
            seen += chunk.len() as u64;
            if seen > MAX_TRAILER {
                return Err(archive_error()
                    .because(format!("more than {MAX_TRAILER} bytes follow its end mark")));
            }
        }
        self.buffer.clear();
        Ok(())
    }
}

impl<S: Stream<Item = Result<Bytes>> + Send + Unpin> EntrySource for TarSource<S> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        self.next_entry().boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.next_chunk().boxed()
    }
}

/// Turns a header into an entry of a tree.
fn translate(entry: &ParsedEntry<'_>) -> Result<SourceEntry> {
    let (path, slash) = tree_path(&entry.path)?;
    let attributes = Attributes::read(entry)?;
    let modified = attributes.modified;
    let kind = match entry.entry_type {
        // Before there was a type for directories, a slash made one.
        EntryType::Regular | EntryType::Continuous if slash => SourceKind::Directory,
        EntryType::Regular | EntryType::Continuous => SourceKind::File {
            size: Some(entry.size),
            executable: entry.mode & 0o111 != 0,
            modified,
            media_type: attributes.media_type,
            provenance: attributes.provenance,
        },
        EntryType::Directory => SourceKind::Directory,
        EntryType::Symlink => {
            let target = entry.link_target.as_deref().unwrap_or_default();
            let target = std::str::from_utf8(target)
                .map_err(|_| refused(&entry.path, "its target is not UTF-8"))?;
            SourceKind::Symlink {
                target: Text::new(target).map_err(|error| {
                    let why = error.detail().unwrap_or_default().to_string();
                    refused(&entry.path, &format!("its target: {why}"))
                })?,
                modified,
            }
        }
        EntryType::Link => return Err(refused(&entry.path, "a hard link")),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            return Err(refused(&entry.path, "a device or a pipe"));
        }
        other => {
            let why = format!("an entry of the unknown type {:#04x}", other.to_byte());
            return Err(refused(&entry.path, &why));
        }
    };
    Ok(SourceEntry { path, kind })
}

/// What an entry's extended attributes say.
struct Attributes {
    /// None where the archive says that nobody knows.
    modified: Option<Timestamp>,
    media_type: Option<Text<MAX_MEDIA_TYPE>>,
    provenance: Option<Text<MAX_PROVENANCE>>,
}

impl Attributes {
    fn read(entry: &ParsedEntry<'_>) -> Result<Self> {
        let seconds = i64::try_from(entry.mtime).unwrap_or(i64::MAX);
        let mut found = Self {
            modified: Some(Timestamp::from_millis(seconds.saturating_mul(1000))),
            media_type: None,
            provenance: None,
        };
        for extension in PaxExtensions::new(entry.pax.unwrap_or_default()) {
            let extension = extension.map_err(|error| refused(&entry.path, &error.to_string()))?;
            let (Ok(key), value) = (extension.key(), extension.value()) else {
                continue;
            };
            let wrong = |why: &str| refused(&entry.path, &format!("its {key}: {why}"));
            let text = || value.map_err(|_| wrong("not UTF-8"));
            let told = |error: Error| wrong(error.detail().unwrap_or_default());
            match key {
                PAX_MTIME => {
                    let more = thousandths(text()?);
                    found.modified = found.modified.map(|time| time.plus_millis(more));
                }
                MODIFIED if value == Ok("") => found.modified = None,
                MODIFIED => {
                    let millis = text()?.parse();
                    let millis = millis.map_err(|_| wrong("no number of milliseconds"))?;
                    found.modified = Some(Timestamp::from_millis(millis));
                }
                MEDIA_TYPE => found.media_type = Some(Text::new(text()?).map_err(told)?),
                PROVENANCE => found.provenance = Some(Text::new(text()?).map_err(told)?),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Returns the first three digits after the point of a time in seconds.
fn thousandths(time: &str) -> i64 {
    let (_, fraction) = time.split_once('.').unwrap_or_default();
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    digits
        .map(|digit| i64::from(digit.saturating_sub(b'0').min(9)))
        .fold(0, |sum, digit| sum * 10 + digit)
}

/// Reads a path of an archive: relative, perhaps after `./`. Tells whether it
/// ends with a slash.
fn tree_path(raw: &[u8]) -> Result<(TreePath, bool)> {
    let text = std::str::from_utf8(raw).map_err(|_| refused(raw, "its path is not UTF-8"))?;
    let (text, slash) = match text.strip_suffix('/') {
        Some(shorter) => (shorter, true),
        None => (text, false),
    };
    let relative = match text {
        "." => "",
        text => text.strip_prefix("./").unwrap_or(text),
    };
    if text.is_empty() || relative.starts_with('/') {
        return Err(refused(raw, "its path is absolute"));
    }
    match relative {
        "" => Ok((TreePath::root(), true)),
        relative => Ok((TreePath::new(&format!("/{relative}"))?, slash)),
    }
}

fn archive_error() -> Error {
    Error::new(ErrorKind::Invalid, "read archive")
}

/// An entry that a tree cannot hold.
fn refused(path: &[u8], why: &str) -> Error {
    let path: Cow<'_, str> = String::from_utf8_lossy(path);
    let start: String = path.chars().take(120).collect();
    archive_error().at(start.escape_debug()).because(why)
}

fn cut_off() -> Error {
    archive_error().because("it stops before its end mark")
}

fn broken(error: ParseError) -> Error {
    let kind = match error {
        ParseError::MetadataTooLarge { .. }
        | ParseError::TooManyPendingEntries { .. }
        | ParseError::TooManySparseEntries { .. } => ErrorKind::LimitExceeded,
        _ => ErrorKind::Invalid,
    };
    let why = error.to_string();
    Error::new(kind, "read archive").because(why.escape_debug())
}
