//! The bytes of an archive as they stream in.

use bytes::{Buf, Bytes};
use futures::{Stream, TryStreamExt};
use workspace_core::{Error, ErrorKind, Result};

use super::BLOCK;
use super::header::Block;

/// Pieces of up to this many bytes are copied, so that they keep no chunk in memory.
const SMALL: usize = 4096;

/// A stream of bytes, of which it holds a chunk.
pub(super) struct Input<S> {
    stream: S,
    buffer: Bytes,
    at: u64,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Input<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Bytes::new(),
            at: 0,
        }
    }

    /// Returns how many bytes have been read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Fills `into` as far as the stream goes, and returns how far.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() && self.fill().await? {
            let here = self.buffer.len().min(into.len() - filled);
            self.buffer.copy_to_slice(&mut into[filled..filled + here]);
            filled += here;
            self.at += here as u64;
        }
        Ok(filled)
    }

    /// Reads a whole block.
    pub(super) async fn block(&mut self) -> Result<Block> {
        let mut block = [0; BLOCK as usize];
        match self.read(&mut block).await? {
            read if read == block.len() => Ok(block),
            _ => Err(self.cut_off()),
        }
    }

    /// Returns the next bytes, `most` or fewer.
    pub(super) async fn piece(&mut self, most: u64) -> Result<Bytes> {
        if !self.fill().await? {
            return Err(self.cut_off());
        }
        let size = most.min(self.buffer.len() as u64) as usize;
        self.at += size as u64;
        if size > SMALL {
            return Ok(self.buffer.split_to(size));
        }
        let copy = Bytes::copy_from_slice(&self.buffer[..size]);
        self.buffer.advance(size);
        Ok(copy)
    }

    /// Passes over bytes.
    pub(super) async fn skip(&mut self, mut bytes: u64) -> Result<()> {
        while bytes > 0 {
            if !self.fill().await? {
                return Err(self.cut_off());
            }
            let here = bytes.min(self.buffer.len() as u64);
            self.buffer.advance(here as usize);
            self.at += here;
            bytes -= here;
        }
        Ok(())
    }

    /// Tells that the archive goes on after its last byte.
    pub(super) fn cut_off(&self) -> Error {
        Error::new(ErrorKind::Source, "read source").because(format_args!(
            "the archive ends after {} bytes, without its end mark, so some of it is missing",
            self.at
        ))
    }

    /// Sees to it that the buffer holds something; `false` at the end of the stream.
    async fn fill(&mut self) -> Result<bool> {
        while self.buffer.is_empty() {
            match self.stream.try_next().await? {
                Some(chunk) => self.buffer = chunk,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}
