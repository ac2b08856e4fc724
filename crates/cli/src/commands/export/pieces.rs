//! Bytes in pieces of one size.

use std::io;

/// How long a piece is.
const SIZE: usize = 64 << 10;

/// Hands bytes on in pieces of one size, however they come: what a packer makes of them
/// depends on where they are cut, and the same files are to be the same archive.
#[derive(Default)]
pub(super) struct Pieces {
    held: Vec<u8>,
}

impl Pieces {
    /// Takes bytes, and writes each piece that is full.
    pub(super) fn put(
        &mut self,
        mut bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(SIZE - self.held.len()));
            self.held.extend_from_slice(taken);
            bytes = rest;
            if self.held.len() == SIZE {
                write(&self.held)?;
                self.held.clear();
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn end(&mut self, mut write: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        write(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_in_the_same_places_however_bytes_come() {
        let all: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        for size in [1, 1000, SIZE, SIZE + 1, 200_000] {
            let mut found = Vec::new();
            let mut pieces = Pieces::default();
            let mut write = |piece: &[u8]| {
                found.push(piece.to_vec());
                Ok(())
            };
            for bytes in all.chunks(size) {
                pieces.put(bytes, &mut write).unwrap();
            }
            pieces.end(&mut write).unwrap();
            assert!(found == all.chunks(SIZE).collect::<Vec<_>>(), "{size}");
        }
    }
}
