//! Marks of a collection: bitmaps over the places of nodes and contents.

use std::collections::BTreeMap;

use workspace_core::Result;

use crate::pack::SLOTS;

/// How many places a row of marks covers: those of 2,048 packs, 16 KiB of bits.
const PLACES: u64 = 2048 * SLOTS;

/// The bitmaps that a transaction has read, and those that it changed.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    chunks: BTreeMap<u64, Chunk>,
}

#[derive(Debug)]
struct Chunk {
    /// Without the zeros at its end.
    bits: Vec<u8>,
    changed: bool,
}

impl Marks {
    /// Tells whether a place has a mark; `load` reads a bitmap by its number.
    pub(crate) fn has(
        &mut self,
        place: u64,
        load: impl FnOnce(u64) -> Result<Option<Vec<u8>>>,
    ) -> Result<bool> {
        let (byte, bit) = position(place);
        let bits = &self.chunk(place, load)?.bits;
        Ok(bits.get(byte).is_some_and(|bits| bits & bit != 0))
    }

    /// Marks a place; returns whether it had none.
    pub(crate) fn set(
        &mut self,
        place: u64,
        load: impl FnOnce(u64) -> Result<Option<Vec<u8>>>,
    ) -> Result<bool> {
        let (byte, bit) = position(place);
        let chunk = self.chunk(place, load)?;
        if chunk.bits.len() <= byte {
            chunk.bits.resize(byte + 1, 0);
        }
        let new = chunk.bits[byte] & bit == 0;
        chunk.bits[byte] |= bit;
        chunk.changed |= new;
        Ok(new)
    }

    /// Forgets what was read and changed.
    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Returns the bitmaps that were changed, with their numbers.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let changed = self.chunks.iter().filter(|(_, chunk)| chunk.changed);
        changed.map(|(number, chunk)| (*number, &chunk.bits[..]))
    }

    fn chunk(
        &mut self,
        place: u64,
        load: impl FnOnce(u64) -> Result<Option<Vec<u8>>>,
    ) -> Result<&mut Chunk> {
        let number = place / PLACES;
        Ok(match self.chunks.entry(number) {
            std::collections::btree_map::Entry::Occupied(chunk) => chunk.into_mut(),
            std::collections::btree_map::Entry::Vacant(chunk) => {
                let bits = load(number)?.unwrap_or_default();
                chunk.insert(Chunk {
                    bits,
                    changed: false,
                })
            }
        })
    }
}

/// Returns the byte of a place in its bitmap, and the bit there.
fn position(place: u64) -> (usize, u8) {
    let at = place % PLACES;
    ((at / 8) as usize, 1 << (at % 8))
}
