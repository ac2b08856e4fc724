//! A pack of one object, which may have any size: its bytes are handed on as they come.

use flate2::{Decompress, FlushDecompress, Status};
use sha1dc::Hasher;

use super::reader::{What, header, wrong};
use super::{MAGIC, PackSink};
use crate::error::{Error, Kind, Result};
use crate::git::id::{ObjectHasher, ObjectId, digest};

/// The most bytes that are handed on at once.
const PIECE: usize = 64 << 10;

/// Reads a pack of one whole object. Holds what was taken last, and 64 KiB.
#[derive(Debug)]
pub struct SingleObject {
    state: State,
    /// What was taken and not read yet.
    pending: Vec<u8>,
    read: usize,
    at: u64,
    inflate: Decompress,
    hasher: Hasher,
    object: Option<ObjectHasher>,
    left: u64,
    size: Option<u64>,
    id: Option<ObjectId>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Start,
    Header,
    Bytes,
    Sum,
    End,
}

impl Default for SingleObject {
    fn default() -> Self {
        Self {
            state: State::Start,
            pending: Vec::new(),
            read: 0,
            at: 0,
            inflate: Decompress::new(true),
            hasher: Hasher::new(),
            object: None,
            left: 0,
            size: None,
            id: None,
        }
    }
}

impl PackSink for SingleObject {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.drain(..self.read);
        self.read = 0;
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn complete(&self) -> Result<()> {
        match self.state {
            State::End if self.read == self.pending.len() => Ok(()),
            State::End => Err(wrong("it goes on after its end")),
            _ => Err(Error::new(Kind::Truncated, "read pack")),
        }
    }
}

impl SingleObject {
    /// Returns the object's id, once all of it came.
    ///
    /// # Errors
    /// `Truncated` before.
    pub fn id(&self) -> Result<Option<ObjectId>> {
        self.complete()?;
        Ok(self.id)
    }

    /// Returns how many bytes the object has; `None` where more of the pack is needed.
    ///
    /// # Errors
    /// `Altered` for what is no such pack.
    pub fn size(&mut self) -> Result<Option<u64>> {
        if self.size.is_none() {
            self.begin()?;
        }
        Ok(self.size)
    }

    /// Returns the next bytes of the object; `None` where more of the pack is needed, or at
    /// its end.
    ///
    /// # Errors
    /// `Altered` for what is no such pack.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        self.begin()?;
        loop {
            let rest = &self.pending[self.read..];
            match self.state {
                State::Start | State::Header => return Ok(None),
                State::Bytes if rest.is_empty() => return Ok(None),
                State::Bytes => {
                    let piece = self.inflate()?;
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                State::Sum => {
                    let Some(sum) = rest.first_chunk::<20>().copied() else {
                        return Ok(None);
                    };
                    if digest(std::mem::take(&mut self.hasher))?.as_bytes() != &sum {
                        return Err(wrong("its check sum is not that of its bytes"));
                    }
                    self.read += 20;
                    self.state = State::End;
                }
                State::End if rest.is_empty() => return Ok(None),
                State::End => return Err(wrong("it goes on after its end")),
            }
        }
    }

    /// Reads what is before the bytes of the object, as far as it is there.
    fn begin(&mut self) -> Result<()> {
        let rest = &self.pending[self.read..];
        if let State::Start = self.state {
            let Some(start) = rest.first_chunk::<12>() else {
                return Ok(());
            };
            if start[..8] != MAGIC[..] || start[8..] != [0, 0, 0, 1] {
                return Err(wrong("it is not one of one object"));
            }
            self.pass(12);
            self.state = State::Header;
        }
        let rest = &self.pending[self.read..];
        if let State::Header = self.state {
            let mut found = None;
            for end in 1..=rest.len().min(31) {
                found = header(&rest[..end], self.at)?.map(|header| (header, end));
                if found.is_some() {
                    break;
                }
            }
            let Some((header, end)) = found else {
                return Ok(());
            };
            let What::Whole(kind) = header.what else {
                return Err(wrong("deltas of objects that are not in it"));
            };
            self.left = header.size as u64;
            self.size = Some(self.left);
            self.object = Some(ObjectHasher::new(kind, self.left));
            self.pass(end);
            self.state = State::Bytes;
        }
        Ok(())
    }

    /// Counts bytes of the pack as read.
    fn pass(&mut self, bytes: usize) {
        self.hasher.update(&self.pending[self.read..][..bytes]);
        self.read += bytes;
        self.at += bytes as u64;
    }

    fn inflate(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE);
        let before = self.inflate.total_in();
        let rest = &self.pending[self.read..];
        let status = self
            .inflate
            .decompress_vec(rest, &mut piece, FlushDecompress::None)
            .map_err(|_| wrong("an object that zlib did not write"))?;
        let read = (self.inflate.total_in() - before) as usize;
        self.pass(read);
        if let Some(object) = &mut self.object {
            object.update(&piece);
        }
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| wrong("an object that is longer than it says"))?;
        if status == Status::StreamEnd {
            if self.left > 0 {
                return Err(wrong("an object that is shorter than it says"));
            }
            let object = self.object.take();
            self.id = object.map(ObjectHasher::finish).transpose()?.flatten();
            self.state = State::Sum;
        } else if read == 0 && piece.is_empty() {
            return Err(wrong("an object that does not go on"));
        }
        Ok(piece)
    }
}
