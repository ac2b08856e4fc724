//! Writes a pack, whose objects are whole.

use std::collections::HashSet;

use flate2::{Compress, Compression, FlushCompress, Status};
use sha1dc::Hasher;

use super::{MAGIC, number_of};
use crate::error::{Error, Result};
use crate::git::id::{ObjectId, ObjectKind, digest, object_id};

/// Puts a pack together in memory, each object once.
#[derive(Debug)]
pub struct PackWriter {
    packed: Vec<u8>,
    seen: HashSet<ObjectId>,
    limit: usize,
}

impl PackWriter {
    /// Begins a pack of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            packed: [&MAGIC[..], &[0; 4]].concat(),
            seen: HashSet::new(),
            limit,
        }
    }

    /// Adds an object unless it is there; returns its id.
    ///
    /// # Errors
    /// `LimitExceeded`, and then nothing was added.
    pub fn add(&mut self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        let id = object_id(kind, bytes)?;
        if self.seen.contains(&id) {
            return Ok(id);
        }
        let start = self.packed.len();
        self.header(number_of(kind), bytes.len());
        let mut deflate = Compress::new(Compression::default(), true);
        loop {
            let at = deflate.total_in() as usize;
            self.packed.reserve(4096);
            let packed = &mut self.packed;
            let status = deflate
                .compress_vec(&bytes[at..], packed, FlushCompress::Finish)
                .map_err(|error| Error::malformed("write pack", error.to_string()))?;
            if self.packed.len() > self.limit {
                self.packed.truncate(start);
                return Err(Error::limit(
                    "write pack",
                    format!("more than {} bytes", self.limit),
                ));
            }
            if status == Status::StreamEnd {
                self.seen.insert(id);
                return Ok(id);
            }
        }
    }

    /// Writes what an object is, and its size: four bits, then seven a byte.
    fn header(&mut self, kind: u8, size: usize) {
        let mut byte = kind << 4 | (size & 15) as u8;
        let mut left = size >> 4;
        while left > 0 {
            self.packed.push(byte | 0x80);
            byte = (left & 0x7f) as u8;
            left >>= 7;
        }
        self.packed.push(byte);
    }

    /// Returns how many objects there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Returns the pack, with its number of objects and its check sum.
    ///
    /// # Errors
    /// `LimitExceeded` for more objects than a pack can count.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let count = u32::try_from(self.seen.len())
            .map_err(|_| Error::limit("write pack", "more objects than a pack can count"))?;
        self.packed[MAGIC.len()..][..4].copy_from_slice(&count.to_be_bytes());
        let mut hasher = Hasher::new();
        hasher.update(&self.packed);
        let sum = digest(hasher)?;
        self.packed.extend_from_slice(sum.as_bytes());
        Ok(self.packed)
    }
}
