//! Identifiers: hashes of what they name, counters, and opaque keys.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::OnceLock;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::reason::Reason;
use crate::tree::encode_node;

/// Writes an id of up to 32 bytes.
fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; 64];
    let digits = digits.get_mut(..2 * bytes.len()).ok_or(fmt::Error)?;
    HEXLOWER.encode_mut(bytes, digits);
    f.write_str(std::str::from_utf8(digits).map_err(|_| fmt::Error)?)
}

fn parse_hex<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N]> {
    let invalid = |why: String| {
        Error::invalid(Reason::MalformedId, what)
            .at(text)
            .because(why)
    };
    if text.len() != 2 * N {
        return Err(invalid(format!("expected {} hex digits", 2 * N)));
    }
    let mut bytes = [0; N];
    match HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(invalid("expected hex digits".into())),
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Wraps bytes that came from a store or an id source.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes, for a store.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                write_hex(&self.0, f)?;
                f.write_str(")")
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                parse_hex(text, $what).map(Self)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = Error;

            fn try_from(bytes: &[u8]) -> Result<Self> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(_) => Err(Error::new(ErrorKind::Corrupt, $what)
                        .because(format!("{} bytes, expected {}", bytes.len(), $len))),
                }
            }
        }
    };
}

byte_id! {
    /// Identifies the bytes of a file: their SHA-256 (FIPS 180-4).
    ContentId, 32, "parse content id"
}

byte_id! {
    /// Identifies a directory: the SHA-256 of its canonically encoded root node.
    TreeId, 32, "parse tree id"
}

byte_id! {
    /// Identifies a working copy within its workspace: 16 bytes from the id source.
    CopyId, 16, "parse copy id"
}

byte_id! {
    /// Identifies a grant or a preview within its workspace: 16 bytes from the id
    /// source. It says nothing about the token.
    GrantId, 16, "parse grant id"
}

byte_id! {
    /// The SHA-256 of a token, which is all that is kept of it.
    TokenHash, 32, "parse token hash"
}

byte_id! {
    /// What a call asks for, as the SHA-256 that tells it from other calls.
    RequestHash, 32, "parse request hash"
}

impl RequestHash {
    /// Hashes the parts that say what is asked for, each with its length before it, so that
    /// no two lists of parts are hashed as the same bytes.
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl CopyId {
    /// Returns the first and the last id that start with `text`: 4 to 32 hex digits.
    /// A start is for people who see what it finds: any day another copy can start so.
    pub fn starting(text: &str) -> Option<RangeInclusive<Self>> {
        if text.len() < 4 {
            return None;
        }
        let first = format!("{text:0<32}").parse().ok()?;
        let last = format!("{text:f<32}").parse().ok()?;
        Some(first..=last)
    }

    /// Returns the id before this one; `None` for the first of all.
    pub fn before(&self) -> Option<Self> {
        let before = u128::from_be_bytes(self.0).checked_sub(1)?;
        Some(Self(before.to_be_bytes()))
    }
}

impl TokenHash {
    /// Hashes a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl ContentId {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl TreeId {
    /// Returns the id of the directory without entries. Its node is implied: it
    /// may be referred to, and no store holds it.
    pub fn empty() -> Self {
        static EMPTY: OnceLock<TreeId> = OnceLock::new();
        *EMPTY.get_or_init(|| Self::of_node(&encode_node(0, 0, &[])))
    }

    /// Hashes an encoded node. The tag keeps a file that holds a node's bytes
    /// from having the node's id.
    pub(crate) fn of_node(encoded: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"workspace tree\0");
        hash.update(encoded);
        Self(hash.finalize().into())
    }
}

macro_rules! counter_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number; the first is 1.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// Returns the number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Returns the number that follows.
            pub(crate) const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text.parse() {
                    // The largest integer that every store and JavaScript carry exactly.
                    Ok(number) if (1..1 << 53).contains(&number) => Ok(Self(number)),
                    _ => Err(Error::invalid(Reason::MalformedId, $what)
                        .at(text.escape_debug())
                        .because("expected a number from 1 on")),
                }
            }
        }
    };
}

counter_id! {
    /// Identifies a revision within its workspace: 1, 2, 3, …
    RevisionId, "parse revision id"
}

counter_id! {
    /// Identifies an operation within its copy: 1, 2, 3, …
    OperationId, "parse operation id"
}

/// The opaque key of an object in the blob store.
///
/// Invariants: 1 to 64 characters out of `0-9 a-z`. It says nothing about the
/// content, so that a stream can be stored while it is being hashed.
///
/// ```
/// use workspace_core::BlobKey;
/// assert!("0f3a".parse::<BlobKey>().is_ok());
/// for bad in ["", "UPPER", "a/b", "..", "a b"] {
///     assert!(bad.parse::<BlobKey>().is_err());
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

impl BlobKey {
    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(CopyId(bytes).to_string())
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobKey({})", self.0)
    }
}

impl FromStr for BlobKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |c: u8| c.is_ascii_digit() || c.is_ascii_lowercase();
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(Error::invalid(Reason::MalformedId, "parse blob key")
                .at(text)
                .because("expected 1 to 64 of 0-9 and a-z"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_rejects() {
        let id = ContentId::of(b"abc");
        assert_eq!(
            id.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(id.to_string().parse::<ContentId>().unwrap(), id);
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(
                bad.parse::<ContentId>().unwrap_err().kind(),
                ErrorKind::Invalid
            );
        }
        assert!("0".parse::<RevisionId>().is_err());
        assert!("-1".parse::<RevisionId>().is_err());
    }

    #[test]
    fn a_request_is_hashed_part_by_part() {
        let hash = |parts: &[&str]| RequestHash::of(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab", ""]), hash(&["ab"]));
    }

    #[test]
    fn a_file_that_holds_a_node_does_not_share_its_id() {
        assert_ne!(
            TreeId::of_node(b"x").as_bytes(),
            ContentId::of(b"x").as_bytes()
        );
    }
}
