//! Pkt-lines: each piece of git's protocol, after its length in four hexadecimal digits.

use crate::error::{Error, Kind, Result};

/// The most bytes of a line, its length included.
pub(super) const MAX_LINE: usize = 65_520;
/// Ends a list, or an answer.
pub(super) const FLUSH: &[u8] = b"0000";
/// Ends a section.
pub(super) const DELIMITER: &[u8] = b"0001";

/// A line, or what stands for no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Data(&'a [u8]),
    Flush,
    Delimiter,
    /// The end of an answer of a connection without state.
    End,
}

/// Appends a line. All that this crate writes is far shorter than a line may be.
pub(super) fn write_line(out: &mut Vec<u8>, line: &[u8]) {
    debug_assert!(line.len() + 4 <= MAX_LINE);
    out.extend_from_slice(format!("{:04x}", line.len() + 4).as_bytes());
    out.extend_from_slice(line);
}

/// Cuts what comes in into lines. Holds one that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes bytes, and hands on the lines that are whole.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(Packet<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            // A line that came in one piece is not copied.
            if self.partial.is_empty() {
                match length(bytes)? {
                    Some(length) if bytes.len() >= length.max(4) => {
                        let (line, rest) = bytes.split_at(length.max(4));
                        bytes = rest;
                        on(packet(length, line))?;
                        continue;
                    }
                    _ => {
                        self.partial.extend_from_slice(bytes);
                        return Ok(());
                    }
                }
            }
            let wanted = match length(&self.partial)? {
                Some(length) => length.max(4),
                None => 4,
            };
            let here = bytes.len().min(wanted - self.partial.len());
            self.partial.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            match length(&self.partial)? {
                Some(length) if self.partial.len() >= length.max(4) => {
                    let line = std::mem::take(&mut self.partial);
                    on(packet(length, &line))?;
                }
                _ if bytes.is_empty() => return Ok(()),
                _ => {}
            }
        }
    }

    /// Tells that no line is left in the middle.
    pub(super) fn finish(&self) -> Result<()> {
        match self.partial.is_empty() {
            true => Ok(()),
            false => Err(Error::new(Kind::Truncated, "read answer")
                .because("it ends in the middle of a line")),
        }
    }
}

/// Returns how long a line is, once four digits are there.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(digits) = bytes.first_chunk::<4>() else {
        return Ok(None);
    };
    let digit = |length: Option<usize>, byte: &u8| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(length? << 4 | digit as usize)
    };
    let length = digits.iter().fold(Some(0), digit);
    match length {
        Some(length) if length <= MAX_LINE && length != 3 => Ok(Some(length)),
        _ => Err(Error::malformed(
            "read answer",
            "it is not in the lines of git's protocol",
        )),
    }
}

fn packet(length: usize, line: &[u8]) -> Packet<'_> {
    match length {
        0 => Packet::Flush,
        1 => Packet::Delimiter,
        2 => Packet::End,
        _ => Packet::Data(&line[4..]),
    }
}

/// Returns text of the other side, so that it can be shown: one line, at most 500 characters.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(500)
        .collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], size: usize) -> Result<Vec<(usize, Vec<u8>)>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in bytes.chunks(size) {
            lines.push(piece, |packet| {
                found.push(match packet {
                    Packet::Flush => (0, Vec::new()),
                    Packet::Delimiter => (1, Vec::new()),
                    Packet::End => (2, Vec::new()),
                    Packet::Data(data) => (4, data.to_vec()),
                });
                Ok(())
            })?;
        }
        lines.finish()?;
        Ok(found)
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let mut bytes = Vec::new();
        write_line(&mut bytes, b"one\n");
        write_line(&mut bytes, b"");
        bytes.extend_from_slice(b"00010002");
        write_line(&mut bytes, &[b'x'; MAX_LINE - 4]);
        bytes.extend_from_slice(FLUSH);
        let whole = cut(&bytes, usize::MAX).unwrap();
        assert_eq!(whole.len(), 6);
        for size in [1, 2, 3, 5, 1000] {
            assert_eq!(cut(&bytes, size).unwrap(), whole, "{size}");
        }
        for end in [1, 3, 5, 7] {
            let error = cut(&bytes[..end], 2).unwrap_err();
            assert_eq!(error.kind(), Kind::Truncated);
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for bytes in ["0003", "fff1", "00g0", "<htm", "+001", " 001"] {
            assert!(cut(bytes.as_bytes(), 1).is_err(), "{bytes}");
        }
    }
}
