//! Git's trees: one directory each, with the modes as they are stored.

use std::cmp::Ordering;

use super::id::ObjectId;
use crate::error::{Error, Result};

/// The most bytes of a name in a tree. Git has no limit; file systems have less.
pub const MAX_TREE_NAME: usize = 4096;

/// The mode of an entry of a tree, as it is stored: 100664 stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mode(u32);

impl Mode {
    /// A file.
    pub const FILE: Self = Self(0o100_644);
    /// A file that may be executed.
    pub const EXECUTABLE: Self = Self(0o100_755);
    /// A symlink; its blob is the target.
    pub const SYMLINK: Self = Self(0o120_000);
    /// A directory.
    pub const TREE: Self = Self(0o040_000);
    /// A submodule: the id of a commit of another repository.
    pub const SUBMODULE: Self = Self(0o160_000);

    /// Returns its bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns what kind of entry has it.
    pub const fn kind(self) -> Option<EntryKind> {
        match self.0 & 0o170_000 {
            0o100_000 => Some(EntryKind::File {
                executable: self.0 & 0o100 != 0,
            }),
            0o120_000 => Some(EntryKind::Symlink),
            0o040_000 => Some(EntryKind::Tree),
            0o160_000 => Some(EntryKind::Submodule),
            _ => None,
        }
    }

    /// Tells whether it is that of a directory.
    pub fn is_tree(self) -> bool {
        self.kind() == Some(EntryKind::Tree)
    }
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symlink.
    Symlink,
    /// A directory.
    Tree,
    /// A submodule.
    Submodule,
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// Its mode.
    pub mode: Mode,
    /// Its name: any bytes but NUL and `/`.
    pub name: &'a [u8],
    /// The id of what it is.
    pub id: ObjectId,
}

/// Goes through the entries of a tree.
#[derive(Debug, Clone)]
pub struct TreeEntries<'a>(&'a [u8]);

impl<'a> TreeEntries<'a> {
    /// Reads the bytes of a tree object.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for TreeEntries<'a> {
    type Item = Result<TreeEntry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match entry(self.0) {
            Ok((entry, rest)) => {
                self.0 = rest;
                Some(Ok(entry))
            }
            Err(why) => {
                self.0 = &[];
                Some(Err(Error::malformed("read tree", why)))
            }
        }
    }
}

fn entry(bytes: &[u8]) -> Result<(TreeEntry<'_>, &[u8]), &'static str> {
    // Six digits are the longest mode.
    let end = bytes.iter().take(7).position(|byte| *byte == b' ');
    let (mode, rest) = bytes.split_at(end.ok_or("a mode that is none")?);
    let digits = mode.iter().all(|byte| (b'0'..=b'7').contains(byte));
    if mode.is_empty() || !digits {
        return Err("a mode that is none");
    }
    let fold = |bits, digit: &u8| bits << 3 | u32::from(digit - b'0');
    let mode = Mode(mode.iter().fold(0, fold));
    if mode.kind().is_none() {
        return Err("a mode of no kind of entry");
    }
    let rest = &rest[1..];
    let end = rest
        .iter()
        .take(MAX_TREE_NAME + 1)
        .position(|byte| *byte == 0);
    let (name, rest) = rest.split_at(end.ok_or("a name that does not end, or is too long")?);
    if name.is_empty() || name.contains(&b'/') {
        return Err("a name that is empty or has a slash");
    }
    let (id, rest) = rest[1..]
        .split_first_chunk()
        .ok_or("an id that is cut off")?;
    let id = ObjectId::from_bytes(*id);
    Ok((TreeEntry { mode, name, id }, rest))
}

/// Appends an entry to the bytes of a tree.
pub fn write_entry(tree: &mut Vec<u8>, entry: &TreeEntry<'_>) {
    tree.extend_from_slice(format!("{:o} ", entry.mode.bits()).as_bytes());
    tree.extend_from_slice(entry.name);
    tree.push(0);
    tree.extend_from_slice(entry.id.as_bytes());
}

/// Compares entries as git orders them: the name of a directory as if it ended in `/`.
pub fn tree_order(one: (&[u8], Mode), other: (&[u8], Mode)) -> Ordering {
    let key = |(name, mode): (&'_ [u8], Mode), at: usize| match name.get(at) {
        Some(byte) => *byte,
        None if mode.is_tree() => b'/',
        None => 0,
    };
    let shared = one.0.len().min(other.0.len());
    one.0[..shared]
        .cmp(&other.0[..shared])
        .then_with(|| key(one, shared).cmp(&key(other, shared)))
        .then_with(|| one.0.len().cmp(&other.0.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ObjectId = ObjectId::from_bytes([7; 20]);

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        let entries = [
            (Mode(0o100_664), &b"group-writable"[..]),
            (Mode::TREE, b"d"),
            (Mode::SUBMODULE, b"m\xff"),
            (Mode::SYMLINK, b"new\nline"),
        ];
        for (mode, name) in entries {
            write_entry(&mut bytes, &TreeEntry { mode, name, id: ID });
        }
        let read: Result<Vec<_>> = TreeEntries::new(&bytes).collect();
        let read: Vec<_> = read.unwrap().iter().map(|e| (e.mode, e.name)).collect();
        assert_eq!(read, entries);
        // Old versions of git wrote it with a leading zero.
        let old = [b"040000 d\0".as_slice(), &[7; 20]].concat();
        let read = TreeEntries::new(&old).next().unwrap().unwrap();
        assert_eq!((read.mode, read.name), (Mode::TREE, &b"d"[..]));
    }

    #[test]
    fn a_tree_that_is_none_is_an_error_and_the_end() {
        let id = [7; 20];
        let long = [
            b"100644 ",
            vec![b'n'; MAX_TREE_NAME + 1].as_slice(),
            b"\0",
            &id,
        ]
        .concat();
        let cases: [&[u8]; 9] = [
            b"x",
            b"100644",
            b"100648 a\0",
            b" a\0",
            b"1006444 a\0",
            b"100644 a",
            b"100644 a\0short",
            b"0 a\0aaaaaaaaaaaaaaaaaaaa",
            &long,
        ];
        for bytes in cases {
            let mut entries = TreeEntries::new(bytes);
            assert!(entries.next().unwrap().is_err(), "{bytes:?}");
            assert!(entries.next().is_none());
        }
        for name in ["", "a/b"] {
            let bytes = [b"100644 ", name.as_bytes(), b"\0", &id].concat();
            assert!(TreeEntries::new(&bytes).next().unwrap().is_err());
        }
    }

    #[test]
    fn directories_sort_as_if_their_names_ended_in_a_slash() {
        let mut entries = [
            (&b"foo"[..], Mode::TREE),
            (b"foo.c", Mode::FILE),
            (b"foo0", Mode::FILE),
            (b"foo-bar", Mode::FILE),
            (b"foo", Mode::SUBMODULE),
        ];
        entries.sort_by(|a, b| tree_order(*a, *b));
        let names: Vec<_> = entries.map(|(name, mode)| (name, mode.is_tree())).into();
        assert_eq!(
            names,
            [
                (&b"foo"[..], false),
                (b"foo-bar", false),
                (b"foo.c", false),
                (b"foo", true),
                (b"foo0", false)
            ]
        );
    }
}
