//! Ids of git's objects.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha1dc::Hasher;

use crate::error::{Error, Kind, Result};

/// The id of a git object: the SHA-1 of its kind, its size and its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// How git writes that there is no object.
    pub const ZERO: Self = Self([0; 20]);

    /// Wraps the bytes of an id.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads 40 hexadecimal digits.
    pub fn parse(text: impl AsRef<[u8]>) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_ref()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Returns its bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a git object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree: one directory.
    Tree,
    /// A blob: the bytes of a file, or the target of a symlink.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// Returns git's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// Computes an object's id while its bytes pass. How many there will be is hashed first.
#[derive(Debug)]
pub struct ObjectHasher {
    hasher: Hasher,
    left: Option<u64>,
}

impl ObjectHasher {
    /// Begins an object of `size` bytes.
    pub fn new(kind: ObjectKind, size: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(format!("{} {size}\0", kind.name()).as_bytes());
        Self {
            hasher,
            left: Some(size),
        }
    }

    /// Takes its next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.left = self
            .left
            .and_then(|left| left.checked_sub(bytes.len() as u64));
        self.hasher.update(bytes);
    }

    /// Returns its id; `None` where there were more or fewer bytes than were said.
    ///
    /// # Errors
    /// `Altered` where the bytes were made to collide with others, as git itself refuses.
    pub fn finish(self) -> Result<Option<ObjectId>> {
        let id = digest(self.hasher)?;
        Ok((self.left == Some(0)).then_some(id))
    }
}

/// Returns the id of an object that is in memory.
///
/// # Errors
/// `Altered` where the bytes were made to collide with others.
pub fn object_id(kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
    let mut hasher = Hasher::new();
    hasher.update(format!("{} {}\0", kind.name(), bytes.len()).as_bytes());
    hasher.update(bytes);
    digest(hasher)
}

/// Ends a SHA-1.
pub(super) fn digest(hasher: Hasher) -> Result<ObjectId> {
    match hasher.finalize() {
        Ok(digest) => Ok(ObjectId(digest.into())),
        Err(collision) => Err(Error::new(Kind::Altered, "hash object")
            .at(collision.digest())
            .because("its bytes were made to have the SHA-1 of others")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        for (kind, bytes, id) in [
            (
                ObjectKind::Blob,
                "",
                "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
            ),
            (
                ObjectKind::Blob,
                "hi\n",
                "45b983be36b73c0788dc9cbcb76cbb80fc7bb057",
            ),
            (
                ObjectKind::Tree,
                "",
                "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            ),
        ] {
            let expected = ObjectId::parse(id).unwrap();
            assert_eq!(object_id(kind, bytes.as_bytes()).unwrap(), expected);
            let mut hasher = ObjectHasher::new(kind, bytes.len() as u64);
            for byte in bytes.bytes() {
                hasher.update(&[byte]);
            }
            assert_eq!(hasher.finish().unwrap(), Some(expected));
            assert_eq!(expected.to_string(), id);
        }
    }

    #[test]
    fn an_object_of_another_size_than_it_said_has_no_id() {
        for size in [0, 1, 3] {
            let mut hasher = ObjectHasher::new(ObjectKind::Blob, size);
            hasher.update(b"hi");
            assert_eq!(hasher.finish().unwrap(), None, "{size}");
        }
    }

    #[test]
    fn what_is_no_id_is_not_read() {
        for text in [
            "",
            "e69de29",
            &"g".repeat(40),
            &"a".repeat(41),
            &"a".repeat(42),
        ] {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
        assert!(ObjectId::parse("A".repeat(40)).is_some());
    }
}
