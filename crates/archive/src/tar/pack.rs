//! The source of an import as a tar archive, to be sent.

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use workspace_core::{
    EntrySource, Error, ErrorKind, Imported, Result, SourceEntry, SourceKind, TreePath,
};

use super::padding;
use super::write::{end_mark, header, zeros};

/// About as many bytes go over at once.
const CHUNK: usize = 64 << 10;
/// A file of up to this many bytes is read before its header is written, so that
/// one that changes meanwhile goes over as it was read.
const HELD: usize = 1 << 20;

/// The most files that may end too soon, and come again.
const MAX_BROKEN: u32 = 16;

/// Packs a source chunk by chunk, and calls `sent` with what has gone into the
/// archive after each entry.
///
/// A file that ends before it has as many bytes as it was said to have is filled up with
/// zeros, and has to come again, as of a path the last entry counts. It is an error at the
/// end where it does not, and where that happens more than 16 times.
///
/// Holds two chunks, or a file of up to 1 MiB.
pub fn pack(
    source: Box<dyn EntrySource>,
    sent: impl FnMut(&Imported) + Send + 'static,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let packer = Packer {
        source,
        out: BytesMut::new(),
        file: None,
        zeros: None,
        broken: Vec::new(),
        breaks: 0,
        imported: Imported::default(),
        sent,
        ended: false,
    };
    stream::try_unfold(packer, Packer::step)
}

struct Packer<F> {
    source: Box<dyn EntrySource>,
    out: BytesMut,
    /// The large file under way: its path, size, and how much of it is left.
    file: Option<(TreePath, u64, u64)>,
    /// How many bytes are still to be filled up of a file of that size.
    zeros: Option<(u64, u64)>,
    /// Files that have ended too soon and not come again, and by how many bytes.
    broken: Vec<(TreePath, u64)>,
    breaks: u32,
    imported: Imported,
    sent: F,
    ended: bool,
}

impl<F: FnMut(&Imported)> Packer<F> {
    async fn step(mut self) -> Result<Option<(Bytes, Self)>> {
        while self.out.len() < CHUNK && !self.ended {
            if let Some((size, left)) = self.zeros.take() {
                self.fill(size, left);
                continue;
            }
            match self.file.take() {
                Some(file) => self.go_on(file).await?,
                None => match self.source.next().await? {
                    Some(entry) => self.begin(entry).await?,
                    None => {
                        if let Some((path, left)) = self.broken.first() {
                            return Err(too_soon(path, *left));
                        }
                        self.out.extend_from_slice(&end_mark());
                        self.ended = true;
                    }
                },
            }
        }
        let chunk = self.out.split().freeze();
        Ok((!chunk.is_empty()).then_some((chunk, self)))
    }

    async fn begin(&mut self, entry: SourceEntry) -> Result<()> {
        self.broken.retain(|(path, _)| *path != entry.path);
        let SourceKind::File { size, .. } = entry.kind else {
            match entry.kind {
                SourceKind::Directory => self.imported.directories += 1,
                _ => self.imported.symlinks += 1,
            }
            self.out.extend_from_slice(&header(&entry, 0)?);
            (self.sent)(&self.imported);
            return Ok(());
        };
        self.imported.files += 1;
        if let Some(size) = size.filter(|size| *size > HELD as u64) {
            self.out.extend_from_slice(&header(&entry, size)?);
            self.file = Some((entry.path, size, size));
            return Ok(());
        }
        let mut held = BytesMut::new();
        while let Some(chunk) = self.source.chunk().await? {
            held.extend_from_slice(&chunk);
            if held.len() > HELD {
                return Err(changed(
                    &entry.path,
                    "it is longer than was known beforehand",
                ));
            }
        }
        let size = held.len() as u64;
        self.out.extend_from_slice(&header(&entry, size)?);
        self.out.extend_from_slice(&held);
        self.end_file(size);
        Ok(())
    }

    async fn go_on(&mut self, (path, size, left): (TreePath, u64, u64)) -> Result<()> {
        let Some(chunk) = self.source.chunk().await? else {
            if left > 0 {
                self.breaks += 1;
                if self.breaks > MAX_BROKEN {
                    return Err(too_soon(&path, left));
                }
                self.imported.files -= 1;
                self.broken.push((path, left));
                self.zeros = Some((size, left));
                return Ok(());
            }
            self.end_file(size);
            return Ok(());
        };
        let left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| changed(&path, "it is longer than it was said to be"))?;
        self.out.extend_from_slice(&chunk);
        self.file = Some((path, size, left));
        Ok(())
    }

    /// Writes zeros in place of what did not come of a file.
    fn fill(&mut self, size: u64, left: u64) {
        let now = left.min(CHUNK as u64);
        self.out.resize(self.out.len() + now as usize, 0);
        match left - now {
            0 => self.out.extend_from_slice(&zeros(padding(size))),
            left => self.zeros = Some((size, left)),
        }
    }

    fn end_file(&mut self, size: u64) {
        self.out.extend_from_slice(&zeros(padding(size)));
        self.imported.bytes += size;
        (self.sent)(&self.imported);
    }
}

fn too_soon(path: &TreePath, left: u64) -> Error {
    changed(path, &format!("it ends {left} bytes too soon"))
}

fn changed(path: &TreePath, why: &str) -> Error {
    Error::new(ErrorKind::Source, "read source")
        .at(path)
        .because(why)
}
