//! Headers of tar archives, and an export as one.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt, stream};
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;
use workspace_core::store::ByteStream;
use workspace_core::{
    Entry, Error, ErrorKind, Export, Result, SourceEntry, SourceKind, Timestamp, TreePath,
    media_type as media_type_of,
};

use super::{BLOCK, MEDIA_TYPE, MODIFIED, PROVENANCE, padding};

/// What comes next in the archive.
enum State {
    Entry,
    Body(ByteStream<'static>, u64),
    Ended,
}

/// The latest time that a field has digits for.
const MAX_SECONDS: u64 = 0o77_777_777_777;

/// About as many bytes go over at once, or a chunk of a large file.
const CHUNK: usize = 64 << 10;

/// Returns an export as a tar archive in POSIX format, chunk by chunk.
///
/// Files are 0644 or 0755, times are whole seconds.
pub fn tar_stream(export: Export) -> impl Stream<Item = Result<Bytes>> {
    let pieces = Box::pin(pieces(export));
    stream::try_unfold(
        (pieces, BytesMut::new()),
        |(mut pieces, mut chunk)| async move {
            while let Some(piece) = pieces.try_next().await? {
                if chunk.is_empty() && piece.len() >= CHUNK {
                    return Ok(Some((piece, (pieces, chunk))));
                }
                chunk.extend_from_slice(&piece);
                if chunk.len() >= CHUNK {
                    break;
                }
            }
            let full = chunk.split().freeze();
            Ok((!full.is_empty()).then_some((full, (pieces, chunk))))
        },
    )
}

fn pieces(export: Export) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold((export, State::Entry), |(mut export, state)| async move {
        match state {
            State::Ended => Ok(None),
            State::Body(mut body, size) => Ok(Some(match body.try_next().await? {
                Some(chunk) => (chunk, (export, State::Body(body, size))),
                None => (zeros(padding(size)), (export, State::Entry)),
            })),
            State::Entry => Ok(Some(match export.next().await? {
                None => (end_mark(), (export, State::Ended)),
                Some(exported) => {
                    let header = tar_header(&exported.path, &exported.entry)?;
                    let state = match exported.body {
                        Some(opened) => State::Body(opened.body, opened.file.size),
                        None => State::Entry,
                    };
                    (header, (export, state))
                }
            })),
        }
    })
}

/// Returns what ends an archive.
pub fn end_mark() -> Bytes {
    zeros(2 * BLOCK)
}

pub(super) fn zeros(count: u64) -> Bytes {
    static ZEROS: [u8; 2 * BLOCK as usize] = [0; 2 * BLOCK as usize];
    Bytes::from_static(&ZEROS[..count as usize])
}

/// Returns the header of an entry of an export, with its time in whole seconds. The bytes
/// of a file follow, and what fills up their last block.
///
/// # Errors
/// `Unsupported` for what the format has no words for.
pub fn tar_header(path: &TreePath, entry: &Entry) -> Result<Bytes> {
    let seconds = |time: Timestamp| {
        let whole = time.as_millis().div_euclid(1000);
        Some(Timestamp::from_millis(whole * 1000))
    };
    let kind = match entry {
        Entry::File(file) => SourceKind::File {
            size: Some(file.size),
            executable: file.executable,
            modified: seconds(file.modified),
            media_type: None,
            provenance: None,
        },
        Entry::Directory(_) => SourceKind::Directory,
        Entry::Symlink(symlink) => SourceKind::Symlink {
            target: symlink.target.clone(),
            modified: seconds(symlink.modified),
        },
    };
    let path = path.clone();
    header(&SourceEntry { path, kind }, entry.size())
}

/// Returns the header of an entry whose file has `size` bytes.
///
/// What a field is too short for is in an extended record as well, so that readers
/// without them find the start of it. Media type, provenance, and that nobody knows the
/// time are attributes of our own.
pub(super) fn header(entry: &SourceEntry, size: u64) -> Result<Bytes> {
    let name = match entry.path.is_root() {
        true => ".",
        false => entry.path.as_str().trim_start_matches('/'),
    };
    let mut builder = EntryBuilder::new_ustar();
    let (mode, size, modified) = match &entry.kind {
        SourceKind::Directory => {
            builder.entry_type(EntryType::Directory);
            builder.path(format!("{name}/"));
            (0o755, 0, Some(Timestamp::default()))
        }
        SourceKind::Symlink { target, modified } => {
            builder.entry_type(EntryType::Symlink).path(name);
            builder.link_name(target.as_str());
            (0o777, 0, *modified)
        }
        SourceKind::File {
            executable,
            modified,
            media_type,
            provenance,
            ..
        } => {
            builder.entry_type(EntryType::Regular).path(name);
            // What none is, kept from before types were checked, could not be imported.
            if let Some(said) = media_type
                && media_type_of(said.as_str()).is_ok()
            {
                builder.add_pax(MEDIA_TYPE, said.as_str());
            }
            if let Some(provenance) = provenance {
                builder.add_pax(PROVENANCE, provenance.as_str());
            }
            (if *executable { 0o755 } else { 0o644 }, size, *modified)
        }
        SourceKind::External { .. } | SourceKind::Removed => {
            return Err(Error::new(ErrorKind::Unsupported, "write archive")
                .at(&entry.path)
                .because("an archive has files with their bytes"));
        }
    };
    let millis = modified.map_or(0, Timestamp::as_millis);
    let seconds = u64::try_from(millis / 1000).unwrap_or(0);
    if modified.is_none() {
        builder.add_pax(MODIFIED, "");
    } else if millis < 0 || millis % 1000 != 0 || seconds > MAX_SECONDS {
        builder.add_pax("mtime", seconds_text(millis));
    }
    let built = builder
        .mode(mode)
        .and_then(|builder| builder.size(size))
        .and_then(|builder| builder.mtime(seconds.min(MAX_SECONDS)))
        .and_then(|builder| builder.uid(0))
        .and_then(|builder| builder.gid(0));
    match built {
        Ok(builder) => Ok(builder.finish_bytes().into()),
        Err(error) => Err(Error::new(ErrorKind::Unsupported, "write archive")
            .at(&entry.path)
            .because(error)),
    }
}

fn seconds_text(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let (whole, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    match rest {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{rest:03}"),
    }
}
