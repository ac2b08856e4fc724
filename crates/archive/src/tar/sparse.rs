//! Sparse files: regions of bytes, and zeros between them.

use workspace_core::{Error, ErrorKind, Reason, Result};

use super::number::number;

/// The most regions of one file, which are held in memory.
pub(super) const MAX_REGIONS: usize = 100_000;

/// Bytes of a sparse file that are in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Where in a sparse file its reader is.
#[derive(Debug)]
pub(super) struct Sparse {
    /// The regions that are left, the first one last.
    regions: Vec<Region>,
    at: u64,
    size: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Zeros(u64),
    Stored(u64),
    End,
}

impl Sparse {
    /// Checks a map.
    ///
    /// # Errors
    /// `Invalid` where its regions are not in order within `size` bytes, or are not
    /// the `stored` bytes that follow.
    pub(super) fn new(mut regions: Vec<Region>, size: u64, stored: u64) -> Result<Self> {
        let (mut at, mut bytes) = (0, 0_u64);
        for region in &regions {
            let end = region.offset.checked_add(region.length);
            let end = end.filter(|end| region.offset >= at && *end <= size);
            at = end.ok_or_else(|| wrong("its regions are not in order within its size"))?;
            bytes += region.length;
        }
        if bytes != stored {
            return Err(wrong("its regions are not as long as what is stored of it"));
        }
        regions.retain(|region| region.length > 0);
        regions.reverse();
        Ok(Self {
            regions,
            at: 0,
            size,
        })
    }

    /// Returns what comes next, and how long it is.
    pub(super) fn piece(&self) -> Piece {
        match self.regions.last() {
            Some(region) if region.offset > self.at => Piece::Zeros(region.offset - self.at),
            Some(region) => Piece::Stored(region.offset + region.length - self.at),
            None if self.size > self.at => Piece::Zeros(self.size - self.at),
            None => Piece::End,
        }
    }

    /// Goes on by some of what comes next.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        let over = |region: &Region| region.offset + region.length <= self.at;
        if self.regions.last().is_some_and(over) {
            self.regions.pop();
        }
    }
}

/// Reads the regions in a header of old GNU tar, or in a block that goes on with them:
/// pairs of 12 bytes, up to one that is blank.
pub(super) fn regions(pairs: &[u8], found: &mut Vec<Region>) -> Result<()> {
    for pair in pairs.chunks_exact(24) {
        let (offset, length) = pair.split_at(12);
        if pair[0] == 0 || length[0] == 0 {
            break;
        }
        let value = |field| number(field).and_then(|number| u64::try_from(number).ok());
        let (Some(offset), Some(length)) = (value(offset), value(length)) else {
            return Err(wrong("a region that is no number"));
        };
        if found.len() >= MAX_REGIONS {
            return Err(too_many());
        }
        found.push(Region { offset, length });
    }
    Ok(())
}

/// Tells whether `path` is what GNU tar and bsdtar call a sparse file named `name` for
/// readers that know no sparse files: `d/GNUSparseFile.1234/f` for `d/f`.
pub(super) fn stands_for(path: &[u8], name: &[u8]) -> bool {
    let (above, last) = match name.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&name[..=slash], &name[slash + 1..]),
        None => (&b""[..], name),
    };
    // Where there is no directory GNU tar writes `./`.
    let rest = path.strip_prefix(above).map(|rest| match above {
        b"" => rest.strip_prefix(b"./").unwrap_or(rest),
        _ => rest,
    });
    let rest = rest.and_then(|rest| rest.strip_prefix(b"GNUSparseFile."));
    rest.and_then(|rest| rest.strip_suffix(last))
        .and_then(|rest| rest.strip_suffix(b"/"))
        .is_some_and(|number| number.iter().all(u8::is_ascii_digit))
}

/// A sparse file whose map cannot be meant.
pub(super) fn wrong(why: &str) -> Error {
    Error::invalid(Reason::MalformedArchive, "read source")
        .because(format_args!("a sparse file: {why}"))
}

/// A sparse file with more regions than are held.
pub(super) fn too_many() -> Error {
    Error::new(ErrorKind::LimitExceeded, "read source").because(format_args!(
        "a sparse file of more than {MAX_REGIONS} regions"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(offset: u64, length: u64) -> Region {
        Region { offset, length }
    }

    #[test]
    fn regions_have_zeros_between_them() {
        let map = vec![region(0, 2), region(2, 0), region(5, 3), region(9, 0)];
        let mut sparse = Sparse::new(map, 9, 5).unwrap();
        let mut pieces = Vec::new();
        while sparse.piece() != Piece::End {
            let piece = sparse.piece();
            let (Piece::Zeros(bytes) | Piece::Stored(bytes)) = piece else {
                break;
            };
            pieces.push(piece);
            sparse.advance(bytes);
        }
        let expected = [
            Piece::Stored(2),
            Piece::Zeros(3),
            Piece::Stored(3),
            Piece::Zeros(1),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn the_name_that_stands_for_a_sparse_file_is_known() {
        for (path, name, stands) in [
            (&b"d/GNUSparseFile.12/f"[..], &b"d/f"[..], true),
            (b"./GNUSparseFile.12/f", b"f", true),
            (b"./GNUSparseFile.12/f", b"./f", true),
            (b"GNUSparseFile.0/f", b"f", true),
            (b"GNUSparseFile.0/g", b"f", false),
            (b"pname", b"sname", false),
            (b"GNUSparseFile.0/x/f", b"f", false),
        ] {
            assert_eq!(stands_for(path, name), stands, "{path:?}");
        }
    }

    #[test]
    fn a_map_that_cannot_be_meant_is_refused() {
        for (map, size, stored) in [
            (vec![region(0, 4), region(2, 4)], 9, 8),
            (vec![region(5, 1), region(0, 1)], 9, 2),
            (vec![region(5, 5)], 9, 5),
            (vec![region(u64::MAX, 5)], u64::MAX, 5),
            (vec![region(0, 4)], 9, 5),
            (vec![], 9, 1),
        ] {
            let error = Sparse::new(map, size, stored).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
}
