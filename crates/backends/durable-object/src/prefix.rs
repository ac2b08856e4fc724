//! Where the objects of a workspace are in a bucket that it shares with others.

use workspace_core::{BlobKey, Error, Reason, Result};

/// The start of every key of a workspace's objects.
///
/// Invariants: ends in the only `/` that it has, after 1 to 128 characters out of
/// `0-9 A-Z a-z - _`. So no workspace's prefix begins another's, and none can be
/// made to point out of itself.
///
/// ```
/// use workspace_durable_object::Prefix;
/// assert!(Prefix::new("photos-2026").is_ok());
/// for bad in ["", "a/b", "..", "a.b", "größe", " "] {
///     assert!(Prefix::new(bad).is_err());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// Makes the prefix of a workspace from a name that no other one has; the hex
    /// id of its Durable Object is one.
    ///
    /// # Errors
    /// `Invalid` for any other name.
    pub fn new(workspace: &str) -> Result<Self> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if (1..=128).contains(&workspace.len()) && workspace.bytes().all(plain) {
            Ok(Self(format!("{workspace}/")))
        } else {
            Err(Error::invalid(Reason::MalformedName, "name workspace")
                .at(workspace.escape_debug())
                .because("expected 1 to 128 of 0-9, A-Z, a-z, - and _"))
        }
    }

    /// Returns the prefix, with its `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of an object in the bucket.
    pub fn object(&self, key: &BlobKey) -> String {
        format!("{}{key}", self.0)
    }

    /// Returns the key of an object in the bucket; `None` for a name that this
    /// project did not give.
    pub fn key(&self, object: &str) -> Option<BlobKey> {
        object.strip_prefix(&self.0)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_back_and_forth() {
        let prefix = Prefix::new("a").unwrap();
        let key: BlobKey = "0f3a".parse().unwrap();
        assert_eq!(prefix.object(&key), "a/0f3a");
        assert_eq!(prefix.key("a/0f3a"), Some(key));
        for foreign in ["a/", "a/B", "a/b/c", "ab/0f3a", "0f3a", "/a/0f3a"] {
            assert_eq!(prefix.key(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_name_that_tries_to_be_a_path_is_refused() {
        for bad in ["", ".", "..", "/", "a/", "a/b", "a\\b", "a\0", "a b", "ä"] {
            assert!(Prefix::new(bad).is_err(), "{bad:?}");
        }
        assert!(Prefix::new(&"x".repeat(128)).is_ok());
        assert!(Prefix::new(&"x".repeat(129)).is_err());
    }
}
