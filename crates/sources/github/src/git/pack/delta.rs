//! Deltas: an object as copies out of another, and bytes of its own.

use crate::error::{Error, Result};

/// A delta whose beginning was read.
#[derive(Debug)]
pub(super) struct Delta<'a> {
    /// How many bytes the object has that it is made from.
    pub(super) base: u64,
    /// How many bytes it makes.
    pub(super) size: u64,
    steps: &'a [u8],
}

impl<'a> Delta<'a> {
    pub(super) fn read(delta: &'a [u8]) -> Result<Self> {
        let (base, rest) = size(delta)?;
        let (size, steps) = size(rest)?;
        Ok(Self { base, size, steps })
    }

    /// Makes the object. Takes as much memory as [`size`](Self::size) says, and no more.
    pub(super) fn apply(&self, base: &[u8]) -> Result<Vec<u8>> {
        if self.base != base.len() as u64 {
            return Err(wrong("of an object of another size"));
        }
        let size = usize::try_from(self.size).map_err(|_| wrong("of more than there can be"))?;
        let mut made = Vec::with_capacity(size);
        let mut steps = self.steps;
        while let Some((step, rest)) = steps.split_first() {
            let piece;
            (piece, steps) = match *step {
                0 => return Err(wrong("with a step that is reserved")),
                step if step & 0x80 != 0 => copy(base, step, rest)?,
                own => rest.split_at_checked(own.into()).ok_or_else(short)?,
            };
            if piece.len() > size - made.len() {
                return Err(wrong("that makes more than it says"));
            }
            made.extend_from_slice(piece);
        }
        match made.len() == size {
            true => Ok(made),
            false => Err(wrong("that makes less than it says")),
        }
    }
}

/// Reads which part of the base is copied: bits say which bytes of offset and length are
/// there.
fn copy<'a, 'b>(base: &'a [u8], step: u8, mut rest: &'b [u8]) -> Result<(&'a [u8], &'b [u8])>
where
    'b: 'a,
{
    let mut bytes = [0; 7];
    for (bit, byte) in bytes.iter_mut().enumerate() {
        if step >> bit & 1 == 1 {
            let (first, after) = rest.split_first().ok_or_else(short)?;
            (*byte, rest) = (*first, after);
        }
    }
    let [a, b, c, d, e, f, g] = bytes;
    let offset = u32::from_le_bytes([a, b, c, d]) as usize;
    let length = match u32::from_le_bytes([e, f, g, 0]) as usize {
        0 => 0x1_0000,
        length => length,
    };
    let end = offset.checked_add(length);
    let piece = end.and_then(|end| base.get(offset..end));
    let piece = piece.ok_or_else(|| wrong("that copies what is not there"))?;
    Ok((piece, rest))
}

/// Reads a number of seven bits a byte, the lowest first.
fn size(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[at + 1..]));
        }
    }
    Err(wrong("without its sizes"))
}

fn short() -> Error {
    wrong("that ends too soon")
}

fn wrong(why: &str) -> Error {
    Error::malformed("read pack", format!("a delta {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(base: &[u8], delta: &[u8]) -> Result<Vec<u8>> {
        Delta::read(delta)?.apply(base)
    }

    #[test]
    fn a_delta_copies_and_inserts() {
        let delta = b"\x05\x08\x91\x01\x03\x02xy\x90\x03";
        assert_eq!(applied(b"abcde", delta).unwrap(), b"bcdxyabc");
        let long = vec![b'z'; 0x1_0000];
        // A length of zero stands for 65,536.
        let delta = [0x80, 0x80, 4, 0x80, 0x80, 4, 0x80];
        assert_eq!(applied(&long, &delta).unwrap(), long);
    }

    #[test]
    fn a_delta_that_is_none_is_refused() {
        for delta in [
            &b""[..],
            b"\x05",
            b"\x04\x01\x90\x01",
            b"\x05\x01\x00",
            b"\x05\x02\x90\x01",
            b"\x05\x01\x90\x02",
            b"\x05\x03\x91\x04\x03",
            b"\x05\x03\x03ab",
            b"\x05\x01\x91\x00",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert!(applied(b"abcde", delta).is_err(), "{delta:?}");
        }
    }
}
