//! An export as a tar archive.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt, stream};
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;
use workspace_core::store::ByteStream;
use workspace_core::{Entry, Error, ErrorKind, Export, Result, TreePath};

use super::{BLOCK, padding};

/// What comes next in the archive.
enum State {
    Entry,
    Body(ByteStream<'static>, u64),
    Ended,
}

/// About as many bytes go over at once, or a chunk of a large file.
const CHUNK: usize = 64 << 10;

/// Returns an export as a tar archive in POSIX format, chunk by chunk.
///
/// Files are 0644 or 0755, times are whole seconds from 1970 on.
pub(crate) fn tar_stream(export: Export) -> impl Stream<Item = Result<Bytes>> {
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
                None => (zeros(2 * BLOCK), (export, State::Ended)),
                Some(exported) => {
                    let header = header(&exported.path, &exported.entry)?;
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

pub(super) fn zeros(count: u64) -> Bytes {
    static ZEROS: [u8; 2 * BLOCK as usize] = [0; 2 * BLOCK as usize];
    Bytes::from_static(&ZEROS[..count as usize])
}

fn header(path: &TreePath, entry: &Entry) -> Result<Bytes> {
    let name = path.as_str().trim_start_matches('/');
    let mut builder = EntryBuilder::new_ustar();
    let seconds = entry.modified().map_or(0, |time| time.as_millis() / 1000);
    let built = match entry {
        Entry::File(file) => {
            builder.entry_type(EntryType::Regular).path(name);
            let mode = if file.executable { 0o755 } else { 0o644 };
            builder
                .mode(mode)
                .and_then(|builder| builder.size(file.size))
        }
        Entry::Directory(_) => {
            builder
                .entry_type(EntryType::Directory)
                .path(format!("{name}/"));
            builder.mode(0o755).and_then(|builder| builder.size(0))
        }
        Entry::Symlink(symlink) => {
            builder.entry_type(EntryType::Symlink).path(name);
            builder.link_name(symlink.target.as_str());
            builder.mode(0o777).and_then(|builder| builder.size(0))
        }
    };
    let owned = built
        .and_then(|builder| builder.mtime(seconds.max(0) as u64))
        .and_then(|builder| builder.uid(0))
        .and_then(|builder| builder.gid(0));
    match owned {
        Ok(builder) => Ok(builder.finish_bytes().into()),
        Err(error) => Err(Error::new(ErrorKind::Unsupported, "write archive")
            .at(path)
            .because(error)),
    }
}
