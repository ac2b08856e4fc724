//! What a binary patch makes of a file: git's base85, zlib, and its deltas, decoded up to a
//! limit that is known before anything is.

use std::io::Read as _;

use diffy::binary::{BinaryBlock, BinaryBlockKind, BinaryPatch};
use flate2::read::ZlibDecoder;

/// Returns what a patch makes of a file of these bytes, where it is the very one that the
/// patch was made from; nothing of it has more than `limit` bytes.
///
/// # Errors
/// Says why it does not fit.
pub(super) fn apply(patch: &BinaryPatch<'_>, old: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let BinaryPatch::Full { forward, reverse } = patch else {
        return Err("it is binary, and what it becomes is not in the patch".into());
    };
    let new = block(forward, old, limit)?;
    match block(reverse, &new, limit)? == old {
        true => Ok(new),
        false => Err("it is binary, and not what the patch was made from".into()),
    }
}

fn block(block: &BinaryBlock<'_>, from: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let data = inflated(block.data.data, block.data.size, limit)?;
    match block.kind {
        BinaryBlockKind::Literal => Ok(data),
        BinaryBlockKind::Delta => delta(from, &data, limit),
    }
}

fn too_large(size: u64, limit: u64) -> String {
    format!("its binary content has {size} bytes, more than {limit}")
}

fn damaged() -> String {
    "its binary content is damaged".into()
}

/// Reads lines of base85, and inflates them to as many bytes as are said.
fn inflated(lines: &[u8], size: u64, limit: u64) -> Result<Vec<u8>, String> {
    if size > limit {
        return Err(too_large(size, limit));
    }
    let mut packed = Vec::with_capacity(lines.len() / 5 * 4);
    for line in lines.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            base85(line, &mut packed).ok_or_else(damaged)?;
        }
    }
    let mut data = Vec::new();
    let mut decoder = ZlibDecoder::new(&*packed);
    let read = decoder.by_ref().take(size + 1).read_to_end(&mut data);
    match read {
        Ok(_) if data.len() as u64 == size => Ok(data),
        _ => Err(damaged()),
    }
}

/// Reads a line of base85: a letter for how many bytes it has, and five digits for four of
/// them.
fn base85(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    /// The digits, as git has them.
    const DIGITS: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let (length, digits) = line.split_first()?;
    let length = match length {
        b'A'..=b'Z' => length - b'A' + 1,
        b'a'..=b'z' => length - b'a' + 27,
        _ => return None,
    };
    let length = usize::from(length);
    if digits.len() != length.div_ceil(4) * 5 {
        return None;
    }
    let end = out.len() + length;
    for five in digits.chunks_exact(5) {
        let mut value: u64 = 0;
        for digit in five {
            let digit = DIGITS.iter().position(|it| it == digit)?;
            value = value * 85 + digit as u64;
        }
        out.extend_from_slice(&u32::try_from(value).ok()?.to_be_bytes());
    }
    out.truncate(end);
    Some(())
}

/// Applies git's delta: the sizes of both sides, and pieces that are copied or new.
fn delta(from: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let mut left = delta;
    let before = size(&mut left).ok_or_else(damaged)?;
    if before != from.len() as u64 {
        return Err("it is binary, and not what the patch was made from".into());
    }
    let after = size(&mut left).ok_or_else(damaged)?;
    if after > limit {
        return Err(too_large(after, limit));
    }
    let mut new = Vec::new();
    while !left.is_empty() {
        let piece = piece(from, &mut left).ok_or_else(damaged)?;
        if (new.len() + piece.len()) as u64 > after {
            return Err(damaged());
        }
        new.extend_from_slice(piece);
    }
    match new.len() as u64 == after {
        true => Ok(new),
        false => Err(damaged()),
    }
}

fn byte(left: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = left.split_first()?;
    *left = rest;
    Some(*byte)
}

/// Reads a number of seven bits a byte, the lowest first.
fn size(left: &mut &[u8]) -> Option<u64> {
    let mut size = 0;
    for shift in (0..63).step_by(7) {
        let byte = byte(left)?;
        size |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// Reads what comes next: a piece of the old file, or bytes that follow.
fn piece<'a>(from: &'a [u8], left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let control = byte(left)?;
    if control & 0x80 == 0 {
        let count = usize::from(control);
        let piece = left.get(..count).filter(|_| count > 0)?;
        *left = &left[count..];
        return Some(piece);
    }
    let mut numbers = [0usize; 2];
    for (bit, (number, shift)) in [(0, 0), (0, 8), (0, 16), (0, 24), (1, 0), (1, 8), (1, 16)]
        .into_iter()
        .enumerate()
    {
        if control & (1 << bit) != 0 {
            numbers[number] |= usize::from(byte(left)?) << shift;
        }
    }
    let [start, count] = numbers;
    let count = if count == 0 { 0x10000 } else { count };
    from.get(start..start.checked_add(count)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(data: &'static [u8], size: u64, kind: BinaryBlockKind) -> BinaryPatch<'static> {
        let block = |kind, size, data| BinaryBlock {
            kind,
            data: diffy::binary::BinaryData { size, data },
        };
        BinaryPatch::Full {
            forward: block(kind, size, data),
            reverse: block(BinaryBlockKind::Literal, 0, b"KcmV+b0RR6000031"),
        }
    }

    const TEN: &[u8] = b"UcmV+l0QLU>0RjUA1qKHQ2>`DEE&u=k";

    #[test]
    fn a_content_is_inflated_to_what_is_said_and_no_further() {
        let literal = |size, limit| apply(&patch(TEN, size, BinaryBlockKind::Literal), b"", limit);
        assert_eq!(literal(10, 10).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(literal(10, 9).unwrap_err().contains("more than 9"));
        for size in [0, 9, 11] {
            assert_eq!(literal(size, 1 << 20), Err(damaged()), "{size}");
        }
        // One that is cut off was inflated for ever.
        for end in 0..TEN.len() {
            let cut = patch(&TEN[..end], 10, BinaryBlockKind::Literal);
            assert_eq!(apply(&cut, b"", 10), Err(damaged()), "{end}");
        }
    }

    #[test]
    fn a_delta_copies_and_adds_up_to_the_size_that_it_says() {
        let from = b"0123456789";
        // Bytes 2 to 5, then "x".
        let whole = [10, 5, 0b1001_0001, 2, 4, 1, b'x'];
        assert_eq!(delta(from, &whole, 9).unwrap(), b"2345x");
        assert!(delta(from, &whole, 4).unwrap_err().contains("more than 4"));
        for end in 0..whole.len() {
            assert!(delta(from, &whole[..end], 9).is_err(), "{end}");
        }
        for (at, byte) in [(0, 9), (1, 4), (1, 6), (3, 9), (4, 0), (5, 0), (5, 2)] {
            let mut other = whole;
            other[at] = byte;
            assert!(delta(from, &other, 9).is_err(), "{at}: {byte}");
        }
    }
}
