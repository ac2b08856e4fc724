//! The archive of a commit, as it comes.

use std::io::{self, BufRead, Read};

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::bufread::GzDecoder;
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt as _, TryStreamExt as _};
use workspace_archive::{RawKind, TarReader};

use crate::error::{Error, Kind, Result};
use crate::git::ObjectId;
use crate::remote::Remote;
use crate::transport::Body;

/// How much is unpacked at a time.
const PIECE: usize = 64 << 10;

/// The members of the archive of a commit, whose names begin below its first directory.
pub(crate) struct Tarball {
    reader: TarReader<BoxStream<'static, workspace_core::Result<Bytes>>>,
}

/// A member of the archive: what it may be compared by.
#[derive(Debug)]
pub(crate) struct TarMember {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: TarKind,
}

#[derive(Debug)]
pub(crate) enum TarKind {
    File { executable: bool, size: u64 },
    Symlink(Vec<u8>),
    Other,
}

impl Tarball {
    /// Asks for the archive.
    pub(crate) async fn open(remote: &Remote, commit: &ObjectId) -> Result<Self> {
        let body = remote.tarball(commit).await?;
        Ok(Self {
            reader: TarReader::new(gunzip(body, remote.limits.archive)),
        })
    }

    /// Moves to the next member; `None` at the end of an archive that is whole.
    pub(crate) async fn next(&mut self) -> Result<Option<TarMember>> {
        loop {
            let Some(member) = self.reader.next_raw().await? else {
                return Ok(None);
            };
            // All is in one directory, which is named after the commit.
            let Some(slash) = member.name.iter().position(|byte| *byte == b'/') else {
                continue;
            };
            let path = member.name[slash + 1..].to_vec();
            let kind = match member.kind {
                RawKind::File {
                    size,
                    sparse: false,
                    executable,
                    ..
                } => TarKind::File { executable, size },
                RawKind::Symlink { target, .. } => TarKind::Symlink(target),
                _ => TarKind::Other,
            };
            return Ok(Some(TarMember { path, kind }));
        }
    }

    /// Returns the next bytes of the file.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        Ok(self.reader.chunk().await?)
    }
}

/// What came and was not unpacked yet; asks for more by saying that it would wait.
#[derive(Debug, Default)]
struct Came {
    bytes: Bytes,
    ended: bool,
}

impl BufRead for Came {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.bytes.is_empty() && !self.ended {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(&self.bytes),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.advance(amount);
    }
}

impl Read for Came {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let here = from.len().min(into.len());
        into[..here].copy_from_slice(&from[..here]);
        self.consume(here);
        Ok(here)
    }
}

struct Gunzip {
    body: Body,
    decoder: GzDecoder<Came>,
    left: u64,
}

/// Unpacks what comes, at most `limit` bytes of it.
pub(crate) fn gunzip(body: Body, limit: u64) -> BoxStream<'static, workspace_core::Result<Bytes>> {
    let state = Gunzip {
        body,
        decoder: GzDecoder::new(Came::default()),
        left: limit,
    };
    let unpacked = try_unfold(state, |mut state| async {
        let piece = state.next().await?;
        Ok::<_, Error>(piece.map(|piece| (piece, state)))
    });
    unpacked.map_err(workspace_core::Error::from).boxed()
}

impl Gunzip {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut piece = BytesMut::zeroed(PIECE);
        loop {
            match self.decoder.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
                        Error::limit("read archive", "more bytes than an archive may have")
                    })?;
                    piece.truncate(read);
                    return Ok(Some(piece.freeze()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.body.next().await.transpose()? {
                        Some(bytes) => self.decoder.get_mut().bytes = bytes,
                        None => self.decoder.get_mut().ended = true,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(Error::new(Kind::Truncated, "read archive"));
                }
                Err(_) => {
                    return Err(Error::malformed("read archive", "gzip did not write it"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures::executor::block_on;
    use futures::stream;

    use super::*;

    fn unpacked(bytes: &[u8], size: usize, limit: u64) -> Result<Vec<u8>> {
        let pieces: Vec<_> = bytes
            .chunks(size)
            .map(Bytes::copy_from_slice)
            .map(Ok)
            .collect();
        let mut stream = gunzip(stream::iter(pieces).boxed(), limit);
        block_on(async {
            let mut whole = Vec::new();
            while let Some(piece) = stream.next().await {
                let piece = piece?;
                assert!(piece.len() <= PIECE);
                whole.extend_from_slice(&piece);
            }
            Ok(whole)
        })
    }

    #[test]
    fn what_gzip_packed_is_unpacked_however_it_comes() {
        let text: Vec<u8> = (0..100_000u32).map(|at| (at / 7) as u8).collect();
        let mut writer = flate2::GzBuilder::new()
            .filename("name")
            .write(Vec::new(), flate2::Compression::fast());
        writer.write_all(&text).unwrap();
        let packed = writer.finish().unwrap();
        for size in [1, 2, 7, 1000, usize::MAX] {
            assert_eq!(unpacked(&packed, size, 1 << 20).unwrap(), text, "{size}");
        }
        for end in (0..packed.len()).step_by(101) {
            let error = unpacked(&packed[..end], 5, 1 << 20).unwrap_err();
            assert_eq!(error.kind(), Kind::Truncated, "{end}");
        }
        let error = unpacked(&packed, 1000, 99_999).unwrap_err();
        assert_eq!(error.kind(), Kind::LimitExceeded);
        let mut altered = packed.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(
            unpacked(&altered, 9, 1 << 20).unwrap_err().kind(),
            Kind::Altered
        );
        assert_eq!(
            unpacked(b"<!DOCTYPE html><html>", 9, 1 << 20)
                .unwrap_err()
                .kind(),
            Kind::Altered
        );
    }
}
