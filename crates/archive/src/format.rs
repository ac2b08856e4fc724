//! What a file is, by how it begins.

use crate::tar::{BLOCK, is_header};

/// What kind of archive a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A tar archive, not packed.
    Tar,
    /// A zip archive.
    Zip,
    /// Packed by gzip; what it packs has to be seen.
    Gzip,
    /// Packed by zstd; what it packs has to be seen.
    Zstd,
    /// Another format, by its name.
    Other(&'static str),
}

/// How formats begin that nothing here reads.
const OTHERS: [(&[u8], &str); 17] = [
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"!<arch>\n", "ar (a Debian package or a library)"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x1f\x9d", "compress"),
    (b"\x1f\xa0", "compress"),
    (b"\x5d\0\0", "lzma"),
    (b"LZIP", "lzip"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (b"\xc7\x71", "cpio"),
    (b"MSCF", "cab"),
    (b"xar!", "xar"),
    (b"hsqs", "squashfs"),
];

/// What archives are called that nothing here writes.
const OTHER_NAMES: [&str; 15] = [
    "tar.xz", "txz", "tar.bz2", "tbz2", "tbz", "tar.lz", "tlz", "tar.lz4", "tar.lzma", "tar.br",
    "tar.z", "taz", "7z", "rar", "cpio",
];

impl Format {
    /// How much of the beginning tells.
    pub const START: usize = BLOCK as usize;

    /// Returns what begins like this, where that is known. A header of tar's counts
    /// before all else: a member may be called `PK…` or `BZh…`.
    pub fn of(start: &[u8]) -> Option<Self> {
        let block = start.first_chunk::<{ BLOCK as usize }>();
        if block.is_some_and(|block| is_header(block) || block.iter().all(|byte| *byte == 0)) {
            return Some(Self::Tar);
        }
        match start {
            // A member, the end of an empty archive, or the mark of a split one.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => {
                Some(Self::Zip)
            }
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable one before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => OTHERS
                .iter()
                .find(|(magic, _)| start.starts_with(magic))
                .map(|(_, name)| Self::Other(name)),
        }
    }

    /// Returns what it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Other(name) => name,
        }
    }
}

/// What kind of archive a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// `*.tar`
    Tar,
    /// `*.tar.gz` or `*.tgz`
    TarGzip,
    /// `*.tar.zst` or `*.tzst`
    TarZstd,
    /// `*.zip`
    Zip,
    /// Another kind of archive, which nothing here reads or writes.
    Other,
}

impl ArchiveKind {
    /// Returns what a name says, in upper case too; `None` where that is no archive.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let any = |endings: &[&str]| {
            let is = |ending: &&str| {
                name.strip_suffix(ending)
                    .is_some_and(|rest| rest.ends_with('.'))
            };
            endings.iter().any(is)
        };
        if any(&["tar"]) {
            Some(Self::Tar)
        } else if any(&["tar.gz", "tgz"]) {
            Some(Self::TarGzip)
        } else if any(&["tar.zst", "tzst"]) {
            Some(Self::TarZstd)
        } else if any(&["zip"]) {
            Some(Self::Zip)
        } else {
            any(&OTHER_NAMES).then_some(Self::Other)
        }
    }

    /// Returns how such a file begins.
    pub fn format(self) -> Option<Format> {
        match self {
            Self::Tar => Some(Format::Tar),
            Self::TarGzip => Some(Format::Gzip),
            Self::TarZstd => Some(Format::Zstd),
            Self::Zip => Some(Format::Zip),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_told_by_their_names() {
        for (name, kind) in [
            ("site.tar", Some(ArchiveKind::Tar)),
            ("site.TAR", Some(ArchiveKind::Tar)),
            ("site.tar.gz", Some(ArchiveKind::TarGzip)),
            ("v1.2.tgz", Some(ArchiveKind::TarGzip)),
            ("site.Tar.Zst", Some(ArchiveKind::TarZstd)),
            ("site.tzst", Some(ArchiveKind::TarZstd)),
            ("site.zip", Some(ArchiveKind::Zip)),
            ("site.tar.xz", Some(ArchiveKind::Other)),
            ("site.7z", Some(ArchiveKind::Other)),
            ("site", None),
            ("tar", None),
            ("zip", None),
            ("site.gz", None),
            ("site.tar.d", None),
        ] {
            assert_eq!(ArchiveKind::named(name), kind, "{name}");
        }
    }

    #[test]
    fn formats_are_told_by_how_they_begin() {
        for (start, format) in [
            (&b"PK\x03\x04rest"[..], Some(Format::Zip)),
            (b"PK\x05\x06", Some(Format::Zip)),
            (b"PKGBUILD", None),
            (b"\x1f\x8b\x08", Some(Format::Gzip)),
            (b"\x28\xb5\x2f\xfd", Some(Format::Zstd)),
            (b"\x51\x2a\x4d\x18", Some(Format::Zstd)),
            (b"BZh91AY", Some(Format::Other("bzip2"))),
            (b"just some text", None),
            (b"", None),
            (&[0; 512], Some(Format::Tar)),
            (&[0; 511], None),
        ] {
            assert_eq!(Format::of(start), format, "{start:?}");
        }
    }
}
